import { dangerOf } from '../command/declaration.ts';
import type { Invocation, Json } from '../command/invocation.ts';
import { readArguments } from '../command/read-arguments.ts';
import { tokenize } from '../command/tokenize.ts';
import { UsageError } from '../errors.ts';
import { localpartOf, parseRoomAlias } from '../ids.ts';
import type { House, Settings } from './house.ts';
import type { Message } from './message.ts';
import type { Parsed } from './stages.ts';

/**
 * The command line in a message, without prefix or address; undefined where the message is none.
 *
 * `!name …`, or the bot's name or ID in front, with or without the prefix.
 */
export function commandLineIn(text: string, settings: Settings): string | undefined {
  const trimmed = text.trimStart();
  const { botUser, prefix } = settings;
  const [first = ''] = trimmed.split(/[\s,:]*\s/u, 1);
  const names = [botUser, `@${localpartOf(botUser)}`, localpartOf(botUser)];
  const addressed = names.find(
    (name) => first.replace(/[,:]$/u, '').toLowerCase() === name.toLowerCase(),
  );
  // A bare name in front of a sentence is talk, unless a colon makes it an address.
  const isAddress =
    addressed !== undefined &&
    (addressed.startsWith('@') || /^[,:]/u.test(trimmed.slice(addressed.length)));
  const rest = isAddress ? trimmed.slice(addressed.length).replace(/^[,:]?\s*/u, '') : trimmed;
  if (rest.startsWith(prefix) && /^[\p{L}]/u.test(rest.slice(prefix.length))) {
    return rest.slice(prefix.length);
  }
  return isAddress && /^[\p{L}]/u.test(rest) ? rest : undefined;
}

/**
 * Reads a command line by the declaration of the command that it names.
 *
 * @throws UsageError naming what can't be read
 * @throws HomeserverError, UnreachableError a room's alias could not be resolved
 */
export async function parse(house: House, message: Message, commandLine: string): Promise<Parsed> {
  const [name = ''] = commandLine.split(/\s/u, 1);
  const command = house.registry.find(name);
  const { prefix, serverName } = house.settings;
  if (command === undefined) {
    const guess = house.registry.nearest(name);
    throw new UsageError(`There is no command \`${prefix}${name.slice(0, 40)}\`.`, {
      word: name,
      advice:
        guess === undefined
          ? `\`${prefix}help\` lists what there is.`
          : `Did you mean \`${prefix}${guess}\`?`,
    });
  }
  try {
    const read = readArguments(command, tokenize(commandLine).slice(1), {
      serverName,
      prefix,
      now: house.now(),
    });
    const values: Record<string, Json> = {};
    for (const [key, value] of Object.entries(read.values)) {
      const alias = command.args[key]?.kind === 'room' ? parseRoomAlias(String(value)) : undefined;
      if (value !== undefined) {
        values[key] = alias === undefined ? (value as Json) : await house.resolveAlias(alias);
      }
    }
    const invocation: Invocation = {
      command: command.name,
      arguments: values,
      ...(read.reason === undefined ? {} : { reason: read.reason }),
      dryRun: read.dryRun,
      actor: { kind: 'person', user: message.sender },
      origin: {
        event: message.event,
        room: message.room,
        ...(message.thread === undefined ? {} : { thread: message.thread }),
      },
    };
    return { command, danger: dangerOf(command, values), invocation };
  } catch (error) {
    throw error instanceof UsageError ? error.about(command.name) : error;
  }
}
