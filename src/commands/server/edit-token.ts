import { bold, code } from '../../chat/answers/answer.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { UsageError } from '../../core/errors.ts';
import { tokenFingerprint } from '../../services/server/registration-token-service.ts';
import {
  checkLifetime,
  checkTokenName,
  requireToken,
  tokenFacts,
  tokenState,
} from './parts/registration-token.ts';

interface Limits {
  readonly uses: number | undefined;
  readonly unlimited: boolean;
  readonly expires: number | undefined;
  readonly expiresAt: number | undefined;
  readonly never: boolean;
}

export default defineCommand({
  name: 'edit-token',
  summary: 'Changes how often and for how long a registration token can be used',
  does: ['include earlier uses in the limit'],
  doesNot: ['affect accounts that were registered with it'],
  args: {
    token: positional('word', 'The registration token'),
    uses: flag('integer', 'How many accounts in total; 0 disables the token'),
    unlimited: flag('boolean', 'No limit', { default: false }),
    expires: flag('date', 'How long it can be used from now', {
      placeholder: '7d',
      ahead: true,
    }),
    expiresAt: flag('date', 'When it expires', { placeholder: '2026-12-31' }),
    never: flag('boolean', 'No expiry', { default: false }),
  },
  danger: 'change',
  audit: { redact: ['token'], target: ({ token }) => tokenFingerprint(token) },
  example: 'edit-token welcome-2026 --uses 50 --never',
  endpoints: [
    'PUT /_synapse/admin/v1/registration_tokens/{token}',
    'GET /_synapse/admin/v1/registration_tokens/{token}',
  ],
  check(args, { now }) {
    checkTokenName(args.token);
    assertConsistent(args, now);
  },
  async run(context) {
    const { args, services } = context;
    const before = await requireToken(context, args.token);
    const token = await services.registrationTokens.edit(before.token, changeOf(args));
    return { before, token };
  },
  answer: ({ now }, { before, token }) => ({
    mark: '✅',
    title: [
      bold('Changed registration token '),
      code(token.token),
      `: ${tokenState(token, now)} now`,
    ],
    body: [tokenFacts(token, now), tokenFacts(before, now, 'Before:')],
    next: [`token ${quote(token.token)}`],
    data: { ...token, before },
  }),
  undo({ now }, { before, token }) {
    const { usesAllowed, expiryTime } = before;
    const flags = [
      ...(usesAllowed === token.usesAllowed
        ? []
        : [usesAllowed === null ? '--unlimited' : `--uses ${usesAllowed}`]),
      ...(expiryTime === token.expiryTime
        ? []
        : [expiryTime === null ? '--never' : `--expires-at ${new Date(expiryTime).toISOString()}`]),
    ];
    // Synapse doesn't accept a time in the past.
    const isPast = expiryTime !== token.expiryTime && expiryTime !== null && expiryTime <= now;
    return flags.length === 0 || isPast
      ? undefined
      : ['edit-token', tokenFingerprint(token.token), ...flags].join(' ');
  },
  reconcile: async ({ args, services }) =>
    services.registrationTokens.reconcileEdit(args.token, changeOf(args)),
});

function changeOf({ uses, unlimited, expires, expiresAt, never }: Limits) {
  return {
    usesAllowed: unlimited ? null : uses,
    expiryTime: never ? null : (expires ?? expiresAt),
  };
}

function assertConsistent(
  { uses, unlimited, expires, expiresAt, never }: Limits,
  now: number,
): void {
  if (uses !== undefined && unlimited) {
    throw new UsageError('`--unlimited` contradicts `--uses`.', { word: '--unlimited' });
  }
  const expiries = [expires !== undefined, expiresAt !== undefined, never].filter(Boolean).length;
  if (expiries > 1) {
    throw new UsageError('`--expires`, `--expires-at` and `--never` contradict each other.');
  }
  checkLifetime(expires, now);
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new UsageError('`--expires-at` is in the past.', {
      advice: 'To disable the token now: `--uses 0`. For a time from now: `--expires 7d`.',
    });
  }
  if (uses === undefined && !unlimited && expiries === 0) {
    throw new UsageError('Nothing to change was given.', {
      advice: 'Give `--uses N` or `--unlimited`, or `--expires 7d` or `--never`.',
    });
  }
}
