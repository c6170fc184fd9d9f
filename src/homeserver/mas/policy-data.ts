import { z } from 'zod';

import { maybe } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { resource, single, time } from './json-api.ts';
import type { MasId } from './json-api.ts';

const policyData = resource({ created_at: maybe(time), data: z.unknown() });

/** Data that MAS's policies are evaluated with, in one version. `data` is any JSON. */
export type PolicyData = z.output<typeof policyData>;

/** The data of MAS's policies, by `/api/admin/v1/policy-data`. */
export function policyDataApi(send: SendRequest) {
  const listPath = '/api/admin/v1/policy-data';
  const answer = single(policyData);

  return {
    /** The current version, undefined if none was ever set. GET /api/admin/v1/policy-data/latest */
    async latest(): Promise<PolicyData | undefined> {
      return ifFound(async () => send('GET', '/api/admin/v1/policy-data/latest', { answer }));
    },

    /**
     * One version, undefined if unknown. MAS 1.22 answers with the current version whatever the ID, so this
     * doesn't find earlier ones. GET /api/admin/v1/policy-data/{id}
     */
    async find(id: MasId): Promise<PolicyData | undefined> {
      const found = await ifFound(async () =>
        send('GET', '/api/admin/v1/policy-data/{id}', { path: { id }, answer }),
      );
      return found?.id === id ? found : undefined;
    },

    /**
     * Sets a new version. POST /api/admin/v1/policy-data
     *
     * @throws MasError 400 the policies can't be evaluated with it
     */
    async set(data: unknown): Promise<PolicyData> {
      return send('POST', listPath, { body: { data }, answer });
    },
  };
}
