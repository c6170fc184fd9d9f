import { z } from 'zod';

import { maybe, nothing } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { filters, listAll, masId, resource, single, time } from './json-api.ts';
import type { MasId } from './json-api.ts';

const userEmail = resource({
  created_at: maybe(time),
  user_id: masId,
  email: z.string(),
});

/** An email address of an account. */
export type UserEmail = z.output<typeof userEmail>;

/** Email addresses, by `/api/admin/v1/user-emails`. MAS copies its list to Synapse. */
export function userEmailsApi(send: SendRequest) {
  const listPath = '/api/admin/v1/user-emails';
  const emailPath = '/api/admin/v1/user-emails/{id}';

  return {
    /**
     * All addresses, or those of an account, or one address. GET /api/admin/v1/user-emails
     *
     * @param query.email a whole address
     * @throws MasError 404 unknown account
     */
    all(
      query: { readonly userId?: MasId | undefined; readonly email?: string | undefined } = {},
    ): AsyncGenerator<UserEmail, void, undefined> {
      const { userId: user, email } = query;
      return listAll(send, listPath, userEmail, filters({ user, email }));
    },

    /** One address, undefined if unknown. GET /api/admin/v1/user-emails/{id} */
    async find(id: MasId): Promise<UserEmail | undefined> {
      return ifFound(async () =>
        send('GET', emailPath, { path: { id }, answer: single(userEmail) }),
      );
    },

    /**
     * Adds an address, without asking its owner. POST /api/admin/v1/user-emails
     *
     * @throws MasError 400 not an email address, 404 unknown account, 409 an account has it already
     */
    async add(userId: MasId, email: string): Promise<UserEmail> {
      return send('POST', listPath, {
        body: { user_id: userId, email },
        answer: single(userEmail),
      });
    },

    /**
     * Removes an address. DELETE /api/admin/v1/user-emails/{id}
     *
     * @throws MasError 404 unknown
     */
    async delete(id: MasId): Promise<void> {
      return send('DELETE', emailPath, { path: { id }, answer: nothing });
    },
  };
}
