import { LawspeakerError, UnreachableError, orUndefined } from '../../core/errors.ts';
import { parseEventId, parseRoomId, parseUserId, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { AccountLookup } from '../../operations/resolve/absent.ts';
import type { Settings } from '../../operations/settings.ts';
import { contentOf, readContent, withEdit } from '../../services/reports/reported-content.ts';
import type { Account, Services } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import type { StoredReport } from '../../store/tables/reports.ts';

/** What looking up people needs. */
export interface LookupContext {
  readonly findAccount: AccountLookup['findAccount'];
  now(): number;
}

interface StoreContext {
  readonly store: Pick<Store, 'reportItems' | 'reports'>;
}

/** What fetching the details of a report needs. */
export interface DetailsContext extends StoreContext {
  readonly services: Pick<Services, 'directRooms' | 'reports' | 'rooms'>;
  readonly settings: Pick<Settings, 'serverName'>;
}

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

/** Looks accounts up on the homeserver, and caches them: many reports are about the same people. */
export function createPersonLookup(context: LookupContext) {
  const known = new Map<UserId, { readonly at: number; readonly person: Person }>();
  return async (user: UserId, { isFresh = false } = {}): Promise<Person> => {
    const before = known.get(user);
    if (before !== undefined && !isFresh && context.now() - before.at < cachedForMs) {
      return before.person;
    }
    const person = personOf(await context.findAccount(user));
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

/**
 * Finds out what was reported and who sent and reported it, and stores that. If the homeserver refuses to
 * tell about a reporter, the others are still looked up.
 *
 * @throws UnreachableError, HomeserverError not even the message could be fetched
 */
export async function fetchDetails(
  context: DetailsContext,
  findPerson: FindPerson,
  item: ReportItem,
): Promise<void> {
  const { reports, reportItems } = context.store;
  const reportId = item.content === null ? await reports.newestId(item.id) : undefined;
  const detail = await detailOf(context, item, reportId);
  const sender = item.sender ?? detail.sender;
  const created =
    sender === undefined || item.senderCreatedAt !== null
      ? undefined
      : await createdAt(context, findPerson, sender);
  await reportItems.setDetails(item.id, {
    sender: detail.sender,
    content: detail.content,
    senderCreatedAt: created,
  });
  const stored = await reports.ofItem(item.id);
  await updateReporters(
    context,
    findPerson,
    // A restricted reporter counts again when the restriction ends.
    stored.filter((report) => report.reporterCreatedAt === null || report.reporterRestricted),
  );
  const edited = await editedSince(context, item, detail.content ?? item.content);
  if (edited !== undefined) {
    await reportItems.setDetails(item.id, { content: edited });
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
  item: Pick<ReportItem, 'id'>,
): Promise<void> {
  const stored = await context.store.reports.ofItem(item.id);
  await updateReporters(
    context,
    async (user) => findPerson(user, { isFresh: true }),
    stored.filter((report) => !report.reporterRestricted),
  );
  // The card shows how close rules are to a match.
  await context.store.reportItems.setDetails(item.id, {});
}

/** @param reports one of each person, oldest first */
async function updateReporters(
  { store }: { readonly store: Pick<Store, 'reports'> },
  findPerson: (user: UserId) => Promise<Person>,
  reports: readonly StoredReport[],
): Promise<void> {
  for (const { itemId, reporter } of reports.toReversed().slice(0, maxReporters)) {
    const user = parseUserId(reporter);
    const person = user && (await orUndefined(findPerson(user), isRefusal));
    if (person !== undefined) {
      await store.reports.setReporter(itemId, reporter, person);
    }
  }
}

async function detailOf(
  { services: { reports, directRooms } }: DetailsContext,
  item: ReportItem,
  reportId: number | undefined,
): Promise<{ readonly sender?: string | undefined; readonly content?: string }> {
  const report =
    item.kind === 'user' || reportId === undefined
      ? undefined
      : await reports.findEventReport(reportId);
  // The number may belong to another report by now.
  if (report === undefined || report.eventId !== item.subject) {
    return {};
  }
  const sender = report.sender ?? undefined;
  // What the bot sent to one person privately is not shown to everyone, even if that person reports it.
  return (await directRooms.has(report.roomId))
    ? { sender }
    : { sender, content: JSON.stringify(contentOf(report.eventJson)) };
}

/**
 * The stored content with the latest edit, as JSON. Reports hold the message as it was first sent, and
 * people can edit it before and after it is reported.
 *
 * @returns undefined if it was not edited
 */
async function editedSince(
  { services: { rooms } }: DetailsContext,
  item: ReportItem,
  stored: string | null,
): Promise<string | undefined> {
  const content = readContent(stored);
  const room = item.roomId === null ? undefined : parseRoomId(item.roomId);
  const event = parseEventId(item.subject);
  if (content === undefined || content.isEncrypted || room === undefined || event === undefined) {
    return undefined;
  }
  const found = await rooms.findEvent(room, event);
  const edit = found?.event.lastEdit?.content['m.new_content'];
  return edit === undefined ? undefined : JSON.stringify(withEdit(content, edit));
}

async function createdAt(
  { settings }: DetailsContext,
  findPerson: FindPerson,
  sender: string,
): Promise<number | undefined> {
  const user = parseUserId(sender);
  return user !== undefined && serverNameOf(user) === settings.serverName
    ? ((await findPerson(user)).createdAt ?? undefined)
    : undefined;
}

/** If the homeserver refuses to tell about somebody, they stay unknown. */
function isRefusal(error: unknown): boolean {
  return error instanceof LawspeakerError && !(error instanceof UnreachableError);
}
