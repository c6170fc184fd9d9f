import { readFileSync } from 'node:fs';

import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

import { SetupError } from '../core/errors.ts';
import { nearest } from '../core/text.ts';
import { faultsError, placesIn } from './faults.ts';
import type { Fault, Places } from './faults.ts';
import { configSchema } from './schema.ts';
import type { Config } from './schema.ts';

/** Keys with secrets. They can also be set by a file, with the environment variable `…_FILE`. */
export const secretKeys: ReadonlySet<string> = new Set(['homeserver.accessToken']);

/** The places of the values of each configuration that was loaded. */
const placesByConfig = new WeakMap<Config, Places>();

/**
 * Reads and checks the configuration; the environment overrides the file.
 *
 * @throws SetupError with one line for each fault, naming the key and the line of the file
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv): Config {
  const { written, placesWith } = readYaml(file);
  const overrides = environmentValues(environment);
  for (const [key, value] of overrides) {
    setAt(written, key.split('.'), value);
  }
  const places = placesWith(new Map(overrides.map(([key]) => [key, environmentName(key)])));
  const result = configSchema.safeParse(written);
  if (!result.success) {
    throw faultsError(
      places,
      result.error.issues.flatMap((issue) => faultsOf(issue, written)),
    );
  }
  const config = deepFreeze(result.data);
  placesByConfig.set(config, places);
  return config;
}

/** The places of a configuration's values, for checks that are made later. */
export function placesOf(config: Config): Places | undefined {
  return placesByConfig.get(config);
}

interface Written {
  readonly written: Record<string, unknown>;
  placesWith(environment: ReadonlyMap<string, string>): Places;
}

function readYaml(file: string): Written {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new SetupError(
      `Can’t read the configuration ${file} (${code}).`,
      'Run lawspeaker init, which writes one. Or copy config/example.yaml there and edit it, or choose another file with --config.',
    );
  }
  const { value, placesWith } = parseYaml(file, text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SetupError(`${file} must consist of keys and values.`);
  }
  return { written: value as Record<string, unknown>, placesWith };
}

function parseYaml(
  file: string,
  text: string,
): { value: unknown; placesWith: Written['placesWith'] } {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { logLevel: 'error', lineCounter });
  try {
    const [fault] = document.errors;
    if (fault !== undefined) {
      throw fault;
    }
    return {
      // This resolves aliases, which can fail.
      value: (document.toJS() as unknown) ?? {},
      placesWith: (environment) => placesIn(file, document, lineCounter, environment),
    };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : '';
    throw new SetupError(
      `${file} is not valid YAML: ${reason.replace(/:$/u, '')}`,
      'Values that start with ! # @ or * need quotes.',
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

/** The keys with a single value, by path. */
export function scalarKeys(): { key: string; schema: z.ZodType }[] {
  return scalarsIn(configSchema, []);
}

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
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
    const value =
      environment[name] ?? (secretKeys.has(key) ? fromFile(environment, name) : undefined);
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
    throw new SetupError(`Can’t read ${file} (set in ${name}_FILE).`);
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

function faultsOf(issue: z.core.$ZodIssue, written: unknown): Fault[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => ({
      path: [...path, name],
      message: unknownKeyMessage(path, name),
    }));
  }
  const value = valueAt(written, path);
  if (value === undefined) {
    const key = path.join('.');
    const settable = scalarKeys().some((scalar) => scalar.key === key);
    return [{ path, message: `is missing${settable ? ` (or set ${environmentName(key)})` : ''}` }];
  }
  // In YAML, `#lobby:example.com` is a comment and `!abc:example.com` is a type.
  if (value === null || value === '') {
    return [{ path, message: 'is empty (values that start with ! # @ or * need quotes)' }];
  }
  return [{ path, message: issue.message }];
}

function unknownKeyMessage(path: readonly PropertyKey[], name: string): string {
  const guess = nearest(name, keysAt(configSchema, path));
  return guess === undefined ? 'unknown key' : `unknown key (did you mean ${guess}?)`;
}

/** The names of the keys that may be used under a path. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const { type, shape, innerType, in: inner, element } = definitionOf(schema);
  const next = innerType ?? inner;
  if (next !== undefined) {
    return keysAt(next, path);
  }
  const [name, ...rest] = path;
  if (name === undefined) {
    return Object.keys(shape ?? {});
  }
  const member = type === 'array' ? element : shape?.[String(name)];
  return member === undefined ? [] : keysAt(member, rest);
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
