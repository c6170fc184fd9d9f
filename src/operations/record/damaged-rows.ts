import { z } from 'zod';

import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { LawspeakerError } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import { allScheduled } from '../../store/tables/operations/operations.ts';
import { post } from '../answer/reply.ts';
import type { DeliverContext, Outgoing, PostContext, Reply } from '../answer/reply.ts';
import { joinedAdmins } from '../authorize/authorize.ts';
import type { RoomPeople } from '../authorize/authorize.ts';
import { parseTimer } from '../execute/run-scheduled.ts';
import type { ParseTimerContext } from '../execute/run-scheduled.ts';
import { syntheticEvent } from '../management-room.ts';
import type { Incoming } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { invocationForm } from '../stages.ts';

const origin = z.object({ event: z.string(), room: z.string() });

const sent = { event: z.string(), room: z.string(), sender: z.string(), sentAt: z.number() };
const incomingForms = {
  message: z.object({ kind: z.literal('message'), ...sent, text: z.string() }),
  reaction: z.object({ kind: z.literal('reaction'), ...sent, target: z.string(), key: z.string() }),
  lookalike: z.object({
    kind: z.literal('lookalike'),
    ...sent,
    form: z.enum(['edit', 'caption', 'emote']),
    text: z.string(),
  }),
} satisfies Readonly<Record<Incoming['kind'], z.ZodType>>;
const incomingForm = z.union(Object.values(incomingForms));

const reply = z.object({ status: z.string(), answer: z.object({ title: z.array(z.unknown()) }) });
const outgoingForms = {
  reply: z.object({ kind: z.literal('reply'), origin, reply }),
  edit: z.object({ kind: z.literal('edit'), origin, reply }),
  alert: z.object({ kind: z.literal('alert'), origin, reply, mentions: z.array(z.string()) }),
  file: z.object({
    kind: z.literal('file'),
    origin,
    file: z.object({ content: z.string() }),
  }),
  reaction: z.object({ kind: z.literal('reaction'), origin, key: z.string() }),
  withdraw: z.object({ kind: z.literal('withdraw'), origin, stage: z.string() }),
} satisfies Readonly<Record<Outgoing['kind'], z.ZodType>>;
const outgoingForm = z.union(Object.values(outgoingForms));

const progress = z.object({ startedAt: z.number(), isComplete: z.boolean() });
const digits = /^\d{1,16}$/u;

interface ValueForm {
  fits(text: string): boolean;
  /** What happens if it is lost. */
  readonly loss: string;
}

/** The forms of the named values. */
const valueForms: Readonly<Record<string, ValueForm>> = {
  waitingForKeys: jsonOf(
    z.array(z.object({ since: z.number(), event: z.looseObject({}) })),
    'messages whose keys were missing are not carried out: resend them',
  ),
  'reports.digest': jsonOf(
    z.object({ startedAt: z.number(), grewAt: z.number(), revision: z.number() }),
    'the next digest is a new message',
  ),
  'reports.breaker': { fits: (text) => digits.test(text), loss: 'I count again' },
  audit_head: {
    fits: (text) => /^\d{1,15} [0-9a-f]{64} \d{1,15} \d{1,15}$/u.test(text),
    loss: 'compare the log with the newest head in this room: somebody may have changed it',
  },
  record_gap: {
    fits: (text) => /^\d{1,16} \d{1,16} \d{1,15} \d{1,15}$/u.test(text),
    loss: 'I no longer know what an earlier restore left out',
  },
};

/** The same of the values that there are for each homeserver. */
const homeserverForms: Readonly<Record<string, ValueForm>> = {
  'reports.event': jsonOf(
    progress,
    'I read reports of messages again, and rules don’t act on them',
  ),
  'reports.user': jsonOf(progress, 'I read reports of users again, and rules don’t act on them'),
};

function jsonOf(form: z.ZodType, loss: string) {
  return { fits: (text: string) => faultIn(text, form) === undefined, loss };
}

/** What is wrong with stored JSON; undefined if it can be read. */
function faultIn(text: string, form: z.ZodType): string | undefined {
  try {
    const read = form.safeParse(JSON.parse(text));
    return read.success ? undefined : 'its form is not as expected';
  } catch {
    return 'it is not JSON';
  }
}

interface Damaged {
  readonly source: string;
  readonly key: string;
  readonly content: string;
  readonly reason: string;
  /** Ends the row, so that nothing reads it again. */
  readonly end: (tables: StoreTables, now: number) => Promise<void>;
  /** What the room is told about it. */
  readonly told: Content;
}

