import { bold, code, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { DeniedError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Mentions } from '../../services/services.ts';

export default defineCommand({
  name: 'forget',
  synonyms: ['gdpr', 'anonymize', 'purge-user'],
  summary: 'Removes a person from the bot’s database',
  does: [
    'replace their ID everywhere in the database by one that names nobody',
    'delete the text of what they wrote, what others wrote in reports about them, and the reasons of actions on them',
    'keep that something was done, by whom, and when: the chain of the audit log still verifies',
  ],
  doesNot: [
    'change the account or anything else on the homeserver (see !deactivate, !redact-user, !delete-media)',
    'remove messages of this room',
    'change backups that exist already',
    'find other names for them in texts about other people (see !audit --text)',
  ],
  args: { user: positional('identity', 'Who is forgotten: a user of any server') },
  danger: 'critical',
  reversible: false,
  // The record of it must not name whom it forgets.
  audit: { redact: ['user'] },
  example: 'forget @mallory:example.com',
  async preview(context) {
    const { args, services } = context;
    assertAnother(context);
    const found = await services.forgetting.find(args.user);
    return {
      title: ['Forget ', code(args.user), '?'],
      body: [
        line(`In the database: ${mentionsText(found)}`),
        line(
          'Will: replace their ID by one that names nobody, delete texts by them and about them, rewrite the database file (I answer nobody meanwhile: about a second for 100 MB)',
        ),
        line(
          'Will not: change anything on the homeserver, remove messages of this room, change existing backups',
        ),
      ],
      warning: 'It can’t be undone: nobody will be able to say whom these entries were about.',
    };
  },
  async run(context) {
    assertAnother(context);
    return context.services.forgetting.forget(context.args.user, context.origin.event);
  },
  answer: (_, { as, ...found }) => ({
    mark: '✅',
    title: [bold('Forgotten: '), mentionsText(found)],
    body: [
      line('In their place now stands ', code(as)),
      line('Messages of this room and backups from before still name them.'),
    ],
    next: [`audit --target ${as}`, 'audit verify'],
    data: { as, ...found },
  }),
  reconcile: async ({ args, services }) => services.forgetting.reconcile(args.user),
});

/** @throws DeniedError nobody deletes their own record */
function assertAnother({ actor, args }: Pick<Context, 'actor'> & { args: { user: UserId } }): void {
  if (actor.kind !== 'rule' && actor.user === args.user) {
    throw new DeniedError('nobody can delete their own record', 'Ask another admin.');
  }
}

function mentionsText({ entries, reports, others }: Mentions): string {
  return [
    `${count(entries, 'entry', 'entries')} of the audit log`,
    `${count(reports, 'row')} of reports`,
    count(others, 'other row'),
  ].join(' · ');
}
