import { dateTime } from '../chat/answers/phrases.ts';
import type { Registry } from '../chat/command/declaration.ts';
import { writeListenAddress } from '../config/listen.ts';
import type { Config } from '../config/schema.ts';
import { codeOf } from '../core/errors.ts';
import type { EventId, UserId } from '../core/ids.ts';
import { isLoopback } from '../core/ip.ts';
import type { Log } from '../core/log.ts';
import type { Probes } from '../observability/probes.ts';
import type { Roles } from '../operations/authorize/authorize.ts';
import type { Settings } from '../operations/settings.ts';
import type { Services } from '../services/services.ts';
import type { Store } from '../store/store.ts';
import type { Web } from '../web/web.ts';
import type { Transport } from './transport.ts';

interface OpeningParts {
  readonly store: Pick<Store, 'transaction'>;
  readonly direct: Pick<Transport['direct'], 'tell'>;
  readonly settings: Settings;
  readonly log: Log;
}

/**
 * Opens the read-only page on the address of the probes, if the configuration asks for it.
 *
 * @returns undefined if it doesn't
 */
export async function openConfiguredWeb(
  { http: { listen }, web }: Pick<Config, 'http' | 'web'>,
  parts: OpeningParts & {
    readonly probes: Pick<Probes, 'serve'>;
    readonly services: Services;
    readonly registry: Registry;
    readonly roles: Roles;
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
    onOpened: async (opening) => noteOpening(parts, opening),
  });
  probes.serve(page);
  return page;
}

/**
 * Records that somebody's link was used, as a read is recorded, and tells its owner: it may have been somebody else.
 *
 * @throws StoreError it can't be recorded
 */
async function noteOpening(
  { store, direct, settings, log }: OpeningParts,
  { user, askedBy }: { readonly user: UserId; readonly askedBy: EventId },
): Promise<void> {
  const at = Date.now();
  await store.transaction(async ({ auditLog }) => {
    const entry = await auditLog.begin(
      {
        actor: user,
        command: 'open',
        arguments: {},
        eventId: askedBy,
        roomId: settings.managementRoom,
      },
      at,
    );
    await auditLog.finish(entry, { status: 'done' }, at);
  });
  // Nobody waits for it: while the homeserver doesn't answer, the page still works.
  direct
    .tell(user, [
      `Your link to the page was used: ${dateTime(at)}.`,
      `If it wasn’t you, type ${settings.prefix}open --close in the management room. That ends all of your sessions on the page.`,
    ])
    .catch((error: unknown) =>
      log.warn({ user, code: codeOf(error) }, 'the owner of a link could not be told of its use'),
    );
}
