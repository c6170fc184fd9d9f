import { readdir } from 'node:fs/promises';

import leven from 'leven';

import type { Command } from './declaration.ts';

/** The commands by name and alias. */
export interface Registry {
  readonly all: readonly Command[];
  find(name: string): Command | undefined;
  /** The nearest name to one that is not there, if any is near. */
  nearest(name: string): string | undefined;
}

/** @throws TypeError two commands share a name or alias */
export function createRegistry(commands: readonly Command[]): Registry {
  const byName = new Map<string, Command>();
  for (const command of commands) {
    for (const name of [command.name, ...(command.aliases ?? [])]) {
      if (byName.has(name)) {
        throw new TypeError(`two commands are called ${name}`);
      }
      byName.set(name, command);
    }
  }
  return {
    all: [...commands].sort((one, other) => one.name.localeCompare(other.name)),
    find: (name) => byName.get(name.toLowerCase()),
    nearest: (name) => nearest(name.toLowerCase(), [...byName.keys()]),
  };
}

/** Imports every file in `folder`; each exports one command as its default. */
export async function loadCommands(folder: URL): Promise<Command[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  return Promise.all(
    files.map(async (file) => {
      const module = (await import(new URL(file, folder).href)) as { default: Command };
      return module.default;
    }),
  );
}

/** The candidate that a typing error may have meant, or undefined. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const allowed = word.length <= 3 ? 1 : word.length <= 6 ? 2 : 3;
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: leven(word, candidate, { maxDistance: 4 }) }))
    .sort((one, other) => one.distance - other.distance);
  return best !== undefined && best.distance <= allowed ? best.candidate : undefined;
}
