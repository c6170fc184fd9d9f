import { LawspeakerError, UnreachableError } from '../../core/errors.ts';
import { parseEventId, parseRoomId, parseUserId, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { House } from '../../operations/house.ts';
import { contentOf, readContent, withEdit } from '../../services/reports/reported-content.ts';
import type { Account } from '../../services/services.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import type { StoredReport } from '../../store/tables/reports.ts';

/** What of an account a report's reader must know. */
export interface Person {
  /** Milliseconds since 1970; null for an account that is not there. */
  readonly createdAt: number | null;
  readonly isRestricted: boolean;
}

/** So many of those who reported an item last are looked at. */
const lookedAtReporters = 100;
const rememberedForMs = 300_000;
const maxRemembered = 2000;

/** Asks the homeserver about accounts, and remembers it for a while: many reports have the same people. */
export function createPeople(house: Pick<House, 'findAccount' | 'now'>) {
  const known = new Map<UserId, { readonly at: number; readonly person: Person }>();
  return async (user: UserId, { isFresh = false } = {}): Promise<Person> => {
    const before = known.get(user);
    if (before !== undefined && !isFresh && house.now() - before.at < rememberedForMs) {
      return before.person;
    }
    const person = personOf(await house.findAccount(user));
    known.delete(user);
    known.set(user, { at: house.now(), person });
    const [oldest] = known.keys();
    if (known.size > maxRemembered && oldest !== undefined) {
      known.delete(oldest);
    }
    return person;
  };
}

export type AskPerson = ReturnType<typeof createPeople>;

/** What looking at an item needs. */
type Looking = Pick<House, 'store' | 'services'> & {
  readonly settings: Pick<House['settings'], 'serverName'>;
};

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
 * Finds out what was reported and who the people are, and keeps it. What the homeserver does not tell
 * of one of them says nothing of the others.
 *
 * @throws UnreachableError, HomeserverError where not even the message could be asked for
 */
export async function describe(
  house: Looking,
  askPerson: AskPerson,
  item: ReportItem,
): Promise<void> {
  const { reports, reportItems } = house.store;
  const reportId = item.content === null ? await reports.newestId(item.id) : undefined;
  const detail = await detailOf(house, item, reportId);
  const sender = item.sender ?? detail.sender;
  const created =
    sender === undefined || item.senderCreatedAt !== null
      ? undefined
      : await createdAt(house, askPerson, sender);
  await reportItems.setDetails(item.id, {
    sender: detail.sender,
    content: detail.content,
    senderCreatedAt: created,
  });
  const stored = await reports.ofItem(item.id);
  await lookAtReporters(
    house,
    askPerson,
    // A restriction that has ended lets a witness count again.
    stored.filter((report) => report.reporterCreatedAt === null || report.reporterRestricted),
  );
  const edited = await editedSince(house, item, detail.content ?? item.content);
  if (edited !== undefined) {
    await reportItems.setDetails(item.id, { content: edited });
  }
}

/**
 * Asks again about those whose reports count, however lately they were looked at: before a rule acts on
 * what they say. Who was restricted in the meantime counts no longer.
 *
 * @throws UnreachableError
 */
export async function lookAtWitnesses(
  house: Pick<House, 'store'>,
  askPerson: AskPerson,
  item: Pick<ReportItem, 'id'>,
): Promise<void> {
  const stored = await house.store.reports.ofItem(item.id);
  await lookAtReporters(
    house,
    async (user) => askPerson(user, { isFresh: true }),
    stored.filter((report) => !report.reporterRestricted),
  );
  // The card says how far rules are.
  await house.store.reportItems.setDetails(item.id, {});
}

/** @param reports oldest first, one of each person */
async function lookAtReporters(
  { store }: Pick<House, 'store'>,
  askPerson: (user: UserId) => Promise<Person>,
  reports: readonly StoredReport[],
): Promise<void> {
  for (const { itemId, reporter } of reports.toReversed().slice(0, lookedAtReporters)) {
    const user = parseUserId(reporter);
    const person = user && (await askPerson(user).catch(ignoreRefusal));
    if (person !== undefined) {
      await store.reports.setReporter(itemId, reporter, person);
    }
  }
}

async function detailOf(
  { services: { reports, directRooms } }: Looking,
  item: ReportItem,
  reportId: number | undefined,
): Promise<{ readonly sender?: string | undefined; readonly content?: string }> {
  const report =
    item.kind === 'user' || reportId === undefined
      ? undefined
      : await reports.findEventReport(reportId);
  // The number may be that of another report by now.
  if (report === undefined || report.eventId !== item.subject) {
    return {};
  }
  const sender = report.sender ?? undefined;
  // What the bot told one person alone is not shown to all, also if that person reports it.
  return (await directRooms.has(report.roomId))
    ? { sender }
    : { sender, content: JSON.stringify(contentOf(report.eventJson)) };
}

/**
 * What was kept, as JSON, with what people see by now: a report holds the message as it was first sent,
 * and it can be edited before as after it is reported.
 *
 * @returns undefined where it is not edited
 */
async function editedSince(
  { services: { rooms } }: Looking,
  item: ReportItem,
  kept: string | null,
): Promise<string | undefined> {
  const content = readContent(kept);
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
  { settings }: Looking,
  askPerson: AskPerson,
  sender: string,
): Promise<number | undefined> {
  const user = parseUserId(sender);
  return user !== undefined && serverNameOf(user) === settings.serverName
    ? ((await askPerson(user)).createdAt ?? undefined)
    : undefined;
}

/** Somebody whom the homeserver refuses to speak of is somebody unknown. */
function ignoreRefusal(error: unknown): undefined {
  if (!(error instanceof LawspeakerError) || error instanceof UnreachableError) {
    throw error;
  }
}
