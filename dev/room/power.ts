import { readFileSync, rmSync, truncateSync } from 'node:fs';

/** How much a write-ahead log holds. */
export interface Wal {
  /** The file may be longer: what follows is from before the log started again. */
  readonly bytes: number;
  /** Another each time that the log starts again from its beginning. */
  readonly salt: string;
}

const headerBytes = 32;
const frameHeaderBytes = 24;

/** Reads a database's write-ahead log. Source: “WAL File Format” of SQLite. */
export function readWal(databaseFile: string): Wal {
  const log = readFileSync(`${databaseFile}-wal`);
  if (log.length < headerBytes) {
    return { bytes: 0, salt: '' };
  }
  const frameBytes = frameHeaderBytes + log.readUInt32BE(8);
  const salt = log.toString('hex', 16, 24);
  let bytes = headerBytes;
  while (bytes + frameBytes <= log.length && log.toString('hex', bytes + 8, bytes + 16) === salt) {
    bytes += frameBytes;
  }
  return { bytes, salt };
}

/**
 * Takes from the database of a process that was killed what a power cut would have taken: everything that
 * was written after the last sync.
 *
 * @param onDisk the file that the kill switch has kept
 * @returns how many bytes were lost
 */
export function cutPower(databaseFile: string, onDisk: string): number {
  const synced = JSON.parse(readFileSync(onDisk, 'utf8')) as Wal;
  const written = readWal(databaseFile);
  // A log that has started again since then was moved into the database, and synced, before that.
  const kept = written.salt === synced.salt ? Math.min(synced.bytes, written.bytes) : 0;
  truncateSync(`${databaseFile}-wal`, kept);
  // The index of the log is in memory only, and is gone.
  rmSync(`${databaseFile}-shm`, { force: true });
  return written.bytes - kept;
}
