import { bold, code, line } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkTokenName, requireToken, tokenFacts, tokenState } from './registration-token.ts';

export default defineCommand({
  name: 'delete-token',
  synonyms: ['delete', 'remove-token', 'revoke-token'],
  summary: 'Deletes a registration token',
  does: ['keep everybody from registering with it from now on', 'forget how often it was used'],
  doesNot: [
    'touch accounts that were registered with it',
    'keep the same token from being made again',
  ],
  args: { token: positional('word', 'Which token') },
  danger: 'destructive',
  audit: { redact: ['token'] },
  example: 'delete-token welcome-2026',
  endpoints: [
    'DELETE /_synapse/admin/v1/registration_tokens/{token}',
    'GET /_synapse/admin/v1/registration_tokens/{token}',
  ],
  check: ({ token }) => checkTokenName(token),
  async preview(context) {
    const token = await requireToken(context, context.args.token);
    return {
      title: ['Delete registration token ', code(token.token), '?'],
      body: [
        line(`It is ${tokenState(token, context.now)}.`),
        tokenFacts(token, context.now),
        line(
          'Will: keep everybody from registering with it',
          token.pending > 0 ? ', also those who have begun' : '',
        ),
        line('Will not: touch accounts that were registered with it'),
      ],
      warning:
        'How often it was used is forgotten; edit-token with --uses 0 stops it and keeps that.',
    };
  },
  async run(context) {
    const token = await requireToken(context, context.args.token);
    await context.services.registrationTokens.delete(token.token);
    return token;
  },
  answer: ({ now }, token) => ({
    mark: '✅',
    title: [bold('Deleted registration token '), code(token.token)],
    body: [tokenFacts(token, now)],
    data: token,
  }),
  reconcile: async ({ args: { token }, services }) =>
    services.registrationTokens.reconcileDeletion(token),
});
