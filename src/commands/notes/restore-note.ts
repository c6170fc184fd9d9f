import { bold, code, line } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { nextAbout, subjectArgument } from './parts/subject.ts';

/** Characters of the note that the answer shows. */
const shownText = 300;

export default defineCommand({
  name: 'restore-note',
  synonyms: ['undelete-note'],
  summary: 'Brings back a removed note',
  args: {
    target: subjectArgument,
    note: positional('integer', 'The number of the note', { min: 1, placeholder: 'NUMBER' }),
  },
  danger: 'change',
  withoutEnd: true,
  example: 'restore-note @mallory:example.com 3',
  assertReady: async ({ args, services }) =>
    services.notes.assertIs(args.target, args.note, { removed: true }),
  run: async ({ args, services }) => services.notes.restore(args.target, args.note),
  answer: (_, { id, subject, text }) => ({
    mark: '✅',
    title: [bold(`Restored note ${id}`), ' about ', code(subject)],
    body: [line('“', inert(text, shownText), '”')],
    next: nextAbout(subject),
    data: { id, subject },
  }),
  undo: (_, { subject, id }) => `remove-note ${idWord(subject)} ${id}`,
  reconcile: async ({ args, services }) => services.notes.reconcileRestored(args.target, args.note),
});
