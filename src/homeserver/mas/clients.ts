import { z } from 'zod';

import { bool, maybe } from '../decode.ts';
import type { SendRequest } from '../http.ts';
import { filters, listAll, resource } from './json-api.ts';

const client = resource({
  client_name: maybe(z.string()),
  /** Whether it is in the configuration of MAS. */
  is_static: maybe(bool),
});

/** A client that asks MAS for tokens, for itself or for people. */
export type MasClient = z.output<typeof client>;

/** OAuth 2.0 clients, by `/api/admin/v1/oauth2-clients`. */
export function clientsApi(send: SendRequest) {
  return {
    /**
     * All clients, or those of one kind: `static` ones are in the configuration of MAS, and `dynamic` ones
     * have registered themselves. GET /api/admin/v1/oauth2-clients
     */
    async *all(
      query: { readonly kind?: 'dynamic' | 'static' | undefined } = {},
    ): AsyncGenerator<MasClient, void, undefined> {
      const { kind } = query;
      const all = listAll(
        send,
        '/api/admin/v1/oauth2-clients',
        client,
        filters({ 'client-kind': kind }),
      );
      for await (const one of all) {
        // A version that ignores the filter may say it here.
        if (kind === undefined || one.isStatic === null || one.isStatic === (kind === 'static')) {
          yield one;
        }
      }
    },
  };
}
