import type { Registry } from '../chat/command/declaration.ts';
import { loadCommands } from '../chat/command/load-commands.ts';
import { createRegistry } from '../chat/command/registry.ts';
import type { Config } from '../config/schema.ts';
import { SetupError } from '../core/errors.ts';

/** @throws SetupError the configuration gives a role for a command that doesn't exist */
export async function createConfiguredRegistry({
  commands,
  roles,
}: Pick<Config, 'commands' | 'roles'>): Promise<Registry> {
  const registry = createRegistry(await loadCommands(), commands.prefix);
  const unknown = Object.keys(roles.commands).find((name) => registry.find(name)?.name !== name);
  if (unknown !== undefined) {
    const guess = registry.find(unknown)?.name ?? registry.guess(unknown)?.commands[0]?.name;
    throw new SetupError(
      `roles.commands.${unknown}: unknown command.`,
      guess === undefined ? 'docs/commands.md lists the commands.' : `Did you mean ${guess}?`,
    );
  }
  return registry;
}
