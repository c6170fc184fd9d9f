import { bold, code, line } from '../../chat/answers/answer.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { TargetError } from '../../core/errors.ts';
import { tokenFingerprint } from '../../services/server/registration-token-service.ts';
import { checkLifetime, checkToken, tokenFacts } from './parts/registration-token.ts';

export default defineCommand({
  name: 'create-token',
  synonyms: ['invite-code', 'new-token', 'registration-token'],
  summary: 'Creates a token that people can register with',
  does: ['create a token (by default random and without limits)', 'show it in this room'],
  doesNot: ['enable registration by token, which is up to the server’s configuration'],
  args: {
    token: flag('word', 'The token (default: random)', { placeholder: 'TOKEN' }),
    uses: flag('integer', 'How many accounts can register with it', { min: 1 }),
    expires: flag('date', 'How long it can be used', { placeholder: '7d', ahead: true }),
  },
  danger: 'change',
  audit: {
    redact: ['token'],
    // A random one is not known yet.
    target: ({ token }) => token && tokenFingerprint(token),
  },
  example: 'create-token --uses 10 --expires 7d',
  endpoints: [
    'POST /_synapse/admin/v1/registration_tokens/new',
    'GET /_synapse/admin/v1/registration_tokens/{token}',
  ],
  check({ token, expires }, { now }) {
    if (token !== undefined) {
      checkToken(token);
    }
    checkLifetime(expires, now);
  },
  async run({ args: { token, uses, expires }, services, prefix }) {
    // For an existing token, Synapse only answers that the value is wrong.
    if (token !== undefined && (await services.registrationTokens.find(token)) !== undefined) {
      throw new TargetError(
        'state',
        `the registration token \`${token}\` already exists`,
        `To change its limits: \`${prefix}edit-token ${quote(token)}\``,
      );
    }
    return services.registrationTokens.create({ token, usesAllowed: uses, expiryTime: expires });
  },
  answer: ({ now }, token) => ({
    mark: '✅',
    title: [bold('Created registration token '), code(token.token)],
    body: [tokenFacts(token, now), line('Anyone in this room can register with this token.')],
    next: [`token ${quote(token.token)}`, `delete-token ${quote(token.token)}`],
    data: token,
  }),
  // The audit log keeps this line, and must not contain the token.
  undo: (_, { token }) => `delete-token ${tokenFingerprint(token)}`,
  reconcile: async ({ args: { token }, services }) =>
    services.registrationTokens.reconcileCreation(token),
});
