import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { ago, amount, span, when } from '../../chat/answers/phrases.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import {
  checkOffset,
  listAnswer,
  listFlags,
  pageSize,
  readList,
  sortFlags,
} from '../../chat/command/list.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { destinationOrders } from '../../services/services.ts';
import type { Destination, Services } from '../../services/services.ts';

/** `name`, `name:port`, `[address]:port` */
const serverName =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/u;

export default defineCommand({
  name: 'federation',
  synonyms: ['destinations', 'servers'],
  summary: 'Shows other servers, and whether this server can reach them',
  does: ['show since when a server can’t be reached, and when Synapse retries'],
  doesNot: [
    'show whether they can reach this server',
    'retry now (Synapse retries by itself, at growing intervals)',
  ],
  args: {
    destination: positional('word', 'Show only this server', { optional: true }),
    ...sortFlags(destinationOrders),
    ...listFlags,
  },
  danger: 'read',
  example: 'federation matrix.org',
  endpoints: [
    'GET /_synapse/admin/v1/federation/destinations',
    'GET /_synapse/admin/v1/federation/destinations/{destination}',
    'GET /_synapse/admin/v1/federation/destinations/{destination}/rooms',
  ],
  check(args, context) {
    const { destination } = args;
    if (destination !== undefined && !serverName.test(destination)) {
      throw new UsageError(`\`${cut(destination)}\` is not a server name.`, {
        word: destination,
        advice: 'Write the part of a user ID after the colon, for example `matrix.org`.',
      });
    }
    checkOffset(args, context);
  },
  async run({ args, services, prefix }) {
    if (args.destination !== undefined) {
      return oneServer(services, args.destination, prefix);
    }
    const { orderBy, dir, limit = pageSize, from } = args;
    const servers = services.server.otherServers({ orderBy, dir, limit, from });
    return { kind: 'list' as const, listing: await readList(args, servers) };
  },
  answer(context, found) {
    const { now } = context;
    if (found.kind === 'one') {
      return serverAnswer(found.destination, found.rooms, now);
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
});

async function oneServer({ server }: Services, name: string, prefix: string) {
  const found = await server.findServer(name);
  if (found !== undefined) {
    return { kind: 'one' as const, ...found };
  }
  const similar = await server.otherServers({ destination: name, limit: 3 }).page();
  throw new TargetError(
    'unknown',
    `this server has never communicated with ${name}`,
    similar.rows.length === 0
      ? `See \`${prefix}federation\`.`
      : `Did you mean ${similar.rows.map(({ destination }) => `\`${destination}\``).join(', ')}?`,
  );
}

function serverAnswer(destination: Destination, rooms: number, now: number): Answer {
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
