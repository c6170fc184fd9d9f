import { LawspeakerError, UnreachableError, orUndefined } from '../../core/errors.ts';
import { parseEventId, parseRoomId, parseUserId } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { at, atOrWhyNot, isOurs, ownServer, serverOfItem } from '../../operations/at-homeserver.ts';
import type { AccountLookup, HomeserversContext } from '../../operations/at-homeserver.ts';
import { contentOf, readContent, withEdit } from '../../services/reports/reported-content.ts';
import type { ReportedContent } from '../../services/reports/reported-content.ts';
import type { Account, RoomEvent, Services } from '../../services/services.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { StoredReport } from '../../store/tables/reports/reports.ts';
import type { GiveWay } from '../give-way.ts';

/** What looking up people needs. */
export type LookupContext = HomeserversContext &
  Pick<AccountLookup, 'findAccount'> & { now(): number };

interface StoreContext {
  readonly store: Pick<Store, 'reports' | 'transaction'>;
}

/** What fetching the details of a report needs. */
export type DetailsContext = StoreContext &
  HomeserversContext & {
    readonly services: Pick<Services, 'directRooms' | 'reports' | 'rooms'>;
  };

/** What is relevant about an account that sent or reported something. */
export interface Person {
  /** Milliseconds since 1970; null if there is no such account. */
  readonly createdAt: number | null;
  readonly isRestricted: boolean;
}

/** How many reporters of an item are looked up: those who reported last. */
const maxReporters = 100;
const cachedForMs = 300_000;
const maxCached = 2000;

/** Looks accounts up, each on its homeserver, and caches them: many reports are about the same people. */
export function createPersonLookup(context: LookupContext) {
  const known = new Map<UserId, { readonly at: number; readonly person: Person }>();
  return async (user: UserId, { isFresh = false } = {}): Promise<Person> => {
    const before = known.get(user);
    if (before !== undefined && !isFresh && context.now() - before.at < cachedForMs) {
      return before.person;
    }
    const there = at(context, ownServer(context, user));
    const person = personOf(await there.findAccount(user));
    known.delete(user);
    known.set(user, { at: context.now(), person });
    const [oldest] = known.keys();
    if (known.size > maxCached && oldest !== undefined) {
      known.delete(oldest);
    }
    return person;
  };
}

export type FindPerson = ReturnType<typeof createPersonLookup>;

function personOf(account: Account | undefined): Person {
  return account === undefined
    ? { createdAt: null, isRestricted: true }
    : {
        createdAt: account.creationTs,
        isRestricted:
          account.deactivated || account.locked || account.suspended || account.shadowBanned,
      };
}

/** What was found out about an item and its reporters. What is undefined stays as it is. */
export interface FoundDetails {
  readonly item: ReportItem;
  sender?: string | undefined;
  /** As JSON. */
  content?: string | undefined;
  senderCreatedAt?: number | undefined;
  readonly reporters: Map<string, Person>;
  /** Why there may be more to find out. */
  failure?: unknown;
}

/**
 * Finds out what was reported and who sent and reported it. If the homeserver refuses to tell about a
 * reporter, the others are still looked up.
 */
export async function readDetails(
  context: DetailsContext,
  findPerson: FindPerson,
  item: ReportItem,
  giveWay: GiveWay,
): Promise<FoundDetails> {
  const found: FoundDetails = { item, reporters: new Map() };
  try {
    await readFromHomeservers(context, found, giveWay);
    const sender = item.sender ?? found.sender;
    if (sender !== undefined && item.senderCreatedAt === null) {
      found.senderCreatedAt = await createdAt(context, findPerson, sender);
    }
    const stored = await context.store.reports.ofItem(item.id);
    // A restricted reporter counts again when the restriction ends.
    const unknown = stored.filter(
      (report) => report.reporterCreatedAt === null || report.reporterRestricted,
    );
    await findReporters(findPerson, unknown, found.reporters);
  } catch (error) {
    found.failure = error;
  }
  return found;
}

/** Finds out what `readDetails` does and stores it, even if there may be more to find out. */
export async function fetchDetails(
  context: DetailsContext,
  findPerson: FindPerson,
  item: ReportItem,
  giveWay: GiveWay,
): Promise<FoundDetails> {
  const found = await readDetails(context, findPerson, item, giveWay);
  await context.store.transaction(async (tables) => storeDetails(tables, found), {
    repeatable: true,
  });
  return found;
}

/** Stores what was found out. */
export async function storeDetails(
  { reports, reportWork }: Pick<StoreTables, 'reports' | 'reportWork'>,
  { item, sender, content, senderCreatedAt, reporters }: FoundDetails,
): Promise<void> {
  await reportWork.setDetails(item.id, { sender, content, senderCreatedAt });
  for (const [reporter, person] of reporters) {
    await reports.setReporter(item.id, reporter, person);
  }
}

/**
 * Looks up the reporters who count again, without the cache, before a rule acts. Those who have been
 * restricted in the meantime no longer count.
 *
 * @throws UnreachableError
 */
export async function refreshReporters(
  context: StoreContext,
  findPerson: FindPerson,
  item: ReportItem,
): Promise<void> {
  const stored = await context.store.reports.ofItem(item.id);
  const reporters = new Map<string, Person>();
  await findReporters(
    async (user) => findPerson(user, { isFresh: true }),
    stored.filter((report) => !report.reporterRestricted),
    reporters,
  );
  // The card shows how close rules are to a match.
  await context.store.transaction(async (tables) => storeDetails(tables, { item, reporters }));
}

