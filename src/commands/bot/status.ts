import { bold, facts, line } from '../../chat/answers/answer.ts';
import type { Block, Content } from '../../chat/answers/answer.ts';
import { ago, count, dateTime, entries, nameSome, span, when } from '../../chat/answers/phrases.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { LawspeakerError } from '../../core/errors.ts';
import { present } from '../../core/present.ts';
import type { BotOperations } from '../../services/bot/bot-operations.ts';

type Bot = Awaited<ReturnType<BotOperations['status']>>;

export default defineCommand({
  name: 'status',
  synonyms: ['alive', 'health', 'ping', 'uptime'],
  summary: 'Shows the health of the bot and homeserver',
  args: {},
  danger: 'read',
  example: 'status',
  async run({ services }) {
    const [bot, server, pending, items] = await Promise.all([
      services.bot.status(),
      // This command must also work if the homeserver doesn't answer.
      services.server.version().catch((error: unknown) => {
        if (error instanceof LawspeakerError) {
          return error;
        }
        throw error;
      }),
      services.confirmations.pending(),
      services.reports.countByState(),
    ]);
    return { bot, server, mas: services.server.masVersion, pending: pending.length, items };
  },
  answer({ now, serverName }, { bot, server, mas, pending, items }) {
    const failed = server instanceof LawspeakerError;
    const unusable = bot.otherHomeservers.filter(isUnusable);
    const unread = unreadList(bot.reportReadings, unusable);
    // The first sync of this process is in flight: no sync has failed.
    const isStarting = !failed && !bot.online && bot.failures === 0;
    const isFirstWell = !failed && bot.online && unread === undefined;
    const isWell = isFirstWell && unusable.length === 0;
    // Without this command itself.
    const others = Math.max(0, bot.openInbox - 1);
    const isBreakerOpen = bot.ruleActions >= bot.maxRuleActions;
    const openReports = items.open + items.claimed;
    const jobs = bot.openOperations + bot.scheduledOperations;
    const scheduled = bot.scheduledOperations - bot.timers;
    const isIdle = pending + others + bot.openOutbox + jobs === 0;
    return {
      mark: isWell ? '✅' : isStarting ? '⏳' : '⚠️',
      title: [
        bold(
          isFirstWell
            ? isWell
              ? 'Everything is working'
              : `Everything is working, except for ${nameFirst(unusable)}`
            : failed
              ? 'The admin API does not answer'
              : bot.online
                ? `${unread?.kind === 'sign-up' ? 'Sign-ups' : 'Reports'}${unread?.serverName === undefined ? '' : ` of ${unread.serverName}`} can’t be read`
                : isStarting
                  ? 'Starting'
                  : 'Syncing fails',
        ),
        failed
          ? `: ${server.message}`
          : bot.online && unread?.failing !== undefined
            ? `, for ${span(unread.failing.forMs)}: ${unread.failing.why}`
            : ` (${bot.otherHomeservers.length === 0 ? '' : `${serverName}: `}${versions(server, mas)})`,
      ],
      body: [
        facts(
          `Lawspeaker ${bot.version} on Node ${bot.node}`,
          `started ${when(bot.startedAt, now)}`,
          bot.lastSyncAt === undefined ? 'not synced yet' : `synced ${ago(bot.lastSyncAt, now)}`,
        ),
        ...homeserverLines(bot.otherHomeservers, now),
        ...(bot.processes.length === 0 ? [] : [processLine(bot.processes)]),
        facts(
          isIdle && (openReports === 0 ? 'Nothing pending' : 'No pending confirmations'),
          pending > 0 && count(pending, 'pending confirmation'),
          others > 0 && `${count(others, 'other command')} running`,
          bot.openOutbox > 0 && `${count(bot.openOutbox, 'message')} to send`,
          bot.openOperations > 0 && `${count(bot.openOperations, 'operation')} in progress`,
          bot.waitingOperations.length > 0 && waitingText(bot),
          scheduled > 0 && `${count(scheduled, 'operation')} scheduled`,
          bot.timers > 0 && count(bot.timers, 'timer'),
          bot.failures > 0 && `${count(bot.failures, 'failed sync')} since the start`,
        ),
        ...(bot.dataLoss === undefined || bot.dataLoss.lastShown <= bot.dataLoss.lastKept
          ? []
          : [
              line(
                `Since ${dateTime(bot.dataLoss.foundAt)} the audit log lacks ${entries(bot.dataLoss.lastKept + 1, bot.dataLoss.lastShown)} of a database that was restored or lost.`,
              ),
            ]),
        facts(
          openReports === 0
            ? 'no open reports'
            : `${count(items.open, 'open report')}, ${items.claimed} claimed`,
          isBreakerOpen
            ? `rules only propose: ${count(bot.ruleActions, 'action')} within an hour`
            : bot.ruleActions > 0 &&
                `rules did ${bot.ruleActions} of ${count(bot.maxRuleActions, 'action')} within an hour`,
        ),
      ],
      next: [
        ...(pending > 0 ? ['pending'] : []),
        ...(jobs > 0 ? ['jobs'] : []),
        ...(openReports > 0 ? ['reports'] : []),
      ],
      data: { ...bot, ...present({ mas }), pending, reports: items, homeserverReachable: !failed },
    };
  },
});

