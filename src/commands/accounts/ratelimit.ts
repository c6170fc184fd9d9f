import { didTo, nameAndId } from '../../chat/answers/account.ts';
import { bold, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { count, whole } from '../../chat/answers/phrases.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import type { Ratelimit } from '../../services/services.ts';

const declared = {
  account: usersArgument,
  messagesPerSecond: flag('integer', 'Messages per second on average; 0 for no limit', {
    max: 1_000_000,
  }),
  burstCount: flag('integer', 'Messages at once before the limit applies', { max: 1_000_000 }),
  clear: flag('boolean', 'Use the server’s limit again', { default: false }),
} as const;

export default defineCommand({
  name: 'ratelimit',
  synonyms: ['limit', 'rate-limit', 'slow', 'slow-down', 'throttle'],
  summary: 'Shows or sets the rate limits of individual accounts',
  does: [
    'override the server’s limit on how fast an account can send',
    'remove all limits with --messages-per-second 0 --burst-count 0',
  ],
  doesNot: ['show the server’s limit, which is in its configuration'],
  args: declared,
  danger: ({ clear, messagesPerSecond }) =>
    clear || messagesPerSecond !== undefined ? 'change' : 'read',
  maxDanger: 'change',
  // A limit, even the server's own, can keep somebody from sending anything. Lifting one harms nobody.
  protects: ({ clear, messagesPerSecond }) =>
    clear || (messagesPerSecond !== undefined && messagesPerSecond > 0),
  example: 'ratelimit @mallory:example.com --messages-per-second 1 --burst-count 5',
  endpoints: [
    'GET /_synapse/admin/v1/users/{user_id}/override_ratelimit',
    'POST /_synapse/admin/v1/users/{user_id}/override_ratelimit',
    'DELETE /_synapse/admin/v1/users/{user_id}/override_ratelimit',
  ],

  repeats: true,
  inBatch: ({ clear }) => (clear ? 'Clear the rate limit of' : 'Change the rate limit of'),

  check({ messagesPerSecond, burstCount, clear }) {
    const isGiven = messagesPerSecond !== undefined || burstCount !== undefined;
    if (isGiven && clear) {
      throw new UsageError('`--clear` contradicts a new limit.', { word: '--clear' });
    }
    if (isGiven && (messagesPerSecond === undefined || burstCount === undefined)) {
      throw new UsageError(
        `\`--${messagesPerSecond === undefined ? 'messages-per-second' : 'burst-count'}\` is missing.`,
        { advice: 'Give both. Synapse would take a missing value as 0, which removes the limit.' },
      );
    }
  },

  async preview({ args, services }) {
    const before = await services.accounts.ratelimit(args.account.name);
    const after = wanted(args);
    return {
      title: [
        after === undefined && !args.clear
          ? 'Show the rate limit of '
          : 'Change the rate limit of ',
        ...nameAndId(args.account),
        '?',
      ],
      body: [
        line(`Now: ${limitText(before)}`),
        ...(after === undefined && !args.clear ? [] : [line(`New: ${limitText(after)}`)]),
      ],
    };
  },

  async run({ args, services: { accounts } }) {
    const user = args.account.name;
    const before = await accounts.ratelimit(user);
    const after = wanted(args);
    if (args.clear) {
      if (before === undefined) {
        throw new TargetError('state', `${user} has no limit of its own`, 'Nothing was changed.');
      }
      await accounts.clearRatelimit(user);
      return { before, limit: undefined };
    }
    return after === undefined
      ? { before, limit: before }
      : { before, limit: await accounts.setRatelimit(user, after) };
  },

  answer({ args, role }, { before, limit }) {
    const { account } = args;
    const isChange = args.clear || wanted(args) !== undefined;
    const body: Block[] = [
      ...(isChange ? [line(`Before: ${limitText(before)}`)] : []),
      ...(isMuting(limit)
        ? [line('With a burst of 0 they can’t send anything, and are told to try again later.')]
        : []),
    ];
    return {
      mark: isChange ? '✅' : 'ℹ️',
      title: isChange
        ? [
            ...didTo(
              limit === undefined ? 'Cleared the rate limit of' : 'Set the rate limit of',
              account,
            ),
            `: ${limitText(limit)}`,
          ]
        : [...nameAndId(account), ': ', bold(limitText(limit))],
      body,
      next:
        limit === undefined || role === 'viewer'
          ? []
          : [`ratelimit ${idWord(account.name)} --clear`],
      data: {
        userId: account.name,
        messagesPerSecond: limit?.messagesPerSecond ?? null,
        burstCount: limit?.burstCount ?? null,
      },
    };
  },

  undo: ({ args: { account } }, { before }) =>
    `ratelimit ${idWord(account.name)} ${
      before === undefined
        ? '--clear'
        : `--messages-per-second=${before.messagesPerSecond} --burst-count=${before.burstCount}`
    }`,

  reconcile: async ({ args, services }) =>
    services.accounts.reconcileRatelimit(args.account.name, wanted(args)),
});

function wanted({ messagesPerSecond, burstCount }: Context<typeof declared>['args']) {
  return messagesPerSecond === undefined || burstCount === undefined
    ? undefined
    : { messagesPerSecond, burstCount };
}

function isMuting(limit: Ratelimit | undefined): boolean {
  return limit !== undefined && limit.messagesPerSecond > 0 && limit.burstCount === 0;
}

function limitText(limit: Ratelimit | undefined): string {
  if (limit === undefined) {
    return 'the server’s limit';
  }
  // To decide this, Synapse looks only at the first number.
  return limit.messagesPerSecond === 0
    ? 'unlimited'
    : `${count(limit.messagesPerSecond, 'message')} per second, ${whole(limit.burstCount)} at once`;
}
