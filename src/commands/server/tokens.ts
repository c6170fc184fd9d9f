import { bold, code } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { present } from '../../core/present.ts';
import { tokenState, usesOf } from './parts/registration-token.ts';

export default defineCommand({
  name: 'tokens',
  synonyms: ['invite-codes', 'registration-tokens'],
  summary: 'Lists registration tokens',
  does: ['by default, include tokens that are used up or expired'],
  args: {
    valid: flag('boolean', 'Only usable tokens; --no-valid: only the others', { bare: true }),
    ...listFlags,
  },
  danger: 'read',
  role: 'moderator',
  example: 'tokens --valid',
  endpoints: ['GET /_synapse/admin/v1/registration_tokens'],
  check: checkOffset,
  async run({ args, services }) {
    const tokens = await services.registrationTokens.list(present({ valid: args.valid }));
    return pageOf(
      [...tokens].sort((one, other) => (one.token < other.token ? -1 : 1)),
      args,
    );
  },
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'registration token',
      nothing: [bold(`No ${context.args.valid === true ? 'usable ' : ''}registration tokens`)],
      ...(context.role === 'viewer' || listing.rows.length > 0
        ? {}
        : { next: ['create-token --uses 1'] }),
      columns: [
        {
          title: 'Token',
          name: 'token',
          show: ({ token }) => [code(token)],
          value: ({ token }) => token,
        },
        {
          title: 'State',
          name: 'state',
          show: (token) => [
            [
              tokenState(token, context.now),
              usesOf(token).toLowerCase(),
              ...(token.expiryTime === null
                ? ['never expires']
                : [
                    `${token.expiryTime <= context.now ? 'expired' : 'expires'} ${ago(token.expiryTime, context.now)}`,
                  ]),
            ].join(' · '),
          ],
          value: (token) => tokenState(token, context.now),
        },
        {
          name: 'completed',
          value: ({ completed }) => completed,
        },
        {
          name: 'uses_allowed',
          value: ({ usesAllowed }) => usesAllowed,
        },
        {
          name: 'pending',
          value: ({ pending }) => pending,
        },
        {
          name: 'expiry_time',
          value: ({ expiryTime }) => expiryTime,
        },
      ],
    }),
});
