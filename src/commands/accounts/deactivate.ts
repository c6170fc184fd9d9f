import {
  accountFacts,
  accountStateShort,
  didTo,
  nameAndId,
  standing,
} from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { amount, count } from '../../chat/answers/phrases.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import type { Account } from '../../services/services.ts';
import { notForServices } from './parts/restriction.ts';

interface Flags {
  readonly erase: boolean;
}

const nothingToDo = (account: Account, { erase }: Flags) =>
  account.deactivated && (!erase || account.erased)
    ? `is already ${accountStateShort(account)}`
    : undefined;

const warning = ({ erase }: Flags) =>
  erase
    ? 'Erasing can’t be undone.'
    : 'Reactivating the account does not restore rooms, devices and addresses.';

export default defineCommand({
  name: 'deactivate',
  synonyms: [
    'close',
    'delete',
    'delete-account',
    'delete-user',
    'disable',
    'erase',
    'gdpr',
    'remove',
    'remove-user',
    'terminate',
  ],
  summary: 'Permanently deactivates accounts',
  does: [
    'log out all devices and end access tokens',
    'remove the password, e-mail addresses and phone numbers',
    'leave all rooms and reject invites',
    'delete account data, room keys on the server and pushers',
    'with --erase: hide messages from people who join later, remove name and avatar',
  ],
  doesNot: [
    'stop users of application services (see !suspend)',
    'delete files',
    'redact messages',
    'make the username available again',
    'remove server admin rights',
    'delete copies on other servers',
  ],
  args: {
    accounts: usersArgument,
    erase: flag('boolean', 'Also erase; this can’t be undone', { default: false }),
  },
  danger: 'destructive',
  resolvesReports: true,
  partlyUndoneBy: 'reactivate',
  example: 'deactivate @mallory:example.com --erase --reason spam',
  endpoints: ['POST /_synapse/admin/v1/deactivate/{user_id}'],

  ignoredByServices: true,
  inBatch: ({ erase }) => (erase ? 'Deactivate and erase' : 'Deactivate'),

  repeats: true,
  knownFromList: true,
  nothingToDo,
  warning,

  async preview({ args: { accounts: account, erase }, services, prefix, now }) {
    const idle = nothingToDo(account, { erase });
    if (idle !== undefined) {
      throw new TargetError('state', `${account.name} ${idle}`);
    }
    const footprint = await services.accounts.footprint(account);
    return {
      title: [
        account.deactivated ? 'Erase ' : 'Deactivate ',
        ...nameAndId(account),
        erase && !account.deactivated ? ' and erase?' : '?',
      ],
      body: [
        accountFacts(account, footprint, now),
        ...standing(account),
        ...notForServices(account, prefix),
        line(
          `Will: ${[
            footprint.devices > 0 && `log out ${count(footprint.devices, 'device')}`,
            footprint.rooms > 0 && `remove from ${count(footprint.rooms, 'room')}`,
            'delete e-mail and account data',
            erase && 'hide messages from people who join later, remove name and avatar',
          ]
            .filter((part) => part !== false)
            .join(', ')}`,
        ),
        line(
          `Will not: ${services.accounts.traits.passwordOutlivesDeactivation ? 'remove the password, ' : ''}delete ${footprint.files === 0 ? 'files' : count(footprint.files, 'file')}, redact messages, make the username available again`,
        ),
      ],
      facts: [
        amount(footprint.rooms, 'room'),
        amount(footprint.devices, 'device'),
        amount(footprint.files, 'file'),
      ],
      warning: warning({ erase }),
    };
  },

  run: async ({ args: { accounts: account, erase }, services }) =>
    services.accounts.deactivate(account.name, { erase }),

  answer: ({ args: { accounts: account, erase }, prefix }) => ({
    mark: account.appserviceId === null ? '✅' : '⚠️',
    title: didTo(erase ? 'Deactivated and erased' : 'Deactivated', account),
    body: [
      ...notForServices(account, prefix),
      line('Synapse removes them from any rooms, which can take a while. Any files are kept.'),
    ],
    next: [`redact-user ${idWord(account.name)}`, `media ${idWord(account.name)}`],
    data: { userId: account.name, erase },
  }),

  async reconcile({ args: { accounts: account, erase }, services }) {
    return services.accounts.reconcileDeactivation(account.name, { erase });
  },
});
