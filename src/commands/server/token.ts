import { bold, code } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import {
  checkTokenName,
  requireToken,
  tokenFacts,
  tokenState,
} from './parts/registration-token.ts';

export default defineCommand({
  name: 'token',
  summary: 'Shows a registration token and how often it was used',
  does: ['show its limits, uses and registrations in progress'],
  doesNot: ['show who registered with it, which Synapse doesn’t record'],
  args: { token: positional('word', 'The registration token') },
  danger: 'read',
  role: 'moderator',
  example: 'token welcome-2026',
  endpoints: ['GET /_synapse/admin/v1/registration_tokens/{token}'],
  check: ({ token }) => checkTokenName(token),
  run: async (context) => requireToken(context, context.args.token),
  answer: ({ now, role }, token) => ({
    mark: 'ℹ️',
    title: [bold('Registration token '), code(token.token), `: ${tokenState(token, now)}`],
    body: [tokenFacts(token, now)],
    next:
      role === 'viewer'
        ? []
        : [`edit-token ${quote(token.token)} --uses 10`, `delete-token ${quote(token.token)}`],
    data: token,
  }),
});
