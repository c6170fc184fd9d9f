import { createBackoff } from '../../core/async/backoff.ts';
import { createWorker } from '../../core/async/worker.ts';
import { hourMs, minuteMs } from '../../core/duration.ts';
import { LawspeakerError, codeOf } from '../../core/errors.ts';
import { matchesGlob } from '../../core/glob.ts';
import type { UserId } from '../../core/ids.ts';
import { logWith } from '../../core/log.ts';
import type { Log } from '../../core/log.ts';
import { post } from '../../operations/answer/reply.ts';
import type { DeliverContext, Reply } from '../../operations/answer/reply.ts';
import { at } from '../../operations/at-homeserver.ts';
import type { HomeserversContext } from '../../operations/at-homeserver.ts';
import { alertedPeople } from '../../operations/authorize/authorize.ts';
import type { RoomPeople } from '../../operations/authorize/authorize.ts';
import { syntheticEvent } from '../../operations/management-room.ts';
import type { Settings } from '../../operations/settings.ts';
import type { ReportReading } from '../../services/bot/bot-operations.ts';
import type { NewAccount, Services } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import type { SignUpWave } from '../../store/tables/reports/sign-up-waves.ts';
import { announce } from '../cards/cards.ts';
import type { AnnounceContext } from '../cards/cards.ts';
import type { GiveWay } from '../give-way.ts';
import { wordsOf } from '../intake/poller.ts';
import { createTrouble } from '../intake/trouble.ts';
import { alertOf, signUpTroubleOf, signUpTroubleOver } from './alert.ts';
import type { Examined } from './alert.ts';
import type { SignUpRule } from './sign-up-rule.ts';
import { followWaves } from './wave.ts';
import type { FollowedWave } from './wave.ts';

/** What watching sign-ups needs. */
export type SignUpWatchContext = AnnounceContext &
  DeliverContext &
  HomeserversContext &
  RoomPeople & {
    readonly settings: Pick<Settings, 'managementRoom'>;
    readonly services: {
      readonly accounts: Pick<Services['accounts'], 'groupNew' | 'newest'>;
      readonly bot: Pick<Services['bot'], 'status'>;
    };
    readonly store: Pick<Store, 'signUpWaves' | 'transaction'>;
    readonly log: Log;
  };

/** How sign-ups are watched, on each homeserver. */
export interface SignUpWatchOptions {
  readonly rules: readonly SignUpRule[];
  readonly onCall: readonly UserId[];
  /** Accounts that don't count, such as those that a bridge creates: globs. */
  readonly ignored: readonly string[];
  /** Instead of a third of the shortest window. */
  readonly intervalMs?: number | undefined;
  readonly giveWay: GiveWay;
  /** How long reading must fail before people are told. */
  readonly troubleAfterMs: number;
}

export interface HomeserverWatch {
  start(): void;
  /** The homeserver is reachable again. */
  hurry(): void;
  /** How reading the newest accounts goes. */
  reading(): ReportReading;
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>;
}

const minIntervalMs = 30_000;
const maxIntervalMs = 3 * minuteMs;
/** After a start, waves are found that began this long ago, or a window ago if that is longer. */
const lookBackMs = hourMs;
/** Accounts may appear in the list a little after the time that it gives for them. */
const lateMs = minuteMs;
/** The number of accounts that are read while there are many new ones. Larger waves are counted in parts. */
const maxRead = 1000;
/** Looking up where an account comes from takes two requests. */
const maxExamined = 50;
/** The alert is edited when there are this many times as many accounts as it shows. */
const grownFactor = 1.5;

/**
 * Asks a homeserver regularly for the newest accounts, and alerts those on call, once for each wave of sign-ups. The alert is
 * edited when the wave grows a lot, and when it is over. What was told is in the database, so that a restart
 * repeats nothing.
 */
