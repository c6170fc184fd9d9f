import { z } from 'zod';

import { apiObject, bool, maybe } from '../decode.ts';
import type { SendRequest } from '../http.ts';

const siteConfig = apiObject({
  /** The homeserver's server name. */
  server_name: z.string(),
  password_login_enabled: maybe(bool),
  password_registration_enabled: maybe(bool),
  password_registration_email_required: maybe(bool),
  password_registration_token_required: maybe(bool),
  email_change_allowed: maybe(bool),
  displayname_change_allowed: maybe(bool),
  password_change_allowed: maybe(bool),
  account_recovery_allowed: maybe(bool),
  account_deactivation_allowed: maybe(bool),
  captcha_enabled: maybe(bool),
  /** 0 to 4. */
  minimum_password_complexity: maybe(z.number()),
});

/** How MAS is configured. Settings that a version of MAS doesn't report are null. */
export type SiteConfig = z.output<typeof siteConfig>;

/** The service itself. */
export function serverApi(send: SendRequest) {
  return {
    /** The version of MAS, such as `v1.22.0`. GET /api/admin/v1/version */
    async version(): Promise<string> {
      const answer = await send('GET', '/api/admin/v1/version', {
        answer: apiObject({ version: z.string() }),
      });
      return answer.version;
    },

    /** GET /api/admin/v1/site-config */
    async siteConfig(): Promise<SiteConfig> {
      return send('GET', '/api/admin/v1/site-config', { answer: siteConfig });
    },
  };
}
