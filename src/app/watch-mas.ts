import { bold, line } from '../chat/answers/answer.ts';
import type { Answer } from '../chat/answers/answer.ts';
import { createWorker } from '../core/async/worker.ts';
import { LawspeakerError, isRefusedForGood } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { MasApi } from '../homeserver/mas/mas-api.ts';

const usualIntervalMs = 30_000;
/** An outage of MAS counts after this many requests in a row. */
const maxFailures = 4;

export interface WatchMasOptions {
  readonly mas: Pick<MasApi, 'server'>;
  readonly log: Pick<Log, 'error' | 'warn'>;
  readonly intervalMs?: number | undefined;
  /** Which of several homeservers it is the service of. */
  readonly serverName?: string | undefined;
  /** Tells the admins of the room. `name` is different each time. */
  readonly alarm: (name: string, answer: Answer) => Promise<void>;
}

export type MasWatch = ReturnType<typeof watchMas>;

/**
 * Asks MAS regularly whether it still accepts the bot: a token that was revoked is noticed before somebody needs
 * it.
 */
export function watchMas(options: WatchMasOptions) {
  const { mas, log, intervalMs = usualIntervalMs, serverName, alarm } = options;
  const service = `the Matrix Authentication Service${serverName === undefined ? '' : ` of ${serverName}`}`;
  let failures = 0;
  let fault: LawspeakerError | undefined;
  let isTold = false;

  async function look(): Promise<void> {
    try {
      await mas.server.version();
    } catch (error) {
      if (!(error instanceof LawspeakerError)) {
        throw error;
      }
      failures += 1;
      fault = error;
      if (isRefusedForGood(error) && !isTold) {
        isTold = true;
        await alarm(`mas refused ${serverName ?? ''} ${Date.now()}`, refused(service, error));
      }
      return;
    }
    failures = 0;
    fault = undefined;
    if (isTold) {
      isTold = false;
      await alarm(`mas accepted ${serverName ?? ''} ${Date.now()}`, {
        mark: '✅',
        title: [bold(`${service.replace(/^t/u, 'T')} accepts me again`)],
      });
    }
  }

  const worker = createWorker({
    async work() {
      await look().finally(() => worker.wakeIn(intervalMs));
    },
    onError: (error) => log.error({ err: error }, 'asking the authentication service failed'),
  });

  return {
    start: () => worker.wakeIn(intervalMs),
    stop: worker.stop,
    /** Why commands on accounts can't work; undefined if they can. */
    fault: (): string | undefined =>
      fault !== undefined && (isRefusedForGood(fault) || failures >= maxFailures)
        ? fault.message
        : undefined,
  };
}

function refused(service: string, { message, advice }: LawspeakerError): Answer {
  return {
    mark: '⚠️',
    title: [bold(`I can’t use ${service} any more: `), message],
    body: [
      line('Commands on accounts fail until this is mended. ', advice ?? ''),
      line('Everything else works.'),
    ],
  };
}
