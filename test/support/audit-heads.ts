import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { program } from '../../dev/room/bot-process.ts';
import { newUser } from './homeserver.ts';
import { asWritten } from './room.ts';
import type { TestRoom } from './room.ts';

/** A row is anchored as soon as the bot looks, or not before the test has ended. */
export const [always, once] = [
  { anchorEvery: { entries: 1, time: '1m' } },
  { anchorEvery: { entries: 1000, time: '1d' } },
];
export const timing = { headLookMs: 20 };

/** The type of the events. */
export const headType = 'dev.lawspeaker.audit_head';

export interface HeadData {
  readonly count: number;
  readonly head: string;
}

/** What only programs see. */
export const heads = (room: TestRoom) =>
  room.ana.events
    .filter(({ type, sender }) => type === headType && sender === room.bot.userId)
    .map(({ event_id: event, content }) => ({ event, ...(content as unknown as HeadData) }));

/** What `lawspeaker` says on the command line, beside the running bot; by default, `audit verify`. */
export async function onCommandLine(
  room: TestRoom,
  words: readonly string[] = ['audit', 'verify'],
  config = room.config,
): Promise<{ status: number; text: string }> {
  const file = path.join(room.folder, 'lawspeaker.yaml');
  await writeFile(file, JSON.stringify(asWritten(config)));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words, '--config', file], (error, out, errors) =>
      resolve({ status: error === null ? 0 : Number(error.code), text: out + errors }),
    );
  });
}

/** Leaves two rows. */
export async function act(room: TestRoom): Promise<void> {
  const mallory = await newUser('mallory');
  await room.ana.ask(`!shadow-ban ${mallory.userId}`);
}

/** The head of this many rows. */
export const headOf = async (room: TestRoom, rows: number) =>
  room.ana.until(`a head of ${rows} rows`, () => heads(room).find(({ count }) => count === rows));
