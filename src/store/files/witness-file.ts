import { constants } from 'node:fs';
import { access, lstat, open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { z } from 'zod';

import { SetupError } from '../../core/errors.ts';
import { systemCodeOf } from '../../core/system-error.ts';
import { goneFields, misfitFields, restoredFields } from '../witness-fields.ts';
import type { Head, Witness, WrittenHead } from '../witness.ts';

const fileMode = 0o600;
/**
 * A pipe never blocks, and a symbolic link is not followed: whoever can place one must not decide where heads go.
 */
// eslint-disable-next-line no-bitwise
const safely = constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** A line has about 130 bytes: this is more than seven years of a head every quarter of an hour. */
const maxReadBytes = 32 * 1024 * 1024;
const newestBytes = 16 * 1024;
const maxLineLength = 1000;

const written = z.object({
  at: z.iso.datetime().transform((text) => Date.parse(text)),
  count: z.int().positive(),
  head: z.string().regex(/^[0-9a-f]{64}$/u),
  restored: restoredFields.optional(),
  after: goneFields.optional(),
  misfit: misfitFields.optional(),
});

/**
 * A file that keeps heads of the audit log, a line of JSON each. Lines are only added. A file that is gone is
 * not created anew: its volume may not be mounted.
 *
 * @param wasUsed whether heads were written to it before
 */
export function createWitnessFile(
  file: string,
  { wasUsed, now = Date.now }: { wasUsed: () => Promise<boolean>; now?: () => number },
): Witness {
  const place = path.resolve(file);
  return {
    kind: 'file',
    place,

    async write(head: Head) {
      const mayCreate = !(await wasUsed());
      const handle = await open(
        place,
        // eslint-disable-next-line no-bitwise
        constants.O_RDWR | constants.O_APPEND | (mayCreate ? constants.O_CREAT : 0) | safely,
        fileMode,
      ).catch((error: unknown) => {
        throw mayCreate && systemCodeOf(error) === 'ENOENT'
          ? hasNoFolder(place)
          : cannotBeUsed(place, error);
      });
      try {
        const size = await sizeOf(handle, place);
        const line = { at: new Date(now()).toISOString(), ...head };
        // A full disk or a power cut can leave a part of a line.
        const start = (await endsLine(handle, size)) ? '' : '\n';
        await handle.appendFile(`${start}${JSON.stringify(line)}\n`);
        await handle.sync();
      } catch (error) {
        throw cannotBeUsed(place, error);
      } finally {
        await handle.close();
      }
    },

    async read(extent) {
      const maxBytes = extent === 'newest' ? newestBytes : maxReadBytes;
      // eslint-disable-next-line no-bitwise
      const handle = await open(place, constants.O_RDONLY | safely).catch((error: unknown) => {
        if (systemCodeOf(error) !== 'ENOENT') {
          throw cannotBeUsed(place, error);
        }
        return undefined;
      });
      if (handle === undefined) {
        if (await wasUsed()) {
          throw isGone(place);
        }
        return { heads: [], removed: [], unreadable: 0, isWhole: true };
      }
      try {
        const size = await sizeOf(handle, place);
        if (size === 0) {
          return { heads: [], removed: [], unreadable: 0, isWhole: true };
        }
        const start = Math.max(0, size - maxBytes);
        const input = handle.createReadStream({
          start,
          end: size - 1,
          encoding: 'utf8',
          autoClose: false,
        });
        const heads: WrittenHead[] = [];
        let unreadable = 0;
        let isFirst = true;
        for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
          const head = headIn(line);
          if (head !== undefined) {
            heads.push(head);
          } else if (line !== '' && !(isFirst && start > 0)) {
            unreadable += 1;
          }
          isFirst = false;
        }
        return { heads, removed: [], unreadable, isWhole: start === 0 };
      } catch (error) {
        throw cannotBeUsed(place, error);
      } finally {
        await handle.close();
      }
    },
  };
}

/**
 * Checks that heads can be added to the file, or that it can be created. Changes nothing.
 *
 * @returns whether it is on the same volume as the database
 * @throws SetupError they can't
 */
export async function checkWitnessFile(
  file: string,
  database: string | undefined,
): Promise<{ readonly exists: boolean; readonly isBesideDatabase: boolean }> {
  const place = path.resolve(file);
  const found = await lstat(place).catch((error: unknown) => {
    if (systemCodeOf(error) !== 'ENOENT') {
      throw cannotBeUsed(place, error);
    }
    return undefined;
  });
  const folder = path.dirname(place);
  try {
    if (found !== undefined && !found.isFile()) {
      throw isNoFile(place);
    }
    await access(found === undefined ? folder : place, constants.W_OK);
    const volume = found ?? (await stat(folder));
    const other =
      database === undefined
        ? undefined
        : await stat(path.dirname(path.resolve(database))).catch(() => undefined);
    return { exists: found !== undefined, isBesideDatabase: other?.dev === volume.dev };
  } catch (error) {
    throw found === undefined && systemCodeOf(error) === 'ENOENT'
      ? hasNoFolder(place)
      : cannotBeUsed(place, error);
  }
}

function headIn(line: string): WrittenHead | undefined {
  if (line.length > maxLineLength) {
    return undefined;
  }
  try {
    return written.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** @throws SetupError it is a device, a pipe, or anything else that is not a file */
async function sizeOf(handle: FileHandle, place: string): Promise<number> {
  const found = await handle.stat();
  if (!found.isFile()) {
    throw isNoFile(place);
  }
  return found.size;
}

async function endsLine(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) {
    return true;
  }
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString() === '\n';
}

function cannotBeUsed(place: string, error: unknown): SetupError {
  if (error instanceof SetupError) {
    return error;
  }
  const code = systemCodeOf(error);
  if (code === 'ELOOP' || code === 'EISDIR') {
    return isNoFile(place);
  }
  return code === 'ENOENT'
    ? isGone(place)
    : new SetupError(
        `audit.witness: ${place} can’t be used (${code}).`,
        'Check its permissions, its folder and its volume.',
      );
}

function isNoFile(place: string): SetupError {
  return new SetupError(
    `audit.witness: ${place} is not a file.`,
    'Name a file, and not a folder, a device, or a symbolic link.',
  );
}

function hasNoFolder(place: string): SetupError {
  return new SetupError(
    `audit.witness: the folder of ${place} does not exist.`,
    'Create the folder, or mount its volume. The bot creates the file.',
  );
}

function isGone(place: string): SetupError {
  return new SetupError(
    `audit.witness: ${place} does not exist.`,
    'Check that its volume is mounted. If it was lost, create an empty file there, and I go on with that one.',
  );
}