/** `it waits for two.example`, `2 of them wait for two.example` */
function waitingText({ openOperations, waitingOperations: waiting }: Bot): string {
  const servers = nameSome([...new Set(waiting.flatMap(({ waitsFor }) => waitsFor))]);
  const which = openOperations === 1 ? 'it' : `${waiting.length} of them`;
  return `${which} ${waiting.length === 1 ? 'waits' : 'wait'} for ${servers}`;
}

function processLine(processes: Bot['processes']): Block {
  const name = ({ host, pid }: Bot['processes'][number]) => `${host} (${pid})`;
  const leader = processes.find(({ leads }) => leads);
  const others = processes.filter(({ leads }) => !leads);
  return facts(
    leader !== undefined && `${name(leader)} leads`,
    others.length === 0
      ? 'no other process stands by'
      : `${others.map(name).join(', ')} ${others.length === 1 ? 'stands' : 'stand'} by`,
  );
}

function versions(synapse: string, mas: string | undefined): string {
  return `Synapse ${synapse}${mas === undefined ? '' : `, accounts by MAS ${mas.replace(/^v/u, '')}`}`;
}

type Homeserver = Bot['otherHomeservers'][number];

/** A list that can't be read, though its homeserver can be used. The first homeserver comes first. */
function unreadList(readings: Bot['reportReadings'], unusable: readonly Homeserver[]) {
  return readings.find(
    ({ failing, serverName }) =>
      failing !== undefined && !unusable.some((one) => one.serverName === serverName),
  );
}

/** At most this many homeservers are shown; the rest are counted. */
const maxHomeservers = 10;

function nameFirst([first, ...others]: readonly Homeserver[]): string {
  return others.length === 0
    ? (first?.serverName ?? '')
    : `${first?.serverName ?? ''} and ${count(others.length, 'other homeserver')}`;
}

const isUnusable = ({ trouble }: Homeserver) => trouble !== undefined;

/** Those that can't be used first. */
function homeserverLines(homeservers: readonly Homeserver[], now: number): Block[] {
  const sorted = [
    ...homeservers.filter(isUnusable),
    ...homeservers.filter((homeserver) => !isUnusable(homeserver)),
  ];
  const left = sorted.slice(maxHomeservers);
  const unusable = left.filter(isUnusable).length;
  const working = left.length - unusable;
  return [
    ...sorted
      .slice(0, maxHomeservers)
      .map((homeserver) => line(...homeserverState(homeserver, now))),
    ...(left.length === 0
      ? []
      : [
          facts(
            unusable > 0 && `${count(unusable, 'more homeserver')} can’t be used`,
            working > 0 && `${count(working, 'other homeserver')} working`,
          ),
        ]),
  ];
}

function homeserverState({ serverName, version, mas, trouble }: Homeserver, now: number): Content {
  const name = bold(`${serverName}: `);
  if (trouble === undefined) {
    return [name, version === undefined ? 'has not answered yet' : versions(version, mas)];
  }
  return trouble.kind === 'away'
    ? [name, `has not answered for ${span(Math.max(now - trouble.since, 1000))}: ${trouble.why}`]
    : [name, trouble.why];
}
