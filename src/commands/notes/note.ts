import { bold, code, line } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { actorName } from '../../chat/command/invocation.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { assertSubject, nextAbout, subjectArgument } from './parts/subject.ts';

/** Characters that a note may have. */
const maxText = 2000;
/** Characters of it that the answer shows. */
const shownText = 300;

export default defineCommand({
  name: 'note',
  aliases: ['add-note'],
  synonyms: ['annotate', 'comment', 'memo', 'remark', 'remember'],
  summary: 'Writes a note about a user or a room',
  does: [
    'show it with !user, !room, !history and on report cards',
    'keep the text exactly as it was typed, with quotes, dashes and line breaks; flags come before the user or room',
    'accept users of other servers',
  ],
  doesNot: ['tell the user', 'tell the homeserver anything'],
  args: {
    target: subjectArgument,
    text: positional('text', `What to remember, up to ${maxText} characters`, {
      rest: true,
      verbatim: true,
    }),
  },
  danger: 'change',
  withoutEnd: true,
  example: 'note @mallory:example.com Promised on 1 May to stop; warned by phone',
  endpoints: ['GET /_synapse/admin/v2/users/{user_id}'],
  check({ text }) {
    if (text.trim() === '') {
      throw new UsageError('The note is empty.', { word: text });
    }
    if (text.length > maxText) {
      throw new UsageError(
        `The note is too long: ${text.length} characters. The limit is ${maxText}.`,
        { advice: 'Write several notes, or put the text somewhere else and note where.' },
      );
    }
  },
  assertReady: async (context) => assertSubject(context, context.args.target),
  async run(context) {
    const { args, actor, origin, services, now } = context;
    await assertSubject(context, args.target);
    const note = {
      subject: args.target,
      text: args.text.trim(),
      author: actorName(actor),
      at: now,
    };
    return services.notes.add(note, origin.event);
  },
  answer: (_, note) => ({
    mark: '✅',
    title: [bold(`Note ${note.id}`), ' about ', code(note.subject)],
    body: [line('“', inert(note.text, shownText), '”')],
    next: [`remove-note ${idWord(note.subject)} ${note.id}`, ...nextAbout(note.subject)],
    data: note,
  }),
  undo: (_, { subject, id }) => `remove-note ${idWord(subject)} ${id}`,
  reconcile: async ({ args, origin, services }) =>
    services.notes.reconcileAdded(origin.event, args.target),
});
