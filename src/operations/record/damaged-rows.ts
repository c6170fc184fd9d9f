import { z } from 'zod';

import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { LawspeakerError } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import { post } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import { joinedAdmins } from '../authorize/roles.ts';
import { parseJob } from '../execute/run-timer.ts';
import type { House } from '../house.ts';
import { invocationForm } from '../parse/stored-invocation.ts';

const origin = z.object({ event: z.string(), room: z.string() });

const sent = { event: z.string(), room: z.string(), sender: z.string(), sentAt: z.number() };
const incomingForm = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('message'), ...sent, text: z.string() }),
  z.object({ kind: z.literal('reaction'), ...sent, target: z.string(), key: z.string() }),
]);

const reply = z.object({ status: z.string(), answer: z.object({ title: z.array(z.unknown()) }) });
const outgoingForm = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('reply'), origin, reply }),
  z.object({ kind: z.literal('edit'), origin, reply }),
  z.object({ kind: z.literal('alert'), origin, reply, mentions: z.array(z.string()) }),
  z.object({ kind: z.literal('file'), origin, file: z.object({ content: z.string() }) }),
  z.object({ kind: z.literal('reaction'), origin, key: z.string() }),
  z.object({ kind: z.literal('withdraw'), origin, stage: z.string() }),
]);

const progress = z.object({ startedAt: z.number(), isComplete: z.boolean() });
const digits = /^\d{1,16}$/u;

/** Named values that have a form, and what follows where one is lost. */
const valueForms: Readonly<Record<string, { fits(text: string): boolean; loss: string }>> = {
  filter: jsonOf(
    z.object({ id: z.unknown(), filter: z.unknown() }),
    // With a new filter the SDK begins at the newest.
    'it is made anew; what was sent here before this message and has no answer is not done: send it again',
  ),
  waitingForKeys: jsonOf(
    z.array(z.object({ since: z.number(), event: z.looseObject({}) })),
    'messages that waited for their keys are not carried out: send them again',
  ),
  'reports.event': jsonOf(progress, 'reports of messages are read anew, and left to people'),
  'reports.user': jsonOf(progress, 'reports of users are read anew, and left to people'),
  'reports.digest': jsonOf(
    z.object({ startedAt: z.number(), grewAt: z.number(), revision: z.number() }),
    'the next digest is a new message',
  ),
  'reports.breaker': { fits: (text) => digits.test(text), loss: 'it is counted anew' },
  audit_head: {
    fits: (text) => /^\d{1,15} [0-9a-f]{64} \d{1,15} \d{1,15}$/u.test(text),
    loss: 'compare `audit verify` with the newest head in this room: somebody may have changed the log',
  },
  record_gap: {
    fits: (text) => /^\d{1,16} \d{1,16} \d{1,15} \d{1,15}$/u.test(text),
    loss: 'what an earlier restore left out is not in `status` any more',
  },
};

function jsonOf(form: z.ZodType, loss: string) {
  return { fits: (text: string) => faultIn(text, form) === undefined, loss };
}

/** What is wrong with stored JSON; undefined where it can be read. */
function faultIn(text: string, form: z.ZodType): string | undefined {
  try {
    const read = form.safeParse(JSON.parse(text));
    return read.success ? undefined : 'it has another form';
  } catch {
    return 'it is no JSON';
  }
}

interface Damaged {
  readonly source: string;
  readonly key: string;
  readonly content: string;
  readonly reason: string;
  /** Ends the row, so that nothing comes across it again. */
  readonly end: (tables: StoreTables, now: number) => Promise<void>;
  /** What the room is told of it. */
  readonly told: Content;
}

/**
 * Looks through what the bot is about to take up again, and sets aside what can't be read: one damaged row
 * must stop neither the start nor its neighbors. It is kept, and told to the admins. To be called before
 * anything of it is taken up.
 *
 * @throws StoreError
 */
export async function setDamagedAside(house: House): Promise<void> {
  const damaged = [
    ...(await damagedValues(house)),
    ...(await damagedEvents(house)),
    ...(await damagedMessages(house)),
    ...(await damagedConfirmations(house)),
    ...(await damagedWork(house)),
    ...(await damagedTimers(house)),
  ];
  if (damaged.length === 0) {
    return;
  }
  const now = house.now();
  const { log, store } = house;
  await store.transaction(async (tables) => {
    for (const row of damaged) {
      const { source, key, content, reason } = row;
      log.warn({ table: source, row: key, reason }, 'a stored row can’t be read and is set aside');
      await tables.damagedRows.add({ source, key, content, reason }, now);
      await row.end(tables, now);
    }
    await tell(house, tables, `damaged ${now}`, {
      title: [bold(`${count(damaged.length, 'stored row')} can’t be read: `), 'I go on without'],
      body: damaged.map(({ source, key, told }) => [code(`${source} ${key}`), ': ', ...told]),
    });
  });
}

