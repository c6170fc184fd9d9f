import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { ago, amount, span, when } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import {
  checkOffset,
  listAnswer,
  listFlags,
  pageSize,
  readList,
  sortFlags,
} from '../../chat/command/list.ts';
import { UsageError } from '../../core/errors.ts';
import { destinationOrders } from '../../services/services.ts';
import type { Destination } from '../../services/services.ts';
import { requireServer } from './parts/known-server.ts';
import { checkServerName } from './parts/server-name.ts';

export default defineCommand({
  name: 'federation',
  synonyms: ['destinations', 'servers'],
  summary: 'Shows other servers, and whether this server can reach them',
  does: [
    'show since when a server can’t be reached, and when Synapse retries',
    'with --reset: make Synapse retry now',
  ],
  doesNot: [
    'show whether they can reach this server',
    'list the rooms shared with a server (see !federation-rooms)',
  ],
  args: {
    destination: positional('word', 'Show only this server', { optional: true }),
    reset: flag('boolean', 'Try to reach this server now instead of waiting', { default: false }),
    ...sortFlags(destinationOrders),
    ...listFlags,
  },
  danger: ({ reset }) => (reset ? 'change' : 'read'),
  maxDanger: 'change',
  example: 'federation matrix.org',
  endpoints: [
    'GET /_synapse/admin/v1/federation/destinations',
    'GET /_synapse/admin/v1/federation/destinations/{destination}',
    'GET /_synapse/admin/v1/federation/destinations/{destination}/rooms',
    'POST /_synapse/admin/v1/federation/destinations/{destination}/reset_connection',
  ],
  check(args, context) {
    const { destination, reset } = args;
    if (destination !== undefined) {
      checkServerName(destination);
    } else if (reset) {
      throw new UsageError('Which server? `--reset` needs one.', { word: '--reset' });
    }
    checkOffset(args, context);
  },
  async preview(context) {
    const { destination, reset } = context.args;
    if (destination === undefined || !reset) {
      return { title: ['Show other servers?'], body: [] };
    }
    const { destination: known } = await requireServer(context, destination);
    return {
      title: ['Try to reach ', code(destination), ' now?'],
      body: isReached(known) ? [line('Synapse can already reach it.')] : [],
    };
  },
  async run(context) {
    const { args, services } = context;
    const { destination } = args;
    if (destination !== undefined) {
      const known = await requireServer(context, destination);
      if (args.reset) {
        await services.server.retryServer(destination);
      }
      return { kind: 'one' as const, ...known };
    }
    const { orderBy, dir, limit = pageSize, from } = args;
    const servers = services.server.otherServers({ orderBy, dir, limit, from });
    return { kind: 'list' as const, listing: await readList(args, servers) };
  },
  answer(context, found) {
    const { now } = context;
    if (found.kind === 'one') {
      return context.args.reset
        ? resetAnswer(found.destination)
        : serverAnswer(found.destination, found.rooms, context);
    }
    const { rows } = found.listing;
    const worst = rows.find((one) => !isReached(one)) ?? rows[0];
    return listAnswer(context, found.listing, {
      noun: 'other server',
      nothing: ['No federation traffic yet'],
      ...(worst === undefined ? {} : { next: [`federation ${worst.destination}`] }),
      columns: [
        {
          title: 'Server',
          name: 'destination',
          show: ({ destination }) => [code(destination)],
          value: ({ destination }) => destination,
        },
        {
          title: 'Reached',
          name: 'reachable',
          show: (destination) => [
            isReached(destination)
              ? 'reached'
              : destination.failureTs === null
                ? 'not reached'
                : `not reached for ${span(now - destination.failureTs)}`,
            nextTryText(destination, now),
          ],
          value: isReached,
        },
        {
          name: 'failure_ts',
          value: ({ failureTs }) => failureTs,
        },
        {
          name: 'retry_last_ts',
          value: ({ retryLastTs }) => retryLastTs,
        },
        {
          name: 'next_try_ts',
          value: nextTry,
        },
      ],
    });
  },
  async reconcile({ args: { destination }, services }) {
    return destination === undefined ? 'unknowable' : services.server.reconcileRetry(destination);
  },
});

function resetAnswer({ destination }: Destination): Answer {
  return {
    mark: '✅',
    title: [bold('Retrying '), code(destination), bold(' now')],
    body: [line('If it can’t be reached, Synapse waits again, at growing intervals.')],
    next: [`federation ${destination}`],
    data: { destination },
  };
}

function serverAnswer(
  destination: Destination,
  rooms: number,
  { now, role }: Pick<Context, 'now' | 'role'>,
): Answer {
  const reached = isReached(destination);
  const { failureTs, retryLastTs, retryInterval } = destination;
  const next = nextTry(destination);
  return {
    mark: reached ? 'ℹ️' : '⚠️',
    title: [
      bold(destination.destination),
      reached
        ? ': can be reached'
        : failureTs === null
          ? ': can’t be reached'
          : `: not reached for ${span(now - failureTs)}`,
    ],
    body: [
      ...(reached
        ? []
        : [
            line(`Failing since ${when(failureTs, now)}`),
            facts(
              isTime(retryLastTs) && `Last tried ${when(retryLastTs, now)}`,
              next !== null && `next try ${dueAt(next, now)}`,
              retryInterval !== null && retryInterval > 0 && `every ${span(retryInterval)}`,
            ),
          ]),
      line(`Shares ${amount(rooms, 'room')} with this server`),
    ],
    next: [
      ...(rooms > 0 ? [`federation-rooms ${destination.destination}`] : []),
      ...(reached || role === 'viewer' ? [] : [`federation ${destination.destination} --reset`]),
    ],
    data: { ...destination, rooms },
  };
}

/** Synapse stores 0 if it needn't retry. */
function isTime(at: number | null): at is number {
  return at !== null && at > 0;
}

function isReached({ failureTs, retryLastTs }: Destination): boolean {
  return failureTs === null && !isTime(retryLastTs);
}

function nextTry({ retryLastTs, retryInterval }: Destination): number | null {
  return isTime(retryLastTs) && retryInterval !== null ? retryLastTs + retryInterval : null;
}

function nextTryText(destination: Destination, now: number): string {
  const next = nextTry(destination);
  return next === null ? '' : `, next try ${dueAt(next, now)}`;
}

/** If the time has passed, Synapse tries with the next event for that server. */
function dueAt(at: number, now: number): string {
  return at <= now ? 'with the next message' : ago(at, now);
}
