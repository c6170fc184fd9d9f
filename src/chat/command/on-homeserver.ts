import { UsageError } from '../../core/errors.ts';
import { mxcParts, parseMxcUri, serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { nearest } from '../../core/text.ts';
import { flagParts, isEndOfFlags, isFlag } from '../reading/tokenize.ts';
import type { Token } from '../reading/tokenize.ts';
import type { HomeserverName, ReadingContext } from '../reading/values.ts';
import type { Command, Registry } from './declaration.ts';
import { dangerOf, isVerbatim } from './properties.ts';

/** The flag that says which of several homeservers a command is about. */
const flagOn = 'on';

/** The words without `--on NAME`, and the server name of the homeserver that it names. */
interface OnHomeserver {
  readonly tokens: readonly Token[];
  readonly on: string | undefined;
}

/** Kinds of arguments that name somebody or something on a homeserver. */
const kindsOnHomeservers = new Set([
  'account',
  'identity',
  'user',
  'target',
  'room',
  'event',
  'media',
]);

/** Whether a command takes `--on NAME`: it asks the homeserver, or names what is on one. */
export function takesOn(command: Command): boolean {
  return (
    !isVerbatim(command) &&
    command.withoutOn !== true &&
    !Object.hasOwn(command.args, flagOn) &&
    ((command.endpoints ?? []).length > 0 ||
      Object.values(command.args).some(({ kind }) => kindsOnHomeservers.has(kind)))
  );
}

/** Whether a command asks a homeserver for something, and is not only about the bot's own records. */
export function asksHomeserver(command: Command): boolean {
  return takesOn(command) && (command.endpoints ?? []).length > 0;
}

/**
 * Takes `--on NAME` out of the words of a command. If there is only one homeserver, the flag doesn't exist, and only
 * lines that the bot has stored when there were several can have it.
 *
 * @throws UsageError it names no homeserver, or two, or the command is about none
 */
export function takeOn(
  command: Command,
  tokens: readonly Token[],
  { homeservers = [], prefix }: Pick<ReadingContext, 'homeservers' | 'prefix'>,
): OnHomeserver {
  const [only, another] = homeservers;
  if (only === undefined || isVerbatim(command) || Object.hasOwn(command.args, flagOn)) {
    return { tokens, on: undefined };
  }
  const end = tokens.findIndex((token) => isEndOfFlags(token));
  const isOn = (token: Token) => isFlag(token) && flagParts(token).name === flagOn;
  const at = tokens.findIndex((token, index) => (end === -1 || index < end) && isOn(token));
  const flag = tokens[at];
  if (flag === undefined) {
    return { tokens, on: undefined };
  }
  if (another === undefined) {
    const { value } = flagParts(flag);
    const named = (value ?? tokens[at + 1]?.text)?.toLowerCase();
    if (named !== only.serverName.toLowerCase() && named !== only.name.toLowerCase()) {
      throw new UsageError(`There is only one homeserver, ${only.serverName}.`, {
        word: flag.text,
        advice: 'Leave out `--on`.',
      });
    }
    return { tokens: tokens.toSpliced(at, value === undefined ? 2 : 1), on: undefined };
  }
  if (!takesOn(command)) {
    throw new UsageError(`\`${prefix}${command.name}\` is not about one homeserver.`, {
      word: flag.text,
      advice: 'Leave out `--on`.',
    });
  }
  const { value } = flagParts(flag);
  const word = value ?? tokens[at + 1]?.text;
  const on = serverCalled(word, homeservers);
  const rest = tokens.toSpliced(at, value === undefined ? 2 : 1);
  const again = takeOn(command, rest, { homeservers, prefix });
  if (again.on !== undefined && again.on !== on) {
    throw new UsageError('Give `--on` once.', {
      word: '--on',
      advice: 'Send one command for each homeserver, or name users by their full IDs.',
    });
  }
  return { tokens: again.tokens, on };
}

/** @throws UsageError there is no such homeserver */
function serverCalled(word: string | undefined, homeservers: readonly HomeserverName[]): string {
  const typed = word?.toLowerCase();
  const found = homeservers.find(({ name, serverName }) =>
    [name.toLowerCase(), serverName.toLowerCase()].includes(typed ?? ''),
  );
  if (found !== undefined) {
    return found.serverName;
  }
  const names = homeservers.map(({ name }) => name);
  const guess = typed === undefined ? undefined : nearest(typed, names);
  throw new UsageError(
    word === undefined ? '`--on` needs the name of a homeserver.' : 'There is no such homeserver.',
    {
      word: word ?? '--on',
      advice: `${guess === undefined ? '' : `Did you mean \`${guess}\`? `}The homeservers: ${names.map((name) => `\`${name}\``).join(', ')}.`,
    },
  );
}

/**
 * The homeserver, of several, that the rooms, messages and files of a command belong to by their IDs; undefined if
 * they don't say. What is on another server is looked at from the first homeserver.
 *
 * @param values by declared name
 * @throws UsageError several rooms or files belong to several of them
 */
export function serverOfArguments(
  { args, spansHomeservers }: Pick<Command, 'args' | 'spansHomeservers'>,
  values: Readonly<Record<string, unknown>>,
  homeservers: readonly HomeserverName[] = [],
): string | undefined {
  if (homeservers.length < 2 || spansHomeservers === true) {
    return undefined;
  }
  const ours = new Set(homeservers.map(({ serverName }) => serverName));
  const found = Object.entries(args).flatMap(([key, { kind }]) =>
    ([values[key] ?? []].flat() as readonly unknown[]).flatMap((value) => {
      const server = serverOfValue(kind, value);
      return server !== undefined && ours.has(server) ? [{ kind, server }] : [];
    }),
  );
  for (const kind of ['room', 'media']) {
    if (new Set(found.flatMap((one) => (one.kind === kind ? one.server : []))).size > 1) {
      throw new UsageError('These are on several homeservers.', {
        advice: 'Send one command for each homeserver, or choose one with `--on NAME`.',
      });
    }
  }
  return found[0]?.server;
}

/**
 * Whether an answer should name its homeserver: a question about one of several, of which neither an ID nor a report
 * says which one it is.
 *
 * @param values by declared name
 */
export function leavesOpenWhere(
  command: Command,
  values: Readonly<Record<string, unknown>>,
): boolean {
  return dangerOf(command, values) === 'read' && !saysWhere(command, values);
}

/**
 * Whether an ID, or a report, says on which homeserver a command is; or it is about all of them, or about none.
 *
 * @param values by declared name
 */
export function saysWhere(command: Command, values: Readonly<Record<string, unknown>>): boolean {
  const says = (kind: string) => kindsOnHomeservers.has(kind) || kind === 'item';
  return (
    !asksHomeserver(command) ||
    command.spansHomeservers === true ||
    Object.entries(command.args).some(
      ([key, { kind }]) => says(kind) && [values[key] ?? []].flat().length > 0,
    )
  );
}

/** A command line in an answer about one of several homeservers, so that it is about the same one. */
export function lineOn(
  line: string,
  {
    registry,
    homeservers,
    serverName,
  }: {
    readonly registry: Pick<Registry, 'find'>;
    readonly homeservers: readonly HomeserverName[];
    readonly serverName: string;
  },
): string {
  const here = homeservers.findIndex((one) => one.serverName === serverName);
  const command = registry.find(line.split(' ', 1)[0] ?? '');
  // The first is meant without saying so, and IDs say where they are.
  return here < 1 ||
    command === undefined ||
    !asksHomeserver(command) ||
    isNamedIn(line, serverName)
    ? line
    : `${line} --${flagOn} ${homeservers[here]?.name ?? serverName}`;
}

/** Whether an ID in a line has this server name. */
function isNamedIn(line: string, serverName: string): boolean {
  return line
    .split(/[\s/]/u)
    .some((part) => part.endsWith(`:${serverName}`) || part === serverName);
}

function serverOfValue(kind: string, value: unknown): string | undefined {
  switch (kind) {
    case 'room':
    case 'target':
    case 'identity':
    case 'user':
      return typeof value === 'string' ? serverNameOf(value as RoomId | UserId) : undefined;
    case 'event':
      return typeof value === 'object' && value !== null && 'room' in value
        ? serverNameOf(value.room as RoomId)
        : undefined;
    case 'media': {
      const uri = typeof value === 'string' ? parseMxcUri(value) : undefined;
      return uri === undefined ? undefined : mxcParts(uri).serverName;
    }
    default:
      return undefined;
  }
}