type TellContext = PostContext &
  RoomPeople & { readonly settings: Pick<Settings, 'homeservers' | 'managementRoom'> };

/** What setting damaged rows aside needs. */
export type DamagedRowsContext = TellContext &
  ParseTimerContext & {
    readonly log: Pick<Log, 'warn'>;
    readonly store: Pick<
      Store,
      | 'auditLog'
      | 'confirmations'
      | 'operations'
      | 'inbox'
      | 'timers'
      | 'outbox'
      | 'syncState'
      | 'transaction'
    >;
  };

type Stored<Table extends keyof Store> = { readonly store: Pick<Store, Table> };

/**
 * Checks the stored rows that the bot is about to continue with, and sets aside those that can't be read:
 * a damaged row must not stop the start, or other rows. It is kept, and the admins are told. Call this
 * before anything else reads these rows.
 *
 * @throws StoreError
 */
export async function setDamagedAside(context: DamagedRowsContext): Promise<void> {
  const damaged = [
    ...(await damagedValues(context)),
    ...(await damagedEvents(context)),
    ...(await damagedMessages(context)),
    ...(await damagedConfirmations(context)),
    ...(await damagedOperations(context)),
    ...(await damagedTimers(context)),
  ];
  if (damaged.length === 0) {
    return;
  }
  const now = context.now();
  const { log, store } = context;
  await store.transaction(async (tables) => {
    for (const row of damaged) {
      const { source, key, content, reason } = row;
      log.warn({ table: source, row: key, reason }, 'a stored row can’t be read and is set aside');
      await tables.damagedRows.add({ source, key, content, reason }, now);
      await row.end(tables, now);
    }
    await tell(context, tables, `damaged ${now}`, {
      title: [bold(`${count(damaged.length, 'stored row')} can’t be read: `), 'I continue without'],
      body: damaged.map(({ source, key, told }) => [code(`${source} ${key}`), ': ', ...told]),
    });
  });
}

/**
 * Drops the sync token, which the homeserver has rejected: the next sync begins at the newest events, and
 * the admins are told.
 *
 * @throws StoreError
 */
export async function setPlaceAside(
  context: TellContext & DeliverContext,
  token: string,
): Promise<void> {
  const now = context.now();
  const name = `place ${now}`;
  await context.store.transaction(async (tables) => {
    await tables.damagedRows.add(
      { source: 'sync_state', key: 'token', content: token, reason: 'the homeserver rejected it' },
      now,
    );
    await tables.syncState.set('token', undefined);
    await tell(context, tables, name, {
      title: [bold('I lost my place in this room: '), 'the homeserver rejected it'],
      body: [
        ['Commands before this message that have no answer are not carried out: resend them.'],
        ['The homeserver’s database, or mine, may have been changed or restored.'],
      ],
    });
  });
  context.deliver(syntheticEvent(name));
}

async function tell(
  context: TellContext,
  tables: StoreTables,
  name: string,
  { title, body }: { readonly title: Content; readonly body: readonly Content[] },
): Promise<void> {
  const maxShown = 20;
  await post(context, tables, 'alert', {
    kind: 'alert',
    origin: { event: syntheticEvent(name), room: context.settings.managementRoom },
    mentions: joinedAdmins(context),
    reply: {
      command: 'status',
      status: 'failed',
      audit: [],
      answer: {
        mark: '⚠️',
        title,
        body: [
          { kind: 'list', items: body.slice(0, maxShown) },
          ...(body.length > maxShown ? [line(`And ${body.length - maxShown} more.`)] : []),
          line('The rows are kept in the table ', code('damaged_rows'), ' of the database.'),
          line(
            'Check the disk, find out whether somebody edits the database by hand, and make a backup now.',
          ),
        ],
        next: ['audit verify', 'status'],
      },
    },
  });
}

async function damagedValues({
  store,
  settings,
}: Stored<'syncState'> & {
  readonly settings: Pick<Settings, 'homeservers'>;
}): Promise<Damaged[]> {
  const found: Damaged[] = [];
  const ofHomeservers = settings.homeservers.flatMap(({ serverName }) =>
    Object.entries(homeserverForms).map(([name, form]) => [`${name} ${serverName}`, form] as const),
  );
  for (const [name, { fits, loss }] of [...Object.entries(valueForms), ...ofHomeservers]) {
    const value = await store.syncState.get(name);
    if (value !== undefined && !fits(value)) {
      found.push({
        source: 'sync_state',
        key: name,
        content: value,
        reason: 'its form is not as expected',
        end: async ({ syncState }) => syncState.set(name, undefined),
        told: [loss],
      });
    }
  }
  return found;
}

