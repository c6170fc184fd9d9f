import type { Registry } from '../chat/command/registry.ts';
import { writeListenAddress } from '../config/listen.ts';
import type { Config } from '../config/schema.ts';
import { isLoopback } from '../core/ip.ts';
import type { Log } from '../core/log.ts';
import type { Probes } from '../observability/probes.ts';
import type { Roles } from '../operations/authorize/authorize.ts';
import type { Settings } from '../operations/settings.ts';
import type { Services } from '../services/services.ts';
import type { Web } from '../web/web.ts';

/**
 * Opens the read-only page on the address of the probes, if the configuration asks for it.
 *
 * @returns undefined if it doesn't
 */
export async function openConfiguredWeb(
  { http: { listen }, web }: Pick<Config, 'http' | 'web'>,
  parts: {
    readonly probes: Pick<Probes, 'serve'>;
    readonly services: Services;
    readonly registry: Registry;
    readonly roles: Roles;
    readonly settings: Settings;
    readonly log: Log;
  },
): Promise<Web | undefined> {
  if (!web.enabled || listen === 'off') {
    return undefined;
  }
  // Loaded only if it is used.
  const { createWeb } = await import('../web/web.ts');
  const { probes, services, registry, roles, settings, log } = parts;
  const { origin, hostname } = new URL(web.publicUrl ?? `http://${writeListenAddress(listen)}`);
  const { serverName, prefix } = settings;
  const page = createWeb({
    origin,
    // What comes through a proxy must never reach them.
    hasProbes: isLoopback(hostname),
    services,
    registry,
    roles,
    serverName,
    prefix,
    log,
    now: Date.now,
  });
  probes.serve(page);
  return page;
}
