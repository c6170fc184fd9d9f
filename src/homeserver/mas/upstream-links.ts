import { z } from 'zod';

import { maybe, nothing } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { filters, listAll, masId, resource, single, time } from './json-api.ts';
import type { MasId } from './json-api.ts';

const provider = resource({
  issuer: maybe(z.string()),
  human_name: maybe(z.string()),
  brand_name: maybe(z.string()),
  created_at: maybe(time),
  disabled_at: maybe(time),
});

const link = resource({
  created_at: maybe(time),
  provider_id: masId,
  /** Who the account is at the provider. */
  subject: z.string(),
  /** Null if the link belongs to no account. */
  user_id: maybe(masId),
  human_account_name: maybe(z.string()),
});

/** An identity provider that people can log in with. */
export type UpstreamProvider = z.output<typeof provider>;
/** An account's identity at a provider. Synapse's `external_ids` don't show it. */
export type UpstreamLink = z.output<typeof link>;

export interface UpstreamLinkQuery {
  readonly userId?: MasId | undefined;
  readonly providerId?: MasId | undefined;
  readonly subject?: string | undefined;
}

/** Identities at other providers, by `/api/admin/v1/upstream-oauth-links` and `…-providers`. */
export function upstreamLinksApi(send: SendRequest) {
  const listPath = '/api/admin/v1/upstream-oauth-links';
  const linkPath = '/api/admin/v1/upstream-oauth-links/{id}';

  return {
    /** All providers. GET /api/admin/v1/upstream-oauth-providers */
    providers(
      query: { readonly enabled?: boolean | undefined } = {},
    ): AsyncGenerator<UpstreamProvider, void, undefined> {
      const { enabled } = query;
      return listAll(
        send,
        '/api/admin/v1/upstream-oauth-providers',
        provider,
        filters({ enabled }),
      );
    },

    /**
     * All links. GET /api/admin/v1/upstream-oauth-links
     *
     * @throws MasError 404 unknown account or provider
     */
    all(query: UpstreamLinkQuery = {}): AsyncGenerator<UpstreamLink, void, undefined> {
      const { userId: user, providerId, subject } = query;
      return listAll(send, listPath, link, filters({ user, provider: providerId, subject }));
    },

    /** One link, undefined if unknown. GET /api/admin/v1/upstream-oauth-links/{id} */
    async find(id: MasId): Promise<UpstreamLink | undefined> {
      return ifFound(async () => send('GET', linkPath, { path: { id }, answer: single(link) }));
    },

    /**
     * Links an account to an identity, which may already have a link that belongs to no account.
     * POST /api/admin/v1/upstream-oauth-links
     *
     * @throws MasError 404 unknown account or provider, 409 the identity is linked to an account
     */
    async create(options: {
      readonly userId: MasId;
      readonly providerId: MasId;
      readonly subject: string;
      readonly accountName?: string | undefined;
    }): Promise<UpstreamLink> {
      return send('POST', listPath, {
        body: {
          user_id: options.userId,
          provider_id: options.providerId,
          subject: options.subject,
          human_account_name: options.accountName,
        },
        answer: single(link),
      });
    },

    /**
     * Removes a link. DELETE /api/admin/v1/upstream-oauth-links/{id}
     *
     * @throws MasError 404 unknown
     */
    async delete(id: MasId): Promise<void> {
      return send('DELETE', linkPath, { path: { id }, answer: nothing });
    },
  };
}
