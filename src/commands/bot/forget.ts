import { bold, code, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { UsageError } from '../../core/errors.ts';
import { mentionReplacer } from '../../core/forgotten.ts';
import type { UserId } from '../../core/ids.ts';
import type { ForgetRequest, Mentions } from '../../services/services.ts';

export default defineCommand({
  name: 'forget',
  synonyms: ['gdpr', 'anonymize', 'purge-user'],
  summary: 'Removes a person from the bot’s database',
  does: [
    'replace their ID everywhere in the database by one that names nobody',
    'delete reported texts, notes and tags, and the reasons and texts of reports and actions about them',
    'keep that something was done, by whom, and when: the chain of the audit log still verifies',
  ],
  doesNot: [
    'change the account or anything else on the homeserver (see !deactivate, !redact-user, !delete-media)',
    'remove messages of this room',
    'change backups that exist already',
    'forget people who have asked for or confirmed anything here',
    'find other names for them in texts about other people (see !audit --text)',
  ],
  args: { user: positional('identity', 'Who is forgotten: a user of any server') },
  danger: 'critical',
  reversible: false,
  // What moderators did stays on record.
  alwaysProtects: true,
  // The record of it must not name whom it forgets.
  audit: { redact: ['user'] },
  example: 'forget @mallory:example.com',
  async preview(context) {
    const { args, services } = context;
    assertNotNamed(context);
    const found = await services.forgetting.find(args.user, context.origin.event);
    return {
      title: ['Forget ', code(args.user), '?'],
      body: [
        line(`Named in: ${mentionsText(found)}`),
        line('This command and its answers add a few rows of their own, which go with the others.'),
        line(
          'Will: replace their ID by one that names nobody, and delete what I keep of reported texts, reasons, notes and tags about them',
        ),
        line(
          'Will not: change anything on the homeserver, remove messages of this room, change existing backups',
        ),
        line(
          'Transparency reports will count what was about them as “not specified”, also those of past months.',
        ),
        line('While I rewrite the database file, I answer nobody: about a second for 100 MB.'),
      ],
      warning:
        'It can’t be undone: the database will no longer say whom these entries were about. Links to reported messages stay; while a message is on the homeserver, its sender can be seen there.',
    };
  },
  async run(context) {
    assertNotNamed(context);
    return context.services.forgetting.forget(requestOf(context));
  },
  answer: (_, { as, notCompacted, ...found }) => ({
    mark: notCompacted === undefined ? '✅' : '⚠️',
    ...(notCompacted === undefined ? {} : { status: 'partial' as const }),
    title: [bold('Forgotten: '), `was named in ${mentionsText(found)}`],
    body: [
      ...(notCompacted === undefined
        ? []
        : [
            line(
              `The database file could not be rewritten, so deleted bytes are left in it: ${notCompacted}`,
            ),
          ]),
      line('In their place now stands ', code(as)),
      line('Messages of this room and backups from before still name them.'),
    ],
    next: [`audit --target ${as}`, 'audit verify'],
    data: { as, ...found },
  }),
  reconcile: async (context) => context.services.forgetting.reconcile(requestOf(context)),
});

type ForgetContext = Pick<Context, 'audit' | 'now' | 'origin' | 'reason'> & {
  readonly args: { readonly user: UserId };
};

function requestOf({ args, audit, now, origin }: ForgetContext): ForgetRequest {
  if (audit === undefined) {
    throw new TypeError('only what is carried out forgets');
  }
  return { user: args.user, event: origin.event, entry: audit, now };
}

/** @throws UsageError the reason, which is kept, names them */
function assertNotNamed({ args, reason = '' }: ForgetContext): void {
  if (mentionReplacer(args.user, '')(reason) !== reason) {
    throw new UsageError('The reason must not name them: it is kept.');
  }
}

function mentionsText({ entries, reports, others }: Mentions): string {
  return [
    `${count(entries, 'entry', 'entries')} of the audit log`,
    `${count(reports, 'row')} of reports`,
    count(others, 'other row'),
  ].join(' · ');
}
