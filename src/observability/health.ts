/** What the probes look at once the bot is built. */
export interface Vitals {
  /** Milliseconds since the homeserver last answered a sync; undefined before the first. */
  syncAgeMs(): number | undefined;
  /** Older than this, syncing is dead. */
  readonly maxSyncAgeMs: number;
  /** Why the bot can't speak in the management room; undefined if it can. */
  silence(): string | undefined;
  /** How reading each list of reports goes; none if the queue is off. */
  reportReadings(): readonly {
    readonly kind: string;
    readonly failing: { readonly forMs: number; readonly why: string } | undefined;
  }[];
  /** Reports that can't be read for longer are missed. */
  readonly maxReportFailureMs: number;
  /** Rejects where the database can't be read. */
  readDatabase(): Promise<void>;
}

export interface Health {
  /** The bot is built; from now on these are looked at. */
  watch(vitals: Vitals): void;
  /** The start is done. */
  started(): void;
  /** What it does instead of working, for the probes: `is stopping`. */
  over(what: string): void;
  /** What stands against being alive: that it can't go on. Undefined where nothing does. */
  deathCause(): string | undefined;
  /** What stands against being ready for work, a line each; none where nothing does. */
  faults(): Promise<string[]>;
}

/** A database that does not answer for so long is held up. */
const databasePatienceMs = 5000;

/** Whether the bot is alive, and whether it can work: two questions, as orchestrators ask them. */
export function createHealth(options: { databasePatienceMs?: number } = {}): Health {
  const patienceMs = options.databasePatienceMs ?? databasePatienceMs;
  let phase: 'starting' | 'running' | 'over' = 'starting';
  let reason: string | undefined;
  let vitals: Vitals | undefined;

  return {
    watch(found) {
      vitals = found;
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
      if (vitals === undefined) {
        return ['the bot is starting: it waits for the homeserver'];
      }
      const faults = phase === 'starting' ? ['the bot is starting'] : [];
      return [
        ...faults,
        ...syncFaults(vitals),
        ...speechFaults(vitals),
        ...reportFaults(vitals),
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
        `sync: the homeserver last answered ${Math.round(ageMs / 1000)} s ago, longer than ${Math.round(maxSyncAgeMs / 1000)} s`,
      ];
}

function speechFaults({ silence }: Vitals): string[] {
  const why = silence();
  return why === undefined ? [] : [`speech: the bot can’t speak in the management room: ${why}`];
}

function reportFaults({ reportReadings, maxReportFailureMs }: Vitals): string[] {
  return reportReadings().flatMap(({ kind, failing }) =>
    failing === undefined || failing.forMs < maxReportFailureMs
      ? []
      : [
          `reports of ${kind === 'event' ? 'messages' : 'users'}: can’t be read for ${Math.round(failing.forMs / 1000)} s: ${failing.why}`,
        ],
  );
}

async function databaseFaults({ readDatabase }: Vitals, patienceMs: number): Promise<string[]> {
  const timeout = Promise.withResolvers<string[]>();
  const timer = setTimeout(
    () => timeout.resolve([`database: it did not answer for ${patienceMs / 1000} s`]),
    patienceMs,
  );
  try {
    return await Promise.race([
      readDatabase().then(
        () => [],
        // The store's own words: they say which error of SQLite's it was, and hold nothing else.
        (error: unknown) => [`database: ${error instanceof Error ? error.message : 'unreadable'}`],
      ),
      timeout.promise,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
