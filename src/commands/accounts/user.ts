import { accountFacts, accountState, person } from '../../chat/answers/account.ts';
import { facts, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { notedLines } from '../../chat/answers/noted.ts';
import { count, when } from '../../chat/answers/phrases.ts';
import { userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import type { Account, AccountTraits } from '../../services/services.ts';
import { externalIdText, threepidText } from './parts/profile-flags.ts';
import { liftingCommands, notForServices } from './parts/restriction.ts';
import { masAndSynapse } from './parts/sides.ts';

/** How many notes are shown: the newest. */
const shownNotes = 3;

export default defineCommand({
  name: 'user',
  synonyms: ['account', 'info', 'lookup', 'profile', 'query-user', 'show'],
  summary: 'Shows an account',
  args: { account: userArgument },
  danger: 'read',
  example: 'user @mallory:example.com',
  endpoints: [
    'GET /_synapse/admin/v2/users/{user_id}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v2/users/{user_id}/devices',
    'GET /_synapse/admin/v1/users/{user_id}/media',
  ],
  async run({ args: { account }, services, now }) {
    const [footprint, summary, tags, notes] = await Promise.all([
      services.accounts.footprint(account),
      services.history.summary({ kind: 'user', id: account.name }),
      services.tags.of(account.name, now),
      services.notes.about(account.name, shownNotes),
    ]);
    return { account, footprint, summary, tags, notes };
  },
  answer({ now, role, botUser, services, prefix }, { account, footprint, summary, tags, notes }) {
    const { actions, items, openItems, reports, reporters, reported } = summary;
    const { threepids, externalIds, ...impersonal } = account;
    // Viewers see only what anybody in a room with the user could see.
    const isTold = role !== 'viewer';
    const addresses = (isTold ? threepids : []).map(threepidText);
    const logins = (isTold ? externalIds : []).map(externalIdText);
    const body: Block[] = [
      accountFacts(account, footprint, now),
      facts(
        reports > 0 &&
          `Reported ${reports === 1 ? 'once' : count(reports, 'time')} by ${count(reporters, 'person', 'people')}`,
        reports > 0 && (openItems > 0 ? `${count(openItems, 'case')} open` : 'no open cases'),
        actions === 0 ? 'No previous actions' : count(actions, 'previous action'),
        ...addresses,
        logins.length > 0 && `logs in as ${logins.join(', ')}`,
        account.userType !== null && `type ${account.userType}`,
      ),
    ];
    body.push(...notedLines({ tags, notes }, (at) => when(at, now)));
    body.push(...masAndSynapse(account), ...notForServices(account, prefix));
    if (account.consentVersion !== null) {
      body.push(line(`Agreed to terms ${account.consentVersion} ${when(account.consentTs, now)}`));
    }
    return {
      mark: 'ℹ️',
      title: [...person(account), `: ${accountState(account)}`],
      body,
      next: [
        ...(isTold ? [`whois ${idWord(account.name)}`] : []),
        ...(actions + items + reported + notes.count + tags.length > 0
          ? [`history ${idWord(account.name)}`]
          : []),
        // Protected accounts can't be acted on, and viewers can't act on anybody.
        ...(role === 'viewer' || account.admin || account.name === botUser
          ? []
          : actionsOn(account, services.accounts.traits)),
      ],
      data: isTold ? account : impersonal,
    };
  },
});

function actionsOn(account: Account, { canShadowBan }: AccountTraits): string[] {
  const { name, appserviceId, deactivated, suspended } = account;
  if (appserviceId !== null) {
    return [`${suspended ? 'unsuspend' : 'suspend'} ${idWord(name)}`];
  }
  if (deactivated) {
    return [`reactivate ${idWord(name)}`];
  }
  const lifting = liftingCommands(account);
  return [
    ...(lifting.length === 0 ? [canShadowBan ? 'shadow-ban' : 'suspend'] : lifting),
    'deactivate',
  ].map((command) => `${command} ${idWord(name)}`);
}