export function createHomeserverWatch(
  context: SignUpWatchContext,
  serverName: string,
  options: SignUpWatchOptions,
): HomeserverWatch {
  const { store, settings } = context;
  const isFirst = serverName === settings.serverName;
  /** What the room is told of it; undefined if it is the only one. */
  const where = settings.homeservers.length > 1 ? serverName : undefined;
  const log = where === undefined ? context.log : logWith(context.log, { homeserver: where });
  const accountsThere = () => at(context, serverName).services.accounts;
  /** Of what the room is told, which is told once. */
  const named = (name: string) => (isFirst ? name : `${name} ${serverName}`);
  const { rules, onCall, ignored } = options;
  const intervalMs =
    options.intervalMs ??
    Math.min(
      maxIntervalMs,
      Math.max(minIntervalMs, Math.min(...rules.map(({ withinMs }) => withinMs)) / 3),
    );
  const backoff = createBackoff({ firstMs: intervalMs, maxMs: 5 * minuteMs });
  /** Accounts that were created until then belong to earlier waves, or to none. By rule. */
  const coveredUntil = new Map<SignUpRule, number>();
  let readAtMs = performance.now();
  let failure: { readonly sinceMs: number; readonly error: unknown } | undefined;
  const trouble = createTrouble({ log, afterMs: options.troubleAfterMs, onTrouble: tellTrouble });

  async function tellTrouble(error?: unknown): Promise<boolean> {
    if (error !== undefined) {
      const { online, otherHomeservers, reportReadings } = await context.services.bot.status();
      const isKnown = reportReadings.some(
        (reading) =>
          reading.kind !== 'sign-up' &&
          reading.failing !== undefined &&
          (reading.serverName ?? settings.serverName) === serverName,
      );
      const isAway = otherHomeservers.some(
        (other) => other.serverName === serverName && other.trouble !== undefined,
      );
      if (!online || isAway || isKnown) {
        // The room can't be told now, or hears that reports can't be read, or that the homeserver is away.
        return false;
      }
    }
    const name = named(`sign-ups trouble ${context.now()}`);
    const answer =
      error === undefined ? signUpTroubleOver(where) : signUpTroubleOf(wordsOf(error), where);
    await store.transaction(async (tables) => {
      const mentions = alertedPeople(context, onCall);
      await announce(context, tables, { name, answer, mentions });
    });
    context.deliver(syntheticEvent(name));
    return true;
  }

  async function look(): Promise<void> {
    await options.giveWay();
    const before = await Promise.all(
      rules.map(async (rule) => ({
        rule,
        wave: await store.signUpWaves.open(rule.name, serverName),
        coveredUntil: coveredUntil.get(rule) ?? (await coveredAtStart(rule)),
      })),
    );
    const accounts = await readSince(
      Math.min(...before.map((one) => one.wave?.startedAt ?? one.coveredUntil)),
      Math.max(...before.map(({ rule, wave }) => rule.atLeast + 1 + (wave?.accounts ?? 0))),
    );
    const counted = accounts.filter(({ name }) => !ignored.some((glob) => matchesGlob(glob, name)));
    const times = counted.map(({ createdAt }) => createdAt);
    for (const { rule, ...known } of before) {
      const followed = followWaves(rule, known, times, context.now());
      const oldest = context.now() - Math.max(rule.withinMs, lookBackMs);
      // Nobody needs to be called about a wave that was over before the bot came back.
      const current = followed.filter(
        ({ isNew, isOver, newestAt }) => !isNew || !isOver || newestAt >= oldest,
      );
      for (const wave of current) {
        await tell(rule, wave, known.wave, counted);
      }
      const newestAt = Math.max(0, ...times);
      coveredUntil.set(
        rule,
        followed.at(-1)?.newestAt ??
          Math.max(known.coveredUntil, newestAt - rule.withinMs - lateMs),
      );
    }
  }

  async function coveredAtStart({ name, withinMs }: SignUpRule): Promise<number> {
    const told = (await store.signUpWaves.newestAt(name, serverName)) ?? 0;
    return Math.max(told, context.now() - Math.max(withinMs, lookBackMs));
  }

  /**
   * All accounts that were created at a time or later, and some more; at most `maxRead`.
   *
   * @param expected the number of accounts that are probably enough
   */
  async function readSince(since: number, expected: number): Promise<NewAccount[]> {
    const few = Math.min(expected, maxRead);
    const newest = await accountsThere().newest(few);
    return newest.length === few && few < maxRead && (newest.at(-1)?.createdAt ?? 0) >= since
      ? accountsThere().newest(maxRead)
      : newest;
  }

  async function tell(
    rule: SignUpRule,
    wave: FollowedWave,
    known: SignUpWave | undefined,
    accounts: readonly NewAccount[],
  ): Promise<void> {
    const { isNew, isOver, newestAt, startedAt } = wave;
    const told = isNew ? undefined : known;
    const isShown =
      told !== undefined && !isOver && wave.accounts < told.shownAccounts * grownFactor;
    const now = context.now();
    if (isShown) {
      if (newestAt > told.newestAt || wave.accounts > told.accounts) {
        await store.signUpWaves.update(told.id, { ...told, ...wave }, null);
      }
      return;
    }
    const examined = await examine(
      accounts.filter(({ createdAt }) => createdAt >= startedAt && createdAt <= newestAt),
    );
    const alerted = { ...wave, where, alertedAccounts: told?.alertedAccounts };
    const answer = alertOf(rule, alerted, examined);
    const origin = {
      event: syntheticEvent(named(`sign-ups ${rule.name} ${startedAt}`)),
      room: settings.managementRoom,
    };
    const reply: Reply = { command: 'recent-users', status: 'done', audit: [], answer };
    await store.transaction(async (tables) => {
      if (told === undefined) {
        const begun = { ...wave, rule: rule.name, server: serverName };
        await tables.signUpWaves.begin(begun, { at: now, isOver });
        const mentions = alertedPeople(context, onCall);
        await post(context, tables, 'answer', { kind: 'alert', origin, mentions, reply });
        return;
      }
      const revision = told.revision + 1;
      const shownAccounts = wave.accounts;
      await tables.signUpWaves.update(
        told.id,
        { ...wave, shownAccounts, revision },
        isOver ? now : null,
      );
      await post(context, tables, `edit-${revision}`, { kind: 'edit', origin, reply });
    });
    context.deliver(origin.event);
    log.info({ rule: rule.name, accounts: wave.accounts, isNew, isOver }, 'a wave of sign-ups');
  }

  /** Where the newest of these accounts come from. Without an answer, the alert goes out all the same. */
  async function examine(accounts: readonly NewAccount[]): Promise<Examined> {
    const newest = accounts.slice(0, maxExamined);
    try {
      return { accounts: newest.length, groups: await accountsThere().groupNew(newest) };
    } catch (error) {
      if (!(error instanceof LawspeakerError)) {
        throw error;
      }
      log.warn({ code: error.code }, 'could not look up where new accounts come from');
      return { accounts: 0, groups: [] };
    }
  }

  const worker = createWorker({
    async work(signal) {
      try {
        await look();
      } catch (error) {
        if (!signal.aborted) {
          await failed(error);
        }
        return;
      }
      readAtMs = performance.now();
      failure = undefined;
      backoff.reset();
      await trouble.isOver();
      worker.wakeIn(intervalMs);
    },
    onError(error) {
      log.error({ err: error }, 'watching sign-ups failed because of an internal error');
      worker.wakeIn(maxIntervalMs);
    },
  });

  async function failed(error: unknown): Promise<void> {
    const nowMs = performance.now();
    failure = { sinceMs: failure?.sinceMs ?? nowMs, error };
    const pauseMs = backoff.next();
    if (error instanceof LawspeakerError) {
      log.warn({ code: codeOf(error), pauseMs }, 'could not read sign-ups, trying again');
    } else {
      log.error({ err: error }, 'watching sign-ups failed because of an internal error');
    }
    worker.wakeIn(pauseMs);
    await trouble.lasts(nowMs - failure.sinceMs, error);
  }

  return {
    start: worker.wake,
    hurry() {
      trouble.answers();
      if (failure !== undefined) {
        worker.wake();
      }
    },
    reading() {
      const nowMs = performance.now();
      return {
        kind: 'sign-up',
        ...(isFirst ? {} : { serverName }),
        ageMs: nowMs - readAtMs,
        failing: failure && { forMs: nowMs - failure.sinceMs, why: wordsOf(failure.error) },
      };
    },
    stop: worker.stop,
  };
}
