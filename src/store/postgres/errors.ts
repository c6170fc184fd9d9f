import { SetupError, StoreError, StoreUnavailableError } from '../../core/errors.ts';
import { reasonOf, systemCodeOf } from '../../core/system-error.ts';

/** Whether a place is a database of PostgreSQL, and not a file. */
export function isPostgres(place: string): boolean {
  return /^postgres(?:ql)?:/u.test(place);
}

/** A database as messages name it: a URL may hold a password. */
export function shownPlace(place: string): string {
  return isPostgres(place) ? withoutPassword(place) : place;
}

/** What a URL says without the user, the password and the options. */
export function withoutPassword(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** The code of PostgreSQL or of the network; a lost connection has none. */
function codeOf(error: unknown): string {
  return hasCode(error) ? systemCodeOf(error) : 'the connection was lost';
}

function hasCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code !== undefined;
}

/** For a table or a row that somebody else has locked. */
const waitedTooLong = '55P03';

/** The connection was lost before anything was committed: the same can be done again. */
export class InterruptedError extends StoreUnavailableError {}

/** This process may not write any more, until it has the lease again. */
export class LeaseLostError extends StoreUnavailableError {}

export function failedError(error: unknown): StoreError {
  if (codeOf(error) === waitedTooLong) {
    return new StoreUnavailableError(
      'another program is reading the database',
      'End it: pg_dump, or a transaction in psql.',
    );
  }
  const Failed = isAway(error)
    ? InterruptedError
    : hasNoRoom(error)
      ? StoreUnavailableError
      : StoreError;
  return error instanceof StoreError
    ? error
    : new Failed(
        `the database failed (${codeOf(error)})`,
        'The bot does nothing while it can’t record its actions. Check that PostgreSQL runs and can be reached.',
      );
}

const advice: Readonly<Record<string, string>> = {
  '28P01': 'Check the user and the password in the URL of the database.',
  '28000': 'Check the user in the URL of the database, and pg_hba.conf of PostgreSQL.',
  '3D000': 'Create the database first: createdb. Its encoding must be UTF8.',
  '42501': 'The user must own the database, or be allowed to create tables in its schema.',
};

/** Only some errors show that the set-up is wrong. For others, whatever has started the process can try again. */
export function cannotBeOpened(url: string, error: unknown): SetupError | StoreError {
  const code = codeOf(error);
  const NotOpened = code in advice ? SetupError : StoreError;
  // The client says in its own words that a password is missing, or that the server does not speak TLS.
  const [why, check] = hasCode(error)
    ? [code, 'the URL of the database']
    : [
        reasonOf(error),
        'the URL of the database and its sslmode, that it, PGPASSWORD or a .pgpass file has the password',
      ];
  return new NotOpened(
    `Can't open the database ${withoutPassword(url)} (${why}).`,
    advice[code] ?? `Check ${check}, and that PostgreSQL runs and can be reached.`,
  );
}

/** The bot could not make its tables. */
export function mayNotCreate(url: string): SetupError {
  return new SetupError(
    `The user of the database ${withoutPassword(url)} may not create tables.`,
    advice['42501'],
  );
}

/** Whether PostgreSQL is away for a moment: it restarts, or the network was interrupted. */
export function isAway(error: unknown): boolean {
  return /^(?:E(?:CONN\w+|AI_AGAIN|NOTFOUND|HOST\w+|NET\w+)|ENOENT|EPIPE|ETIMEDOUT|57P0[123]|25P03|08\w{3}|the connection was lost)$/u.test(
    codeOf(error),
  );
}

/** Whether it may pass: PostgreSQL is away, has no room, is a replica that is about to be promoted, or is busy. */
export function mayPass(error: unknown): boolean {
  return isAway(error) || hasNoRoom(error) || /^(?:25006|57014|55P03)$/u.test(codeOf(error));
}

/** Whether PostgreSQL has no room on the disk, no memory or no more connections. */
function hasNoRoom(error: unknown): boolean {
  return /^53\w{3}$/u.test(codeOf(error));
}

export function takenOver(): StoreError {
  return new LeaseLostError(
    'another process has taken over the database',
    'This one did not renew its lease in time. It does nothing more, and stands by.',
  );
}

export function commitsLost(): StoreError {
  return new LeaseLostError(
    'the database has crashed, or another one has taken its place',
    'The newest commits may be lost. The bot starts again, and compares the database with the room.',
  );
}
