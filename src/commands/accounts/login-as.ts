import { accountFacts, didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { dateTime, exactSpan } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { dayMs, writeDuration } from '../../core/duration.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import {
  assertDirectIsReadable,
  onlyTo,
  openDirectAnswer,
  sendDirect,
  sentDirect,
} from './parts/direct-message.ts';

const maxMs = dayMs;

const declared = {
  account: positional('account', 'The user to act as', { placeholder: 'USER' }),
  for: flag('duration', 'How long the token works, at most 24h (default: 1h)', {
    default: '1h',
    placeholder: '1h',
  }),
} as const;

export default defineCommand({
  name: 'login-as',
  synonyms: ['impersonate', 'su', 'sudo'],
  summary: 'Creates an access token that acts as a user',
  does: [
    'send you, in a direct message, a token that can do everything the account can',
    'let the token expire after an hour, or after the time in --for',
  ],
  doesNot: [
    'appear among the account’s devices, or notify the owner',
    'give access to encrypted messages',
    'end when the owner logs out everywhere',
  ],
  args: declared,
  danger: 'critical',
  answersSecret: true,
  example: 'login-as @mallory:example.com --for 30m --reason "owner asked for help"',
  endpoints: ['POST /_synapse/admin/v1/users/{user_id}/login'],

  check({ for: durationMs }) {
    if (durationMs > maxMs) {
      throw new UsageError(`\`--for\`: \`${writeDuration(durationMs)}\` is too long.`, {
        word: writeDuration(durationMs),
        advice: 'At most `24h`.',
      });
    }
  },

  async preview(context) {
    const { args, services, now } = context;
    assertPossible(context);
    await assertDirectIsReadable(context);
    const { account } = args;
    const footprint = await services.accounts.footprint(account);
    return {
      title: ['Log in as ', ...nameAndId(account), ` for ${exactSpan(args.for)}?`],
      body: [
        accountFacts(account, footprint, now),
        ...standing(account),
        line(
          `Will: send a token that can do everything the account can, ${onlyTo(context)}`,
          account.deactivated ? ', although the account is deactivated' : '',
        ),
        line(
          services.accounts.traits.loginAsHasDevice
            ? 'Will not: notify the owner, decrypt messages. It appears among the devices'
            : 'Will not: notify the owner, appear among the devices, decrypt messages',
        ),
      ],
      warning: 'Anyone who has the token can read and write as this user.',
    };
  },

  async run(context) {
    const { args, services, prefix } = context;
    assertPossible(context);
    const { account } = args;
    const directAnswer = await openDirectAnswer(context);
    // Counted from now: the confirmation may have been asked some time ago.
    const validUntilMs = Date.now() + args.for;
    const accessToken = await services.accounts.loginAs(account.name, validUntilMs);
    const sent = await sendDirect(directAnswer, [
      `Acts as ${account.name} until ${dateTime(validUntilMs)}:`,
      accessToken,
      services.accounts.traits.loginAsHasDevice
        ? `To end it earlier, delete its device, whose ID begins with LAWSPEAKER: ${prefix}devices ${idWord(account.name)}`
        : 'To end it earlier, call POST /_matrix/client/v3/logout with it.',
    ]);
    return { validUntilMs, sent, again: `${prefix}login-as ${idWord(account.name)}` };
  },

  answer: ({ args: { account } }, { validUntilMs, sent, again }) => ({
    mark: sent ? '✅' : '⚠️',
    title: didTo('Created a token that acts as', account),
    body: [
      line(`It works until ${dateTime(validUntilMs)}.`),
      sent
        ? sentDirect('the token')
        : line('It could not be sent to you, and nobody has it. Create another one: ', {
            kind: 'code',
            text: again,
          }),
    ],
    data: { userId: account.name, validUntilMs, tokenSent: sent },
  }),
});

/** @throws TargetError the token would not work */
function assertPossible({ args }: Context<typeof declared>): void {
  if (args.account.locked) {
    throw new TargetError(
      'state',
      `${args.account.name} is locked, so no token works for this account`,
      'Nothing was changed.',
    );
  }
}
