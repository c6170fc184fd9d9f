import { ago, count } from '../../chat/answers/phrases.ts';
import { undoneBy } from '../../chat/reading/entry-number.ts';
import { dayMs } from '../../core/duration.ts';
import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AuditEntry } from '../../store/tables/audit-log.ts';
import type { House } from '../house.ts';

/** What is older is not what somebody means by "last" without a look. */
const maxAgoMs = dayMs;
/** So far back is searched. */
const searched = 100;

/** The command line that takes an action back, if it was done and can be. */
export function undoOf({
  status,
  detail,
}: Pick<AuditEntry, 'status' | 'detail'>): string | undefined {
  return status === 'done' &&
    typeof detail === 'object' &&
    detail !== null &&
    'undo' in detail &&
    typeof detail.undo === 'string'
    ? detail.undo
    : undefined;
}

/**
 * The newest action of a person that nothing has taken back yet, and that can be. What takes another back
 * is not counted, so that a second `undo last` goes on to the action before.
 *
 * @throws TargetError there is none; or which one is meant must be asked, since the newest can't be taken
 * back, was one of several, or is long ago
 */
export async function lastActionOf(house: House, user: UserId): Promise<AuditEntry> {
  const { prefix } = house.settings;
  const found = await house.store.auditLog.search({ by: user, status: 'done', limit: searched });
  const own = found.filter(({ actor }) => actor === user);
  const undone = new Set(own.map(({ reason }) => undoneBy(reason)));
  const open = own.filter(({ id, reason }) => undoneBy(reason) === undefined && !undone.has(id));
  const [last] = open;
  if (last === undefined) {
    throw new TargetError('unknown', 'you have done nothing lately that is not taken back');
  }
  const describe = ({ id, command, target }: AuditEntry) =>
    `\`${prefix}undo ${id}\`: ${command}${target === null ? '' : ` \`${target.replaceAll('`', '’')}\``}`;
  const together = open.filter(({ eventId }) => eventId === last.eventId);
  if (together.length > 1) {
    throw new TargetError(
      'state',
      `your last command did ${count(together.length, 'thing')}, so say which`,
      together.slice(0, 10).map(describe).join('\n'),
    );
  }
  if (undoOf(last) === undefined) {
    const earlier = open.find((entry) => undoOf(entry) !== undefined);
    throw new TargetError(
      'state',
      `your last action, #${last.id} ${last.command}, can’t be taken back`,
      earlier === undefined ? undefined : `Before it: ${describe(earlier)}`,
    );
  }
  if (house.now() - last.at > maxAgoMs) {
    throw new TargetError(
      'state',
      `your last action was ${ago(last.at, house.now())}, so say that you mean it`,
      describe(last),
    );
  }
  return last;
}

/**
 * Keeps an old action's number from taking a newer decision away.
 *
 * @param undoing what takes the entry back, as it was read from its line
 * @throws TargetError the same was done again since, or the action was taken back
 */
export async function assertNewest(
  { store, settings: { prefix } }: Pick<House, 'store' | 'settings'>,
  entry: AuditEntry,
  undoing: { readonly command: string; readonly values: Readonly<Record<string, unknown>> },
): Promise<void> {
  const undo = undoOf(entry);
  const since = async (command: string, values: unknown) => {
    const target = entry.target ?? undefined;
    const found = await store.auditLog.search({ target, command, status: 'done', limit: searched });
    return found.filter(
      ({ id, arguments: given }) =>
        id > entry.id && JSON.stringify(given) === JSON.stringify(values),
    );
  };
  const takenBack = await since(undoing.command, undoing.values);
  // What takes something else back, a token made with the same flags, say, is another thing.
  const newest = (await since(entry.command, entry.arguments)).find(
    (one) => (undoOf(one) ?? undo) === undo,
  );
  const [back] = takenBack;
  const name = `#${entry.id} ${entry.command}`;
  if (newest !== undefined && newest.id > (back?.id ?? 0)) {
    const first = takenBack.at(-1);
    throw new TargetError(
      'state',
      first === undefined
        ? `${name} is not the newest: #${newest.id} ${newest.command} came after it`
        : `${name} was taken back by #${first.id}, and #${newest.id} ${newest.command} came after it`,
      undoOf(newest) === undefined
        ? `To end what holds now: \`${prefix}${undo ?? ''}\``
        : `To take the newest back: \`${prefix}undo ${newest.id}\``,
    );
  }
  if (back !== undefined) {
    throw new TargetError(
      'state',
      `${name} was taken back already, by #${back.id} ${back.command}`,
    );
  }
}
