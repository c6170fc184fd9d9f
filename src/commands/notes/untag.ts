import { bold, code, line } from '../../chat/answers/answer.ts';
import { when } from '../../chat/answers/phrases.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { nextAbout, subjectArgument } from './parts/subject.ts';
import { tagLine } from './parts/tag-line.ts';
import { checkTagName, tagArgument } from './parts/tag-name.ts';

export default defineCommand({
  name: 'untag',
  synonyms: ['delete-tag', 'remove-tag'],
  summary: 'Removes a tag from a user or a room',
  does: ['undo it with the rest of the tag’s time: !undo'],
  args: {
    target: subjectArgument,
    name: tagArgument,
  },
  danger: 'change',
  withoutEnd: true,
  example: 'untag @mallory:example.com known-spammer',
  check({ name }) {
    checkTagName(name);
  },
  assertReady: async ({ args, services, now }) =>
    services.tags.assertThere(args.target, args.name, now),
  run: async ({ args, services, now }) => services.tags.remove(args.target, args.name, now),
  answer: ({ now }, { subject, name, expiresAt }) => ({
    mark: '✅',
    title: [bold('Removed the tag'), ' ', code(name), ' from ', code(subject)],
    body: expiresAt === null ? [] : [line(`It would have ended ${when(expiresAt, now)}.`)],
    next: nextAbout(subject),
    data: { subject, name },
  }),
  undo: (_, tag) => tagLine(tag),
  reconcile: async ({ args, services, now }) =>
    services.tags.reconcileRemoved(args.target, args.name, now),
});
