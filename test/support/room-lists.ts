import { readFile } from 'node:fs/promises';

import type { GroupedCommand, Registry } from '../../src/chat/command/declaration.ts';

export interface RoomList {
  readonly command: GroupedCommand;
  /** The text of the file that declares it. */
  readonly source: string;
}

/**
 * Lists that have stories of their own: of a space, of Synapse on PostgreSQL, and of a server that federates.
 */
export const otherRoomLists: readonly string[] = ['federation-rooms', 'hierarchy', 'large-rooms'];

/** The commands that list rooms: they use what `answers/room-list.ts` has. */
export async function roomLists({ all }: Pick<Registry, 'all'>): Promise<RoomList[]> {
  const sources = await Promise.all(
    all.map(async (command) => {
      const file = `../../src/commands/${command.group}/${command.name}.ts`;
      return { command, source: await readFile(new URL(file, import.meta.url), 'utf8') };
    }),
  );
  return sources.filter(({ source }) => /answers\/room-list\.ts/u.test(source));
}

/**
 * A line that lists as many rooms as fit into an answer.
 *
 * @param user of whom, if it lists the rooms of one person
 * @throws Error the command needs something else, which this must learn
 */
export function lineOfList({ name, args }: GroupedCommand, user: string): string {
  const needed = Object.values(args).filter(
    ({ place, options }) =>
      (place === 'positional' && options.optional !== true) || options.required === true,
  );
  const words = needed.map(({ kind, place }) => {
    if (place === 'flag' || (kind !== 'account' && kind !== 'user')) {
      throw new Error(`no value for an argument of kind ${kind} of ${name}`);
    }
    return user;
  });
  return [name, ...words, '--limit 100'].join(' ');
}
