import { accountFacts, didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { dateTime, span } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { dayMs, writeDuration } from '../../core/duration.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { assertWhisperIsReadable, openDirectAnswer, whispered } from './direct-message.ts';

const maxMs = dayMs;

const declared = {
  account: positional('account', 'As whom', { placeholder: 'USER' }),
  for: flag('duration', 'How long it works, at most 24h', {
    default: '1h',
    placeholder: '1h',
  }),
} as const;

export default defineCommand({
  name: 'login-as',
  synonyms: ['impersonate', 'su', 'sudo'],
  summary: 'Makes an access token that acts as somebody',
  does: [
    'send you a token in our direct room, with which everything can be done that the account can',
    'let the token die after an hour, or what --for says',
  ],
  doesNot: [
    'show up among the account’s devices, or tell the owner',
    'give access to encrypted messages',
    'end when the owner logs out everywhere',
  ],
  args: declared,
  danger: 'critical',
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
    const { args, actor, services, now } = context;
    assertPossible(context);
    await assertWhisperIsReadable(context);
    const { account } = args;
    const footprint = await services.accounts.footprint(account);
    return {
      title: ['Log in as ', ...nameAndId(account), ` for ${span(args.for)}?`],
      body: [
        accountFacts(account, footprint, now),
        ...standing(account),
        line(
          `Will: send ${actor.kind === 'person' ? actor.user : 'nobody'} alone a token that can do all that the account can`,
          account.deactivated ? ', although it is deactivated' : '',
        ),
        line('Will not: tell the owner, show up among the devices, open encrypted messages'),
      ],
      warning: 'Whoever holds the token reads and writes in the account’s name.',
    };
  },

  async run(context) {
    const { args, services, prefix } = context;
    assertPossible(context);
    const { account } = args;
    const directAnswer = await openDirectAnswer(context);
    // By the clock of now, not of the question: a confirmation may have taken its time.
    const validUntilMs = Date.now() + args.for;
    const accessToken = await services.accounts.loginAs(account.name, validUntilMs);
    const sent = await whispered(directAnswer, [
      `Acts as ${account.name} until ${dateTime(validUntilMs)}:`,
      accessToken,
      'POST /_matrix/client/v3/logout with it ends it before that.',
    ]);
    return { validUntilMs, sent, again: `${prefix}login-as ${idWord(account.name)}` };
  },

  answer: ({ args: { account } }, { validUntilMs, sent, again }) => ({
    mark: sent ? '✅' : '⚠️',
    title: didTo('Made a token that acts as', account),
    body: [
      line(`It works until ${dateTime(validUntilMs)}.`),
      sent
        ? line('I have sent it to you in our direct room, and remove it there after a while.')
        : line('It could not be sent to you, and nobody has it. Make another: ', {
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
      `${args.account.name} is locked: no token works for it`,
      'Nothing was changed.',
    );
  }
}