/**
 * @param reports one of each person, oldest first
 * @param found receives what is found out, even if this throws later
 */
async function findReporters(
  findPerson: (user: UserId) => Promise<Person>,
  reports: readonly StoredReport[],
  found: Map<string, Person>,
): Promise<void> {
  for (const { reporter } of reports.toReversed().slice(0, maxReporters)) {
    const user = parseUserId(reporter);
    const person = user && (await orUndefined(findPerson(user), isRefusal));
    if (person !== undefined) {
      found.set(reporter, person);
    }
  }
}

/**
 * Reads the message from the homeserver of the newest report; if that has no message to show, or is away, from others
 * on which it was reported.
 */
async function readFromHomeservers(
  context: DetailsContext,
  found: FoundDetails,
  giveWay: GiveWay,
): Promise<void> {
  const { item } = found;
  let failure: LawspeakerError | undefined;
  for (const server of await serversOf(context, item)) {
    const there = atOrWhyNot(context, server);
    try {
      if (there instanceof LawspeakerError) {
        throw there;
      }
      await readMessage(there, found, giveWay);
      if (item.kind === 'user' || item.content !== null || found.content !== undefined) {
        return;
      }
    } catch (error) {
      if (!(error instanceof LawspeakerError)) {
        throw error;
      }
      failure ??= error;
    }
  }
  if (failure !== undefined) {
    throw failure;
  }
}

/** The homeservers on which an item was reported, the latest first; the first of all if none of them is ours now. */
async function serversOf(
  context: DetailsContext,
  item: ReportItem,
): Promise<readonly (string | undefined)[]> {
  if (context.settings.homeservers.length === 1) {
    return [undefined];
  }
  const reports = await context.store.reports.ofItem(item.id);
  const servers = [item, ...reports.toReversed()].map((one) => serverOfItem(context, one));
  const known = new Set(servers.filter((server) => server !== undefined));
  return known.size === 0 ? [undefined] : [...known];
}

/**
 * Reads the message with its latest edit: people can edit it before and after it is reported. The room
 * shows both, in one request. If the message was redacted or is gone, the report still has it, as it was
 * first sent.
 */
async function readMessage(
  context: DetailsContext,
  found: FoundDetails,
  giveWay: GiveWay,
): Promise<void> {
  const { services, settings, store } = context;
  const { item } = found;
  const kept = readContent(item.content);
  if (item.kind === 'user' || kept?.isEncrypted === true) {
    return;
  }
  await giveWay();
  let failure: unknown;
  const current = await currentEvent(context, item).catch((error: unknown) => {
    if (!isRefusal(error)) {
      throw error;
    }
    failure = error;
    return undefined;
  });
  if (kept !== undefined) {
    addEdit(found, kept, current);
  } else if (
    current !== undefined &&
    current.redactedBecause === null &&
    current.lastEdit === null
  ) {
    found.sender = current.sender;
    const { type, content, originServerTs } = current;
    await keep(context, found, { type, content, origin_server_ts: originServerTs });
  } else {
    await giveWay();
    const reportId = await store.reports.newestId(item.id, settings.serverName);
    const report =
      reportId === undefined ? undefined : await services.reports.findEventReport(reportId);
    // The number may belong to another report by now.
    if (report?.eventId === item.subject) {
      found.sender = report.sender ?? undefined;
      await keep(context, found, report.eventJson);
      addEdit(found, readContent(found.content ?? null), current);
    }
  }
  if (failure !== undefined) {
    throw failure;
  }
}

async function currentEvent(
  { services: { rooms } }: DetailsContext,
  item: ReportItem,
): Promise<RoomEvent | undefined> {
  const room = item.roomId === null ? undefined : parseRoomId(item.roomId);
  const event = parseEventId(item.subject);
  return room === undefined || event === undefined
    ? undefined
    : (await rooms.findEvent(room, event))?.event;
}

/** What the bot sent to one person privately is not shown to everyone, even if that person reports it. */
async function keep(
  { services: { directRooms } }: DetailsContext,
  found: FoundDetails,
  event: unknown,
): Promise<void> {
  const room = parseRoomId(found.item.roomId ?? '');
  if (room === undefined || !(await directRooms.has(room))) {
    found.content = JSON.stringify(contentOf(event));
  }
}

function addEdit(
  found: FoundDetails,
  kept: ReportedContent | undefined,
  current: RoomEvent | undefined,
): void {
  const edit = current?.lastEdit?.content['m.new_content'];
  if (kept !== undefined && !kept.isEncrypted && edit !== undefined) {
    found.content = JSON.stringify(withEdit(kept, edit));
  }
}

async function createdAt(
  context: DetailsContext,
  findPerson: FindPerson,
  sender: string,
): Promise<number | undefined> {
  const user = parseUserId(sender);
  return user !== undefined && isOurs(context, user)
    ? ((await findPerson(user)).createdAt ?? undefined)
    : undefined;
}

/** If the homeserver refuses to tell about somebody, they stay unknown. */
function isRefusal(error: unknown): boolean {
  return error instanceof LawspeakerError && !(error instanceof UnreachableError);
}
