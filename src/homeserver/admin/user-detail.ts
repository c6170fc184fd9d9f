import { z } from 'zod';

import { apiObject, bool, flag, maybe, userId } from '../decode.ts';

const threepid = apiObject({
  medium: z.string(),
  address: z.string(),
  /** Milliseconds. */
  added_at: maybe(z.number()),
  validated_at: maybe(z.number()),
});

const externalId = apiObject({ auth_provider: z.string(), external_id: z.string() });

/** What both the list and the detail say of an account. */
export const userFields = {
  name: userId,
  displayname: maybe(z.string()),
  avatar_url: maybe(z.string()),
  admin: flag,
  deactivated: flag,
  erased: flag,
  locked: flag,
  shadow_banned: flag,
  is_guest: flag,
  /** Missing unless the server asks for approval of new accounts. */
  approved: bool.nullish(),
  user_type: maybe(z.string()),
  last_seen_ts: maybe(z.number()),
};

export const userDetail = apiObject({
  ...userFields,
  suspended: flag,
  appservice_id: maybe(z.string()),
  /** Milliseconds here, although the endpoint sends seconds: the list and the detail agree. */
  creation_ts: maybe(z.number().transform((seconds) => seconds * 1000)),
  consent_version: maybe(z.string()),
  consent_ts: maybe(z.number()),
  threepids: z.array(threepid).default([]),
  external_ids: z.array(externalId).default([]),
});

/** One account in full. Times in milliseconds since 1970. */
export type UserDetail = z.output<typeof userDetail>;
