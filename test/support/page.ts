import type { Role } from '../../src/chat/command/declaration.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';
import type { EventId, UserId } from '../../src/core/ids.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { startHttp } from '../../src/observability/http.ts';
import { createAuditService } from '../../src/services/bot/audit-service.ts';
import { createOperationService } from '../../src/services/bot/operation-service.ts';
import { createReportService } from '../../src/services/reports/report-service.ts';
import type { Services } from '../../src/services/services.ts';
import type { Store } from '../../src/store/store.ts';
import { createWeb } from '../../src/web/web.ts';
import type { Web } from '../../src/web/web.ts';
import { freePort } from './free-port.ts';
import { openTestStore } from './test-database.ts';

export const ana = '@ana:example.com' as UserId;
export const ben = '@ben:example.com' as UserId;
export const vic = '@vic:example.com' as UserId;

/** The message that asks for links. */
export const asking = '$asks-for-a-link' as EventId;

/** What a request says, besides its address. */
interface Asking {
  readonly method?: string;
  readonly cookie?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The web view of a bot whose rooms and database a test fills. */
export interface TestPage extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  readonly store: Store;
  readonly web: Web;
  /** The members of the management room and their roles. */
  readonly roles: Map<UserId, Role>;
  /** The roles that the configuration gives to commands. */
  readonly commandRoles: Map<string, Role>;
  /** What a test sets to go forward in time. */
  readonly clock: { now: number };
  /** Why the bot can't send messages in the management room. */
  readonly room: { whyUnableToSend: string | undefined };
  /** What was written to the log. */
  readonly logged: string[];
  /** Whose link was used, and which message had asked for it. */
  readonly openings: { readonly user: UserId; readonly askedBy: EventId }[];
  /** Why the database can't record that. */
  readonly record: { fault: Error | undefined };
  /** Makes a link, as `!open` does. */
  linkFor(user: UserId): ReturnType<Web['linkFor']>;
  ask(path: string, asking?: Asking): Promise<Answered>;
  /** Follows a link of this person and presses its button. Returns the cookie. */
  logIn(user: UserId): Promise<string>;
}

/** Opens the page on a loopback address, or claims to be at `publicUrl`. */
export async function openPage(options: { readonly publicUrl?: string } = {}): Promise<TestPage> {
  const store = await openTestStore();
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const origin = options.publicUrl ?? address;
  const roles = new Map<UserId, Role>([
    [ana, 'admin'],
    [ben, 'moderator'],
    [vic, 'viewer'],
  ]);
  const commandRoles = new Map<string, Role>();
  const clock = { now: Date.UTC(2026, 10, 28, 12) };
  const room: TestPage['room'] = { whyUnableToSend: undefined };
  const openings: { readonly user: UserId; readonly askedBy: EventId }[] = [];
  const record: TestPage['record'] = { fault: undefined };
  const logged: string[] = [];
  const write = (fields: object, message: string) =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const web = createWeb({
    origin,
    hasProbes: origin === address,
    services: servicesOn(store, clock, room),
    registry: createRegistry(await loadCommands()),
    roles: {
      of: (user) => roles.get(user),
      needed: (command, declared) => commandRoles.get(command) ?? declared,
    },
    serverName: 'example.com',
    prefix: '!',
    log: { info: write, warn: write, error: write },
    now: () => clock.now,
    async onOpened({ user, askedBy }) {
      if (record.fault !== undefined) {
        throw record.fault;
      }
      openings.push({ user, askedBy });
    },
  });
  const server = await startHttp({ host: '127.0.0.1', port }, address, {
    deathCause: () => undefined,
    faults: async () => [],
    metrics: { contentType: 'text/plain', text: async () => 'up 1\n' },
    pages: () => web,
    onError: (error) => write({}, String(error)),
  });

  const linkFor = (user: UserId) => web.linkFor(user, asking);

  async function ask(path: string, { method, cookie, headers }: Asking = {}): Promise<Answered> {
    const response = await fetch(`${address}${path}`, {
      redirect: 'manual',
      ...(method === undefined ? {} : { method }),
      headers: { ...headers, ...(cookie === undefined ? {} : { cookie }) },
    });
    const { status, headers: answered } = response;
    return { status, headers: answered, text: await response.text() };
  }

  return {
    origin,
    port,
    store,
    web,
    roles,
    commandRoles,
    clock,
    room,
    openings,
    record,
    logged,
    linkFor,
    ask,
    async logIn(user) {
      const { pathname } = new URL(linkFor(user).url);
      const { headers } = await ask(pathname, { method: 'POST' });
      return (headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await store.close();
    },
  };
}

/** The page asks the homeserver nothing. */
const noApi = { reports: { events: {}, users: {} } } as Pick<AdminApi, 'reports'>;

function servicesOn(
  store: Store,
  clock: { readonly now: number },
  room: { readonly whyUnableToSend: string | undefined },
) {
  const never = async () => undefined;
  return {
    reports: createReportService(noApi, store, {
      wake: () => undefined,
      refresh: never,
      serverName: 'localhost',
      homeservers: [],
    }),
    operations: createOperationService(store, { waitsFor: () => [] }),
    audit: createAuditService(store, {
      witnesses: [],
      formerWitnesses: async () => [],
      anchorEveryMs: 900_000,
    }),
    bot: {
      status: async () =>
        ({
          version: '0.1.0',
          online: true,
          lastSyncAt: clock.now - 4000,
          reportReadings: [],
          ruleActions: 0,
          maxRuleActions: 10,
          whyUnableToSend: room.whyUnableToSend,
          dataLoss: await store.dataLoss.get(),
        }) as unknown as Awaited<ReturnType<Services['bot']['status']>>,
    },
  };
}
