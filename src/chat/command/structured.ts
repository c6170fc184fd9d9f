import { createHash } from 'node:crypto';

import { z } from 'zod';

import { UsageError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import { quote } from '../reading/tokenize.ts';
import { matrixToLink } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Argument } from './arguments.ts';
import type { Command } from './declaration.ts';
import { argumentsOf, isVerbatim } from './properties.ts';
import { verbatimLine } from './write-invocation.ts';

/**
 * Commands that clients complete behind `/`: the bot describes each command in the room's state, and a client
 * sends a command with its arguments by name. This is still a proposal, implemented here as in gomuks and
 * mautrix-go. https://github.com/matrix-org/matrix-spec-proposals/pull/4391
 */
export const structuredField = 'org.matrix.msc4391.command';
export const descriptionType = 'org.matrix.msc4391.command_description';

/** A type of one argument. */
type Schema =
  | { readonly schema_type: 'primitive'; readonly type: string }
  | { readonly schema_type: 'literal'; readonly value: string }
  | { readonly schema_type: 'union'; readonly variants: readonly Schema[] }
  | { readonly schema_type: 'array'; readonly items: Schema };

/** The content of a state event that describes a command. */
interface CommandDescription {
  readonly command: string;
  readonly aliases?: readonly string[];
  readonly parameters: readonly object[];
  readonly description: object;
  /** The parameter that takes the rest of what is typed. */
  readonly 'fi.mau.tail_parameter'?: string;
}

/** Describes a command for clients, by its declaration. */
export function describeCommand(command: Command): CommandDescription {
  const declared = Object.entries(argumentsOf(command));
  const inOrder = [
    ...declared.filter(([, { place }]) => place === 'positional'),
    ...declared.filter(([, { place }]) => place === 'flag'),
  ];
  return {
    command: command.name,
    ...(command.aliases === undefined ? {} : { aliases: command.aliases }),
    parameters: inOrder.map(([key, argument]) => ({
      key: flagName(key),
      schema: schemaOf(argument),
      ...(isRequired(argument) ? {} : { optional: true }),
      description: textBlock(argument.description),
    })),
    description: textBlock(command.summary),
    ...present({ 'fi.mau.tail_parameter': tailOf(inOrder) }),
  };
}

/** The state key of a description: clients ignore descriptions under any other key. */
export function descriptionKey(command: string, botUser: UserId): string {
  return createHash('sha256').update(`${command}${botUser}`).digest('base64');
}

const textBlock = (body: string) => ({ 'm.text': [{ body }] });

function isRequired({ place, options }: Argument): boolean {
  return place === 'flag'
    ? options.required === true
    : options.optional !== true && options.unless === undefined;
}

/** Clients give an optional parameter by position only if it is this one. No required one may follow it. */
function tailOf(inOrder: readonly (readonly [string, Argument])[]): string | undefined {
  const [key, last] = inOrder.findLast(([, { place }]) => place === 'positional') ?? [];
  const isTail = last !== undefined && (last.options.rest === true || !isRequired(last));
  const isFollowed = inOrder.some(
    ([, argument]) => argument.place === 'flag' && isRequired(argument),
  );
  return key !== undefined && isTail && last.options.many !== true && !isFollowed
    ? flagName(key)
    : undefined;
}

function schemaOf({ kind, options }: Argument): Schema {
  const one = schemaOfOne(kind, options.choices);
  return options.many === true ? { schema_type: 'array', items: one } : one;
}

const primitive = (type: string): Schema => ({ schema_type: 'primitive', type });
const union = (...variants: Schema[]): Schema => ({ schema_type: 'union', variants });

function schemaOfOne(kind: Argument['kind'], choices: readonly string[] = []): Schema {
  switch (kind) {
    case 'account':
    case 'identity':
    case 'user':
      return primitive('user_id');
    case 'room':
      return union(primitive('room_id'), primitive('room_alias'));
    case 'target':
      return union(primitive('user_id'), primitive('room_id'), primitive('room_alias'));
    case 'event':
      return primitive('event_id');
    case 'integer':
    case 'item':
      return primitive('integer');
    case 'boolean':
      return primitive('boolean');
    case 'choice':
      return union(...choices.map((value): Schema => ({ schema_type: 'literal', value })));
    case 'media':
    case 'text':
    case 'word':
    case 'duration':
    case 'date':
      return primitive('string');
  }
}

const place = z
  .object({
    id: z.string(),
    event_id: z.string().optional(),
  })
  .transform(({ id, event_id: event }) =>
    event === undefined || event === '' ? id : matrixToLink(id, event),
  );
const word = z.union([z.string(), z.int().transform(String), place]);

/** More arguments than any command takes. */
const maxArguments = 50;

const structured = z.object({
  command: z.string().regex(/^[\p{L}\p{N}_-]{1,40}$/u),
  arguments: z
    .record(
      z.string().regex(/^[\w-]{1,40}$/u),
      z.union([z.boolean(), word, z.array(word), z.null()]),
    )
    .refine((given) => Object.keys(given).length <= maxArguments)
    .nullish(),
});

/** A command as a client has sent it. Its values are only read later. */
export interface StructuredCommand {
  readonly command: string;
  readonly arguments: Readonly<Record<string, boolean | string | readonly string[] | null>>;
}

/** The command in the field of a message; undefined if it can't be read. */
export function readStructured(field: unknown): StructuredCommand | undefined {
  const read = structured.safeParse(field);
  return read.success
    ? { command: read.data.command, arguments: read.data.arguments ?? {} }
    : undefined;
}

/**
 * Writes a command that a client has sent as the line that a person would type, without the prefix. Errors in
 * it are found when the line is read.
 *
 * @throws UsageError it can't be typed: a value is missing before another
 */
export function writeStructured(
  { command: name, arguments: given }: StructuredCommand,
  command: Command | undefined,
): string {
  const left = new Map(Object.entries(given).filter(([, value]) => value !== null && value !== ''));
  const words: string[] = [];
  let missing: string | undefined;
  for (const [key, argument] of Object.entries(command === undefined ? {} : argumentsOf(command))) {
    if (argument.place === 'positional') {
      const values = valuesOf(left.get(flagName(key)));
      left.delete(flagName(key));
      if (values.length > 0 && missing !== undefined) {
        throw new UsageError(`\`${missing}\` is missing in front of \`${flagName(key)}\`.`);
      }
      const { unless } = argument.options;
      const isReplaced = unless?.some((name) => left.has(flagName(name))) === true;
      missing = values.length === 0 && !isReplaced ? flagName(key) : undefined;
      words.push(...(argument.options.verbatim === true ? values : values.map(quote)));
    }
  }
  const flags = [...left].flatMap(([key, value]) =>
    typeof value === 'boolean'
      ? // A flag that is off by itself needs no word.
        value || argumentNamed(command, key)?.fallback !== false
        ? [`--${value ? '' : 'no-'}${key}`]
        : []
      : valuesOf(value).map((one) => `--${key}=${quote(one)}`),
  );
  return command !== undefined && isVerbatim(command)
    ? verbatimLine({ name }, words, flags)
    : [name, ...words, ...flags].join(' ');
}

function valuesOf(value: StructuredCommand['arguments'][string] | undefined): readonly string[] {
  return value === undefined || value === null
    ? []
    : Array.isArray(value)
      ? (value as readonly string[])
      : [String(value)];
}

function argumentNamed(command: Command | undefined, name: string): Argument | undefined {
  return Object.entries(command === undefined ? {} : argumentsOf(command)).find(
    ([key]) => flagName(key) === name,
  )?.[1];
}
