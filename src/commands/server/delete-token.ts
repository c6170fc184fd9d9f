import { bold, code, line } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { tokenFingerprint } from '../../services/server/registration-token-service.ts';
import {
  checkTokenName,
  requireToken,
  tokenFacts,
  tokenState,
} from './parts/registration-token.ts';

export default defineCommand({
  name: 'delete-token',
  synonyms: ['delete', 'remove-token', 'revoke-token'],
  summary: 'Deletes a registration token',
  does: ['prevent any further registration with it', 'delete the count of its uses'],
  doesNot: [
    'affect accounts that were registered with it',
    'prevent the same token from being created again',
  ],
  args: { token: positional('word', 'The registration token') },
  danger: 'destructive',
  audit: { redact: ['token'], target: ({ token }) => tokenFingerprint(token) },
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
        line(`Its state: ${tokenState(token, context.now)}`),
        tokenFacts(token, context.now),
        line(
          'Will: prevent any further registration with it',
          token.pending > 0 ? ', including registrations in progress' : '',
        ),
        line('Will not: affect accounts that were registered with it'),
      ],
      warning: context.services.accounts.traits.deletedTokensComeBack
        ? `The count of its uses is kept: ${context.prefix}create-token with the same token restores it.`
        : `The count of its uses is lost. To disable it and keep the count: ${context.prefix}edit-token with --uses 0.`,
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