/**
 * The homeserver does not take the place where the bot was in the room's history: the next sync begins at
 * the newest, and the admins are told.
 *
 * @throws StoreError
 */
export async function setPlaceAside(house: House, token: string): Promise<void> {
  const now = house.now();
  const name = `place ${now}`;
  await house.store.transaction(async (tables) => {
    await tables.damagedRows.add(
      { source: 'sync_state', key: 'token', content: token, reason: 'the homeserver refused it' },
      now,
    );
    await tables.syncState.set('token', undefined);
    await tell(house, tables, name, {
      title: [bold('I lost my place in this room: '), 'the homeserver refused it'],
      body: [
        ['What was sent here before this message and has no answer is not done: send it again.'],
        ['The homeserver’s database, or mine, may have been changed or restored.'],
      ],
    });
  });
  house.deliver(`$ ${name}`);
}

async function tell(
  house: House,
  tables: StoreTables,
  name: string,
  { title, body }: { readonly title: Content; readonly body: readonly Content[] },
): Promise<void> {
  const maxShown = 20;
  await post(house, tables, 'alert', {
    kind: 'alert',
    // No event of the room: those hold no blanks.
    origin: { event: `$ ${name}` as EventId, room: house.settings.managementRoom },
    mentions: joinedAdmins(house),
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
          line(
            'What was set aside is kept in the table ',
            code('damaged_rows'),
            ' of the database.',
          ),
          line('Check the disk, and ask who edits the database by hand. Make a backup now.'),
        ],
        next: ['audit verify', 'status'],
      },
    },
  });
}

async function damagedValues({ store }: House): Promise<Damaged[]> {
  const found: Damaged[] = [];
  for (const [name, { fits, loss }] of Object.entries(valueForms)) {
    const value = await store.syncState.get(name);
    if (value !== undefined && !fits(value)) {
      found.push({
        source: 'sync_state',
        key: name,
        content: value,
        reason: 'it has another form',
        end: async ({ syncState }) => syncState.set(name, undefined),
        told: [loss],
      });
    }
  }
  return found;
}

async function damagedEvents({ store }: House): Promise<Damaged[]> {
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
            end: async ({ inbox }: StoreTables, now: number) => inbox.handled(eventId, now),
            told: ['what ', code(sender), ' sent is not done: send it again'],
          },
        ];
  });
}

async function damagedMessages({ store }: House): Promise<Damaged[]> {
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
            told: ['an answer to ', code(eventId), ' is not sent: see the audit log'],
          },
        ];
  });
}

async function damagedConfirmations(house: House): Promise<Damaged[]> {
  return (await house.store.confirmations.pending()).flatMap((confirmation) => {
    const { id, eventId, code: name, command, invocation } = confirmation;
    const reason = faultIn(invocation, invocationForm);
    return reason === undefined
      ? []
      : [
          {
            source: 'confirmations',
            key: String(id),
            content: invocation,
            reason,
            async end(tables: StoreTables, now: number) {
              await tables.confirmations.decide(id, 'expired', undefined, now);
              await post(house, tables, 'lost', {
                kind: 'edit',
                origin: { event: eventId as EventId, room: house.settings.managementRoom },
                reply: unreadableReply(command),
              });
            },
            told: [
              'the confirmation ',
              code(name),
              ' of ',
              code(command),
              ' is dropped: send it again',
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
        bold('Can’t be confirmed any more: '),
        'what I stored of this confirmation is damaged',
      ],
      body: [line('Nothing was changed. Send the command again if it is still wanted.')],
    },
  };
}

async function damagedWork({ store }: House): Promise<Damaged[]> {
  const found: Damaged[] = [];
  for (const { eventId, invocation } of await store.executions.open()) {
    const reason = faultIn(invocation, invocationForm);
    if (reason !== undefined) {
      const entries = await store.auditLog.search({ eventId, limit: 10_000 });
      const open = entries.filter(({ status }) => status === 'open' || status === 'running');
      found.push({
        source: 'executions',
        key: eventId,
        content: invocation,
        reason,
        async end({ executions, auditLog }, now) {
          for (const { id } of open) {
            await auditLog.finish(id, { status: 'unknown', detail: { code: 'damaged' } }, now);
          }
          await executions.finish(eventId, now);
        },
        told: [
          'it is not known how this ended, look before you send it again: ',
          open.map(({ id }) => `#${id}`).join(' ') || 'nothing was begun',
        ],
      });
    }
  }
  return found;
}

async function damagedTimers(house: House): Promise<Damaged[]> {
  return (await house.store.jobs.waiting()).flatMap((job) => {
    const reason = faultOfTimer(() => parseJob(house, job, undefined));
    return reason === undefined
      ? []
      : [
          {
            source: 'jobs',
            key: String(job.id),
            content: job.line,
            reason,
            end: async ({ jobs }: StoreTables, now: number) => {
              await jobs.end(job.id, 'failed', now);
            },
            told: ['the timer that takes back ', `#${job.intentId}`, ' won’t run: do it by hand'],
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
