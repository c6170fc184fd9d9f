import { code } from '../command/answer.ts';
import { flag } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { listAnswer, listFlags, pageOf } from '../command/list.ts';
import { offsetIn } from '../command/offset.ts';
import { tokenState } from '../command/registration-token.ts';
import { ago } from '../command/wording.ts';

export default defineCommand({
  name: 'tokens',
  group: 'server',
  summary: 'Lists registration tokens',
  does: ['list those that are used up or expired too (unless told otherwise)'],
  args: {
    valid: flag('boolean', 'Only those that can be used now, or only the others'),
    ...listFlags,
  },
  danger: 'read',
  example: 'tokens --valid',
  endpoints: ['GET /_synapse/admin/v1/registration_tokens'],
  async run({ args, services: { api } }) {
    offsetIn(args.from);
    const tokens = await api.registrationTokens.list(
      args.valid === undefined ? {} : { valid: args.valid },
    );
    return pageOf(
      [...tokens].sort((one, other) => (one.token < other.token ? -1 : 1)),
      args,
    );
  },
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'registration token',
      none: ['There is none. Make one: ', code(`${context.prefix}create-token --uses 1`)],
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
          show: (token) => [tokenState(token, context.now)],
          value: (token) => tokenState(token, context.now),
        },
        {
          title: 'Used',
          align: 'right',
          name: 'completed',
          show: ({ completed }) => [completed.toLocaleString('en-US')],
          value: ({ completed }) => completed,
        },
        {
          title: 'Of',
          align: 'right',
          name: 'uses_allowed',
          show: ({ usesAllowed }) => [usesAllowed?.toLocaleString('en-US') ?? 'no limit'],
          value: ({ usesAllowed }) => usesAllowed,
        },
        {
          title: 'Begun',
          align: 'right',
          name: 'pending',
          show: ({ pending }) => [pending.toLocaleString('en-US')],
          value: ({ pending }) => pending,
        },
        {
          title: 'Expires',
          name: 'expiry_time',
          show: ({ expiryTime }) => [expiryTime === null ? 'never' : ago(expiryTime, context.now)],
          value: ({ expiryTime }) => expiryTime,
        },
      ],
    }),
});