async function damagedEvents({ store }: Stored<'inbox'>): Promise<Damaged[]> {
  return (await store.inbox.open()).flatMap(({ eventId, sender, event }) => {
    const reason = faultIn(event, incomingForm);
    return reason === undefined
      ? []
      : [
          {
            source: 'inbox',
            key: eventId,
            content: event,
            reason,
            end: async ({ inbox }: StoreTables, now: number) => inbox.markHandled(eventId, now),
            told: ['what ', code(sender), ' sent is not carried out: resend it'],
          },
        ];
  });
}

async function damagedMessages({ store }: Stored<'outbox'>): Promise<Damaged[]> {
  return (await store.outbox.open()).flatMap(({ id, eventId, message }) => {
    const reason = faultIn(message, outgoingForm);
    return reason === undefined
      ? []
      : [
          {
            source: 'outbox',
            key: String(id),
            content: message,
            reason,
            end: async ({ outbox }: StoreTables, now: number) => outbox.giveUp(id, now),
            told: ['the answer to ', code(eventId), ' is not sent: see the audit log'],
          },
        ];
  });
}

async function damagedConfirmations(
  context: TellContext & Stored<'confirmations'>,
): Promise<Damaged[]> {
  return (await context.store.confirmations.pending()).flatMap((confirmation) => {
    const { id, eventId, code: name, command, invocation } = confirmation;
    const reason = faultIn(invocation, invocationForm);
    return reason === undefined
      ? []
      : [
          {
            source: 'operations',
            key: String(id),
            content: invocation,
            reason,
            async end(tables: StoreTables, now: number) {
              await tables.confirmations.decide(id, 'expired', undefined, now);
              await post(context, tables, 'lost', {
                kind: 'edit',
                origin: { event: eventId as EventId, room: context.settings.managementRoom },
                reply: unreadableReply(command),
              });
            },
            told: [
              'the confirmation ',
              code(name),
              ' of ',
              code(command),
              ' is dropped: resend the command',
            ],
          },
        ];
  });
}

function unreadableReply(command: string): Reply {
  return {
    command,
    status: 'expired',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [
        bold('This can’t be confirmed any more: '),
        'my record of this confirmation is damaged',
      ],
      body: [line('Nothing was changed. Resend the command if you still want it.')],
    },
  };
}

async function damagedOperations({ store }: Stored<'auditLog' | 'operations'>): Promise<Damaged[]> {
  const found: Damaged[] = [];
  const scheduled = (await allScheduled(store.operations)).filter(
    ({ line: undo }) => undo === null,
  );
  for (const { id: operation, eventId, invocation } of [
    ...(await store.operations.running()),
    ...scheduled,
  ]) {
    const reason = faultIn(invocation, invocationForm);
    if (reason !== undefined) {
      const entries = await store.auditLog.search({ eventId, limit: 10_000 });
      const open = entries.filter(({ status }) => status === 'open' || status === 'running');
      found.push({
        source: 'operations',
        key: eventId,
        content: invocation,
        reason,
        async end({ operations, auditLog }, now) {
          for (const { id } of open) {
            await auditLog.finish(id, { status: 'unknown', detail: { code: 'damaged' } }, now);
          }
          await operations.end(operation, 'unknown', now);
        },
        told: [
          'the outcome is unknown. Check before you retry: ',
          open.map(({ id }) => `#${id}`).join(' ') || 'nothing was started',
        ],
      });
    }
  }
  return found;
}

async function damagedTimers(context: ParseTimerContext & Stored<'timers'>): Promise<Damaged[]> {
  return (await context.store.timers.scheduled()).flatMap((timer) => {
    const reason = faultOfTimer(() => parseTimer(context, timer, undefined));
    return reason === undefined
      ? []
      : [
          {
            source: 'operations',
            key: String(timer.id),
            content: timer.line,
            reason,
            end: async ({ timers }: StoreTables, now: number) => {
              await timers.end(timer.id, 'failed', now);
            },
            told: ['the timer that undoes ', `#${timer.intentId}`, ' won’t run: undo it yourself'],
          },
        ];
  });
}

function faultOfTimer(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return error instanceof LawspeakerError ? error.message : 'it can’t be read';
  }
}
