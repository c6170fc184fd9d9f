import { isLate } from '../core/async/patience.ts';

/** What health depends on. */
export interface Vitals {
  /** Milliseconds since the homeserver last answered a sync; undefined before the first. */
  syncAgeMs(): number | undefined;
  /** If the last sync is older than this, syncing does not work. */
  readonly maxSyncAgeMs: number;
  /** Why the bot can't send messages to the management room; undefined if it can. */
  whyUnableToSend(): string | undefined;
  /** How reading each list of reports, and that of new accounts, goes. */
  reportReadings(): readonly {
    readonly kind: keyof typeof listNames;
    /** Set if it is not the first homeserver: the bot works without the others. */
    readonly serverName?: string;
    readonly failing: { readonly forMs: number; readonly why: string } | undefined;
  }[];
  /** How long reading a list may fail. */
  readonly maxReportFailureMs: number;
  /** Why accounts can't be changed; undefined if they can. Only on homeservers that delegate accounts. */
  masFault?(): string | undefined;
  /** Rejects if the database can't be read. */
  readDatabase(): Promise<void>;
}

export interface Health {
  /** Call it when the bot is built: from then on, these are checked. */
  watch(vitals: Vitals): void;
  /** Call it if another process leads: this one waits. */
  standsBy(): void;
  /** Call it when the bot has started. */
  started(): void;
  /** Call it when the bot no longer works, with the reason, such as `is stopping`. */
  over(what: string): void;
  /** Why the bot is not alive; undefined if it is. */
  deathCause(): string | undefined;
  /** Why the bot is not ready, one line for each reason; empty if it is. */
  faults(): Promise<string[]>;
}

/** How long the database may take to answer. */
const databasePatienceMs = 5000;

/** Whether the bot is alive, and whether it is ready: what orchestrators ask. */
export function createHealth(options: { databasePatienceMs?: number } = {}): Health {
  const patienceMs = options.databasePatienceMs ?? databasePatienceMs;
  let phase: 'standby' | 'starting' | 'running' | 'over' = 'starting';
  let reason: string | undefined;
  let vitals: Vitals | undefined;

  return {
    watch(found) {
      vitals = found;
      if (phase === 'standby') {
        phase = 'starting';
      }
    },
    standsBy() {
      phase = 'standby';
    },
    started() {
      if (phase === 'starting') {
        phase = 'running';
      }
    },
    over(what) {
      phase = 'over';
      reason ??= what;
    },
    deathCause: () => (phase === 'over' ? `the bot ${reason ?? 'has ended'}` : undefined),
    async faults() {
      if (phase === 'over') {
        return [`the bot ${reason ?? 'has ended'}`];
      }
      if (phase === 'standby') {
        return ['the bot stands by: another process leads'];
      }
      if (vitals === undefined) {
        return ['the bot is starting: waiting for the homeserver'];
      }
      const faults = phase === 'starting' ? ['the bot is starting'] : [];
      return [
        ...faults,
        ...syncFaults(vitals),
        ...sendFaults(vitals),
        ...reportFaults(vitals),
        ...masFaults(vitals),
        ...(await databaseFaults(vitals, patienceMs)),
      ];
    },
  };
}

function syncFaults({ syncAgeMs, maxSyncAgeMs }: Vitals): string[] {
  const ageMs = syncAgeMs();
  if (ageMs === undefined) {
    return ['sync: the homeserver has not answered yet'];
  }
  return ageMs <= maxSyncAgeMs
    ? []
    : [
        `sync: the homeserver last answered ${Math.round(ageMs / 1000)} s ago, more than ${Math.round(maxSyncAgeMs / 1000)} s`,
      ];
}

function sendFaults({ whyUnableToSend }: Vitals): string[] {
  const why = whyUnableToSend();
  return why === undefined ? [] : [`speech: the bot can’t speak in the management room: ${why}`];
}

const listNames = {
  event: 'reports of messages',
  user: 'reports of users',
  'sign-up': 'sign-ups',
} as const;

function reportFaults({ reportReadings, maxReportFailureMs }: Vitals): string[] {
  return reportReadings().flatMap(({ kind, serverName, failing }) =>
    serverName !== undefined || failing === undefined || failing.forMs < maxReportFailureMs
      ? []
      : [
          `${listNames[kind]}: not readable for ${Math.round(failing.forMs / 1000)} s: ${failing.why}`,
        ],
  );
}

function masFaults({ masFault }: Vitals): string[] {
  const fault = masFault?.();
  return fault === undefined ? [] : [`accounts: ${fault}`];
}

async function databaseFaults({ readDatabase }: Vitals, patienceMs: number): Promise<string[]> {
  try {
    return (await isLate(readDatabase(), patienceMs))
      ? [`database: no answer within ${patienceMs / 1000} s`]
      : [];
  } catch (error) {
    // The message comes from the store. It names the SQLite error and holds nothing else.
    return [`database: ${error instanceof Error ? error.message : 'unreadable'}`];
  }
}
