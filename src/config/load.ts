import { readFileSync } from 'node:fs';

import { parseDocument } from 'yaml';
import type { z } from 'zod';

import { SetupError } from '../errors.ts';
import { configSchema } from './schema.ts';
import type { Config } from './schema.ts';

/** Keys that hold secrets: their environment variables have a `…_FILE` twin. */
const secrets = new Set(['homeserver.accessToken']);

/**
 * Reads and checks the configuration; the environment overrides the file.
 *
 * @throws SetupError one line a fault, naming the key
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv): Config {
  const written = readYaml(file);
  for (const [key, value] of environmentValues(environment)) {
    setAt(written, key.split('.'), value);
  }
  const result = configSchema.safeParse(written);
  if (!result.success) {
    const faults = result.error.issues.flatMap((issue) => faultLines(issue, written));
    throw new SetupError(
      [`${file} can’t be used:`, ...faults.map((fault) => `  ${fault}`)].join('\n'),
      'config/example.yaml documents every key.',
    );
  }
  return deepFreeze(result.data);
}

function readYaml(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new SetupError(
      `The configuration ${file} can’t be read (${code}).`,
      'Copy config/example.yaml there and fill it in, or name another file with --config.',
    );
  }
  const value = parseYaml(file, text) ?? {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SetupError(`${file} must hold keys and values.`);
  }
  return value as Record<string, unknown>;
}

function parseYaml(file: string, text: string): unknown {
  const document = parseDocument(text, { logLevel: 'error' });
  try {
    const [fault] = document.errors;
    if (fault !== undefined) {
      throw fault;
    }
    // Aliases are looked up here.
    return document.toJS();
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : '';
    throw new SetupError(
      `${file} is no valid YAML: ${reason}`,
      'Values that begin with ! # @ or * need quotes.',
    );
  }
}

/** `homeserver.accessToken` is `LAWSPEAKER_HOMESERVER_ACCESS_TOKEN`. */
export function environmentName(key: string): string {
  return `LAWSPEAKER_${key
    .replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/** The keys that hold one value each, by their path. */
export function scalarKeys(): { key: string; schema: z.ZodType }[] {
  return scalarsIn(configSchema, []);
}

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
}

function definitionOf(schema: z.ZodType): Definition {
  return schema.def;
}

function scalarsIn(
  schema: z.ZodType,
  path: readonly string[],
): { key: string; schema: z.ZodType }[] {
  const { type, shape, innerType, in: inner } = definitionOf(schema);
  const next = innerType ?? inner;
  if (next !== undefined) {
    return scalarsIn(next, path);
  }
  if (type === 'object') {
    return Object.entries(shape ?? {}).flatMap(([name, member]) =>
      scalarsIn(member, [...path, name]),
    );
  }
  return type === 'array' || type === 'record' ? [] : [{ key: path.join('.'), schema }];
}

function environmentValues(environment: NodeJS.ProcessEnv): [string, unknown][] {
  return scalarKeys().flatMap(({ key, schema }): [string, unknown][] => {
    const name = environmentName(key);
    const value = environment[name] ?? (secrets.has(key) ? fromFile(environment, name) : undefined);
    if (value === undefined) {
      return [];
    }
    const isNumber = definitionOf(schema).type === 'number' && /^-?\d+$/u.test(value);
    const isBoolean = definitionOf(schema).type === 'boolean' && /^(?:true|false)$/u.test(value);
    return [[key, isNumber ? Number(value) : isBoolean ? value === 'true' : value]];
  });
}

function fromFile(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const file = environment[`${name}_FILE`];
  if (file === undefined) {
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new SetupError(`${name}_FILE names ${file}, which can’t be read.`);
  }
}

function setAt(
  target: Record<string, unknown>,
  [name = '', ...rest]: string[],
  value: unknown,
): void {
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const inner = target[name];
  const next =
    typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
  target[name] = next;
  setAt(next, rest, value);
}

function valueAt(written: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null
        ? (value as Record<PropertyKey, unknown>)[name]
        : undefined,
    written,
  );
}

function faultLines(issue: z.core.$ZodIssue, written: unknown): string[] {
  const key = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => `${[...issue.path, name].join('.')}: there is no such key`);
  }
  const value = valueAt(written, issue.path);
  if (value === undefined) {
    const settable = scalarKeys().some((scalar) => scalar.key === key);
    return [`${key}: is missing${settable ? ` (or set ${environmentName(key)})` : ''}`];
  }
  // YAML takes `#lobby:example.com` for a comment, and `!abc:example.com` for a type.
  if (value === null || value === '') {
    return [`${key}: is empty (values that begin with ! # @ or * need quotes)`];
  }
  return [`${key}: ${issue.message}`];
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
