import { readdir } from 'node:fs/promises';

import { groups } from './declaration.ts';
import type { Command, Group, GroupedCommand } from './declaration.ts';

/**
 * Imports the commands in `folder`: each is the default export of one file in the folder of its group.
 * Subfolders (`parts/`) hold code that these commands share. The build replaces this file with a list of the
 * commands.
 */
export async function loadCommands(
  folder = new URL('../../commands/', import.meta.url),
): Promise<GroupedCommand[]> {
  const commands = await Promise.all(
    (Object.keys(groups) as Group[]).map(async (group) => {
      const groupFolder = new URL(`${group}/`, folder);
      const files = (await readdir(groupFolder)).filter((file) => file.endsWith('.ts')).sort();
      return Promise.all(
        files.map(async (file): Promise<GroupedCommand> => {
          const module = (await import(new URL(file, groupFolder).href)) as { default: Command };
          return { ...module.default, group };
        }),
      );
    }),
  );
  return commands.flat();
}
