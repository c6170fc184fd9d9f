import { clientsApi } from './clients.ts';
import { createMasRequest } from './mas-request.ts';
import type { MasRequestOptions } from './mas-request.ts';
import { personalSessionsApi } from './personal-sessions.ts';
import { policyDataApi } from './policy-data.ts';
import { registrationTokensApi } from './registration-tokens.ts';
import { serverApi } from './server.ts';
import { sessionsApi } from './sessions.ts';
import { upstreamLinksApi } from './upstream-links.ts';
import { userEmailsApi } from './user-emails.ts';
import { usersApi } from './users.ts';

/**
 * The admin API of the Matrix Authentication Service (MAS), as `/api/admin/v1` serves it. All its
 * functions throw:
 *
 * - MasError, a HomeserverError: a status other than 2xx
 * - HomeserverError: an answer in an unexpected form
 * - UnreachableError: no answer; the error tells whether the request may have been carried out
 */
export function createMasApi(options: MasRequestOptions) {
  const send = createMasRequest(options);
  return {
    users: usersApi(send),
    userEmails: userEmailsApi(send),
    clients: clientsApi(send),
    sessions: sessionsApi(send),
    personalSessions: personalSessionsApi(send),
    registrationTokens: registrationTokensApi(send),
    upstreamLinks: upstreamLinksApi(send),
    policyData: policyDataApi(send),
    server: serverApi(send),
  };
}

export type MasApi = ReturnType<typeof createMasApi>;
