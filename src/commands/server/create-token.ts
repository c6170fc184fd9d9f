import { bold, code, line } from '../../chat/answers/answer.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { TargetError } from '../../core/errors.ts';
import { tokenFingerprint } from '../../services/server/registration-token-service.ts';
import { checkLifetime, checkToken, tokenFacts } from './registration-token.ts';

export default defineCommand({
  name: 'create-token',
  synonyms: ['invite-code', 'new-token', 'registration-token'],
  summary: 'Makes a token that people can register with',
  does: ['make a token (random and without limits unless told otherwise)', 'show it in this room'],
  doesNot: ['open registration where the server’s configuration does not ask for tokens'],
  args: {
    token: flag('word', 'The token itself; random unless given', { placeholder: 'TOKEN' }),
    uses: flag('integer', 'How many accounts can be registered with it', { min: 1 }),
    expires: flag('date', 'For how long it can be used', { placeholder: '7d', ahead: true }),
  },
  danger: 'change',
  audit: { redact: ['token'] },
  example: 'create-token --uses 10 --expires 7d',
  endpoints: [
    'POST /_synapse/admin/v1/registration_tokens/new',
    'GET /_synapse/admin/v1/registration_tokens/{token}',
  ],
  check({ token, expires }, now) {
    if (token !== undefined) {
      checkToken(token);
    }
    checkLifetime(expires, now);
  },
  async run({ args: { token, uses, expires }, services, prefix }) {
    // Synapse answers a token that exists as it answers any wrong value.
    if (token !== undefined && (await services.registrationTokens.find(token)) !== undefined) {
      throw new TargetError(
        'state',
        `there is a registration token \`${token}\` already`,
        `To change its limits: \`${prefix}edit-token ${quote(token)}\``,
      );
    }
    return services.registrationTokens.create({ token, usesAllowed: uses, expiryTime: expires });
  },
  answer: ({ now }, token) => ({
    mark: '✅',
    title: [bold('Made registration token '), code(token.token)],
    body: [tokenFacts(token, now), line('Whoever reads it here can register with it.')],
    next: [`token ${quote(token.token)}`, `delete-token ${quote(token.token)}`],
    data: token,
  }),
  // By its fingerprint: what takes it back is kept in the audit log, where no token belongs.
  undo: (_, { token }) => `delete-token ${tokenFingerprint(token)}`,
  reconcile: async ({ args: { token }, services }) =>
    services.registrationTokens.reconcileCreation(token),
});
