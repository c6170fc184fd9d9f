import type { Answer } from '../../dev/room/moderator.ts';
import { openStore } from '../../src/store/store.ts';
import { createChainCheck } from '../../src/store/tables/audit/audit-chain.ts';
import type { AuditRow } from '../../src/store/tables/audit/audit-chain.ts';
import { adminApi, asUserId } from '../support/homeserver.ts';
import { countPending } from './crash-room.ts';
import type { CrashRoom } from './crash-room.ts';
import type { Said } from './story.ts';

const endpoints = {
  'shadow-ban': (user: string) => `/users/${encodeURIComponent(user)}/shadow_ban`,
  deactivate: (user: string) => `/deactivate/${encodeURIComponent(user)}`,
} as const;
type Command = keyof typeof endpoints;

/** How often the homeserver was asked to change this account so. */
function callsFor({ gate }: CrashRoom, command: Command, user: string): number {
  return gate.count('POST', new RegExp(`${RegExp.escape(endpoints[command](user))}$`, 'u'));
}

/** All calls that change something. */
function allCalls({ gate }: CrashRoom): number {
  return ['POST', 'PUT', 'DELETE'].reduce(
    (sum, method) => sum + gate.count(method, /^\/_synapse\/admin\//u),
    0,
  );
}

/**
 * What is not as it must be after a story, however often the bot died in it: requests, server, audit
 * log, room and database are held against each other. Call `begin` before the story.
 */
export function createCheck(room: CrashRoom, { afterPowerCut = false } = {}) {
  const callsBefore = allCalls(room);

  return async (said: readonly Said[]): Promise<string[]> => {
    const found: string[] = [];
    const store = await openStore(room.database.place, { readonly: true });
    try {
      for (const one of said) {
        const [answer, ...more] = room.ana.answersTo(one.event);
        if (answer === undefined || more.length > 0) {
          found.push(`${one.text} has ${answer === undefined ? 'no' : more.length + 1} answers`);
          continue;
        }
        // What takes longer than usual also says that it runs.
        const statuses = room.ana.statusesOf(answer).filter((status) => status !== 'running');
        // Lost with the outcome, that it was told is also lost: it is found out, and told again.
        const told = afterPowerCut
          ? statuses.filter((status, at) => status !== statuses[at - 1])
          : statuses;
        if (!tellsOneStory(one, told)) {
          found.push(`the answer to ${one.text} was ${told.join(', then ')}`);
        }
        const entries = await store.auditLog.search({ eventId: one.event, limit: 1000 });
        const complain = (text: string) => found.push(`${one.text}: ${text}`);
        switch (one.kind) {
          case 'read':
            if (answer.field.status !== 'done') {
              complain(`is ${answer.field.status}`);
            }
            break;
          case 'refused':
            if (answer.field.status !== 'protected' || entries.length !== 1) {
              complain(`is ${answer.field.status}, refused ${entries.length} times`);
            }
            break;
          case 'decision':
            checkDecision(room, said, one, answer, complain);
            break;
          case 'cancelled':
            if (answer.field.status !== 'cancelled' || !answer.body.includes('cancelled by Ben')) {
              complain(`is ${answer.field.status}: ${answer.body}`);
            }
            await checkTargets(room, one, new Map(), complain);
            break;
          case 'change':
          case 'confirmed': {
            const statuses = new Map(entries.map(({ target, status }) => [target, status]));
            if (statuses.size !== entries.length) {
              complain(`${entries.length} audit entries for ${statuses.size} accounts`);
            }
            await checkTargets(room, one, statuses, complain);
            checkAnswer(one, answer, statuses, complain);
            const ids = entries.map(({ id }) => id).sort((a, b) => a - b);
            if (ids.join() !== answer.field.audit.join()) {
              complain(`audit log has ${ids.join()}, the answer ${answer.field.audit.join()}`);
            }
            const confirmer = one.kind === 'confirmed' ? room.ben.userId : null;
            for (const entry of entries) {
              if (entry.actor !== room.ana.user.userId || entry.confirmer !== confirmer) {
                complain(`audit says ${entry.actor}, confirmed by ${entry.confirmer}`);
              }
            }
          }
        }
        found.push(...(one.kind === 'decision' ? [] : ownReactionsLeft(room, one, answer)));
      }
    } finally {
      await store.close();
    }
    const accountedFor = said
      .flatMap(({ kind, targets }) =>
        targets.map((user) =>
          callsFor(room, kind === 'change' ? 'shadow-ban' : 'deactivate', user),
        ),
      )
      .reduce((sum, calls) => sum + calls, 0);
    const calls = allCalls(room) - callsBefore;
    if (calls !== accountedFor) {
      found.push(`${calls} changing calls, of which ${accountedFor} were asked for`);
    }
    return [...found, ...(await databaseFaults(room))];
  };
}

type Complain = (text: string) => void;

/** Server and requests against the audit log. */
async function checkTargets(
  room: CrashRoom,
  { kind, targets }: Said,
  statuses: ReadonlyMap<string | null, string>,
  complain: Complain,
): Promise<void> {
  const command = kind === 'change' ? 'shadow-ban' : 'deactivate';
  for (const user of targets) {
    const account = await adminApi().users.get(asUserId(user));
    const isChanged = command === 'shadow-ban' ? account.shadowBanned : account.deactivated;
    const status = statuses.get(user) ?? 'not begun';
    const calls = callsFor(room, command, user);
    if (calls > 1) {
      complain(`sent ${calls} times for ${user}`);
    }
    if (status !== 'done' && status !== 'failed' && status !== 'not begun') {
      complain(`audit says ${status} of ${user}`);
    }
    if (isChanged !== (status === 'done')) {
      complain(`${user} is ${isChanged ? '' : 'not '}changed, audit says ${status}`);
    }
    if (calls > 0 && status === 'not begun') {
      complain(`sent for ${user} without an intent`);
    }
  }
}

/** Room against audit log. */
function checkAnswer(
  { kind, targets }: Said,
  { field, body }: Answer,
  statuses: ReadonlyMap<string | null, string>,
  complain: Complain,
): void {
  const done = targets.filter((user) => statuses.get(user) === 'done').length;
  const expected = done === targets.length ? 'done' : done === 0 ? 'failed' : 'partial';
  if (field.status !== expected) {
    complain(`the answer says ${field.status}, audit and server ${expected}`);
  }
  const names =
    kind === 'confirmed' ? /Asked by Ana \(@\S+\), confirmed by Ben \(@/u : /Asked by Ana \(@/u;
  if (!names.test(body)) {
    complain(`the answer does not say ${names.source}: ${body}`);
  }
}

/** The answer to `!confirm` against the answer to what it confirmed. */
function checkDecision(
  room: CrashRoom,
  said: readonly Said[],
  { decides = '' }: Said,
  { field }: Answer,
  complain: Complain,
): void {
  const outcome = room.ana.answersTo(decides)[0]?.field.status;
  const isCancelled = said.some(({ event, kind }) => event === decides && kind === 'cancelled');
  if (field.status !== (isCancelled ? 'done' : outcome)) {
    complain(`is ${field.status}, and what it decides is ${outcome}`);
  }
}

interface Relation {
  readonly rel_type?: string;
  readonly event_id?: string;
}

const relationOf = (event: { content: Record<string, unknown> }) =>
  event.content['m.relates_to'] as Relation | undefined;

/**
 * Nothing is taken back that was said. Only a confirmation, and once what is not known yet, or not of all,
 * may become something else.
 */
function tellsOneStory({ kind }: Said, told: readonly string[]): boolean {
  const isQuestion = kind === 'confirmed' || kind === 'cancelled';
  const before = told.slice(isQuestion && told[0] === 'pending' ? 1 : 0, -1);
  const canBeOpen = kind === 'change' || kind === 'confirmed' || kind === 'decision';
  return (
    before.length <= (canBeOpen ? 1 : 0) &&
    before.every((status) => status === 'unknown' || status === 'partial')
  );
}

/** A confirmation that was decided invites nobody to tap. */
function ownReactionsLeft({ ana, botUserId }: CrashRoom, { text }: Said, answer: Answer): string[] {
  const redacted = new Set(
    ana.events
      .filter(({ type }) => type === 'm.room.redaction')
      .map((event) => event.content['redacts'] ?? (event as { redacts?: unknown }).redacts),
  );
  return ana.events
    .filter(
      (event) =>
        event.type === 'm.reaction' &&
        event.sender === botUserId &&
        relationOf(event)?.event_id === answer.event &&
        !redacted.has(event.event_id),
    )
    .map((event) => `${text}: the bot's reaction ${event.event_id} is still there`);
}

/** What the database says about itself. */
async function databaseFaults({ database }: CrashRoom): Promise<string[]> {
  const found = Object.entries(await countPending(database))
    .filter(([, open]) => open > 0)
    .map(([table, open]) => `${table} holds ${open} that are not ended`);
  const waiting = await database.read(
    'SELECT transaction_id, message FROM outbox WHERE closed_at IS NULL LIMIT 3',
  );
  found.push(...waiting.map((message) => `in the outbox: ${JSON.stringify(message)}`));
  const unsent = await database.read(
    'SELECT id FROM outbox WHERE closed_at IS NOT NULL AND sent_event_id IS NULL',
  );
  if (unsent.length > 0) {
    found.push(`${unsent.length} messages were given up`);
  }
  const rows = await database.read<AuditRow>('SELECT * FROM audit_log ORDER BY id');
  const chain = createChainCheck();
  for (const row of rows) {
    if (!chain.next(row)) {
      found.push(`the chain is broken at #${row.id}`);
    }
    const outcomes = rows.filter(({ intent_id: id }) => id === row.id).map(({ status }) => status);
    if (row.kind === 'intent' && outcomes.toSpliced(-1).some((status) => status !== 'unknown')) {
      found.push(`the audit entry #${row.id} ended as ${outcomes.join(', then ')}`);
    }
    if (row.kind === 'intent' && (outcomes.length === 0 || outcomes.length > 2)) {
      found.push(`the audit entry #${row.id} has ${outcomes.length} outcomes`);
    }
  }
  return found;
}
