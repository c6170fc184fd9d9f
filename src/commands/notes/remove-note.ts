import { bold, code, line } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { nextAbout, subjectArgument } from './parts/subject.ts';

/** Characters of the note that the answer shows. */
const shownText = 300;

export default defineCommand({
  name: 'remove-note',
  synonyms: ['delete-note', 'unnote'],
  summary: 'Removes a note',
  does: ['keep the text of the last 100 removed notes, so that they can be restored'],
  doesNot: ['remove the text from the audit log'],
  args: {
    target: subjectArgument,
    note: positional('integer', 'The number of the note', { min: 1, placeholder: 'NUMBER' }),
  },
  danger: 'change',
  withoutEnd: true,
  example: 'remove-note @mallory:example.com 3',
  assertReady: async ({ args, services }) =>
    services.notes.assertIs(args.target, args.note, { removed: false }),
  run: async ({ args, services, now }) => services.notes.remove(args.target, args.note, now),
  answer: (_, { id, subject, text }) => ({
    mark: '✅',
    title: [bold(`Removed note ${id}`), ' about ', code(subject)],
    body: [line('“', inert(text, shownText), '”')],
    next: [`restore-note ${idWord(subject)} ${id}`, ...nextAbout(subject)],
    data: { id, subject },
  }),
  undo: (_, { subject, id }) => `restore-note ${idWord(subject)} ${id}`,
  reconcile: async ({ args, services }) => services.notes.reconcileRemoved(args.target, args.note),
});
