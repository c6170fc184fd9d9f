import { span } from '../../chat/answers/phrases.ts';
import type { HomeserverEntry } from '../../config/homeservers.ts';
import { createBackoff } from '../../core/async/backoff.ts';
import { createWorker } from '../../core/async/worker.ts';
import { durationMs, minuteMs } from '../../core/duration.ts';
import { UnreachableError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import { createAdminApi } from '../../homeserver/admin/admin-api.ts';
import { createBreaker } from '../../homeserver/breaker.ts';
import type { Around } from '../../homeserver/http.ts';
import { aboutServer } from '../../homeserver/named-server.ts';
import type { HomeserverState } from '../../services/bot/bot-operations.ts';
import { createClient } from '../homeserver.ts';
import type { Homeserver } from '../homeserver.ts';
import { usualReportTroubleMs } from '../timing.ts';
import { answersAgain, cannotBeUsed, reasonOf } from './alarms.ts';
import type { BotAccounts } from './bot-accounts.ts';
import { createLooker } from './look.ts';
import type { Finding, LookOptions } from './look.ts';

const usualLookMs = minuteMs;
const firstRetryMs = 1000;
/** What is wrong with the set-up rarely passes by itself: the bot looks at it less often, by this factor. */
const refusedFactor = 5;

/** A homeserver that the bot works on beside the first. */
export interface OtherHomeserver {
  readonly serverName: string;
  /** @throws UnreachableError it has not answered since the bot started, or the bot can't be used there */
  get(): Homeserver;
  /** The same, but while there is none, one whose every request fails with that error. */
  getForReading(): Homeserver;
  state(): HomeserverState;
  /** Looks at it from now on. Resolves when the first look has ended. */
  start(): Promise<void>;
  /** Looks no more. */
  stop(): void;
}

export type WatchHomeserverOptions = LookOptions & {
  readonly botAccounts: BotAccounts;
  /** A homeserver answers, for the first time or again. */
  readonly onAnswer: (serverName: string) => void;
};

/** What nothing can be done because of, and since when. */
type Trouble = Finding & { readonly since: number };

/**
 * Looks at a homeserver until the bot can work there, and from then on regularly whether it still can. Tells the
 * room once if the homeserver is away for long, or if its set-up is wrong. While it is away, requests to it fail at
 * once.
 */
export function watchHomeserver(
  entry: HomeserverEntry,
  options: WatchHomeserverOptions,
): OtherHomeserver {
  const { log, timing, alarm, botAccounts, onAnswer } = options;
  const { name, serverName } = entry.homeserver;
  const { homeserverLookMs: lookMs = usualLookMs } = timing;
  const { reportTroubleMs: troubleMs = usualReportTroubleMs } = timing;
  const delays = createBackoff({ firstMs: Math.min(firstRetryMs, lookMs), maxMs: lookMs / 2 });
  const breaker = createBreaker({
    serverName,
    onNoAnswer: () => worker.wake(),
    whyRefused: (awayMs) => `has not answered for ${span(Math.max(awayMs, 1000))}`,
  });
  const looker = createLooker(entry, breaker.around, options);
  const looked = Promise.withResolvers<void>();
  const unknown = unknownHomeserver(entry, options, async () => {
    throw aboutServer(whyUnknown(trouble), serverName);
  });
  let hasAnswered = false;
  let trouble: Trouble | undefined;
  let told: Finding['kind'] | undefined;

  async function noteAnswer(): Promise<void> {
    const before = trouble;
    const wasTold = told !== undefined;
    trouble = undefined;
    told = undefined;
    breaker.close();
    delays.reset();
    if (before !== undefined || !hasAnswered) {
      hasAnswered = true;
      const user = looker.homeserver()?.botUser;
      log.info({ serverName, user, synapse: looker.version() }, 'a homeserver answers');
      onAnswer(serverName);
    }
    const homeserver = looker.homeserver();
    if (homeserver !== undefined) {
      await botAccounts.remember(serverName, homeserver.botUser);
    }
    if (before !== undefined && wasTold) {
      const alarmName = `homeserver ${serverName} answers ${Date.now()}`;
      await alarm(alarmName, answersAgain(serverName, Date.now() - before.since));
    }
  }

  async function noteTrouble(found: Finding, lookedAt: number): Promise<void> {
    const isNew = trouble?.kind !== found.kind;
    trouble = { ...found, since: isNew ? lookedAt : (trouble?.since ?? lookedAt) };
    const { kind, error, since } = trouble;
    if (isNew) {
      const { message: reason, advice } = error;
      log.warn({ serverName, reason, ...present({ advice }) }, 'a homeserver can’t be used');
    }
    if (kind === 'away') {
      breaker.open(since);
    } else {
      breaker.close();
    }
    if (told !== kind && (kind === 'refused' || Date.now() - since >= troubleMs)) {
      await alarm(
        `homeserver ${serverName} ${kind} ${Date.now()}`,
        cannotBeUsed(serverName, trouble),
      );
      told = kind;
    }
  }

  function delayAfter(found: Finding | undefined): number {
    switch (found?.kind) {
      case 'away':
        return delays.next();
      case 'refused':
        return refusedFactor * lookMs;
      case undefined:
        return lookMs;
    }
  }

  const worker = createWorker({
    async work(stopped) {
      const lookedAt = Date.now();
      const found = await looker.look();
      if (stopped.aborted) {
        return;
      }
      worker.wakeIn(delayAfter(found));
      await (found === undefined ? noteAnswer() : noteTrouble(found, lookedAt));
      looked.resolve();
    },
    onError(error) {
      log.error({ err: error, serverName }, 'looking at a homeserver failed');
      worker.wakeIn(lookMs);
      looked.resolve();
    },
  });

  return {
    serverName,
    get() {
      const known = looker.homeserver();
      if (known === undefined) {
        throw aboutServer(whyUnknown(trouble), serverName);
      }
      return known;
    },
    getForReading: () => looker.homeserver() ?? unknown,
    state: () => ({
      name,
      serverName,
      version: looker.version(),
      mas: looker.homeserver()?.delegation?.version,
      trouble: trouble && { kind: trouble.kind, since: trouble.since, why: reasonOf(trouble) },
    }),
    async start() {
      worker.wake();
      return looked.promise;
    },
    stop() {
      void worker.stop();
      void looker.homeserver()?.masWatch?.stop();
    },
  };
}

/**
 * A homeserver that has never answered. What the bot itself keeps can be read all the same.
 *
 * @param refuse happens instead of each request
 */
function unknownHomeserver(
  entry: HomeserverEntry,
  { botAccounts, signal }: Pick<WatchHomeserverOptions, 'botAccounts' | 'signal'>,
  refuse: Around,
): Homeserver {
  const { serverName, url, adminUrl = url, accessToken, requestTimeout } = entry.homeserver;
  return {
    serverName,
    // Reading is not done as anybody in particular.
    botUser: botAccounts.on(serverName) ?? (`@bot:${serverName}` as UserId),
    version: '',
    client: createClient(entry, signal, {}, undefined, refuse),
    api: createAdminApi({ url: adminUrl, accessToken, around: refuse }),
    requestTimeoutMs: durationMs(requestTimeout),
    delegation: undefined,
    masWatch: undefined,
  };
}

function whyUnknown(trouble: Trouble | undefined): UnreachableError {
  return trouble?.kind === 'refused'
    ? new UnreachableError('none', `can’t be used: ${reasonOf(trouble)}`, false, {
        ...present({ advice: trouble.error.advice }),
      })
    : new UnreachableError('none', 'has not answered yet', false);
}
