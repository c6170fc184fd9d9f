import { readFileSync } from 'node:fs';

import type { z } from 'zod';

import { SetupError } from '../core/errors.ts';
import { systemCodeOf } from '../core/system-error.ts';
import { nearest } from '../core/text.ts';
import { faultsError } from './faults.ts';
import type { Fault, Places } from './faults.ts';
import { nameForVariables } from './homeservers.ts';
import { plainErrors } from './plain-errors.ts';
import { readYaml } from './read-yaml.ts';
import { configSchema } from './schema.ts';
import type { Config } from './schema.ts';

/** Keys with secrets. They can also be set by a file, with the environment variable `…_FILE`. */
export const secretKeys: ReadonlySet<string> = new Set([
  'homeserver.accessToken',
  'mas.clientSecret',
  'mas.accessToken',
  'database.url',
]);

/** A value with a secret, and the environment variable that can set it instead. */
interface Secret {
  /** `homeserver.accessToken`, `homeservers.1.accessToken` */
  readonly key: string;
  readonly variable: string;
}

/** A file with secrets. */
export interface SecretFile {
  readonly file: string;
  /** The keys of the secrets in it. */
  readonly keys: readonly string[];
}

/** The places of the values of each configuration that was loaded. */
const placesByConfig = new WeakMap<Config, Places>();
const secretFilesByConfig = new WeakMap<Config, readonly SecretFile[]>();

/**
 * Reads and checks the configuration; the environment overrides the file.
 *
 * @throws SetupError with one line for each fault, naming the key and the line of the file
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv): Config {
  const { written, placesWith } = readYaml(file);
  const secrets = secretsOf(written);
  const secretFiles = secretFilesIn(file, written, environment, secrets);
  const { overrides, besideList } = withoutSingle(written, environmentValues(environment, secrets));
  for (const { key, value } of overrides) {
    setAt(written, key.split('.'), value);
  }
  const overridden = new Set(overrides.map(({ key }) => key));
  dropOverriddenDatabase(written, overridden);
  const places = placesWith(new Map(overrides.map(({ key, variable }) => [key, variable])));
  const strays = [
    ...unknownVariables(environment, secrets),
    ...doubleVariables(environment, secrets),
    ...doubleDatabase(written),
    ...besideList,
  ];
  const result = configSchema.safeParse(written, { error: plainErrors });
  if (!result.success || strays.length > 0) {
    const issues = result.error?.issues ?? [];
    const variables = new Map(settableValues(secrets).map(({ key, variable }) => [key, variable]));
    throw faultsError(places, [
      ...issues.flatMap((issue) => faultsOf(issue, written, { overridden, variables })),
      ...strays,
    ]);
  }
  const config = deepFreeze(result.data);
  placesByConfig.set(config, places);
  secretFilesByConfig.set(config, secretFiles);
  return config;
}

/** The places of a configuration's values, for checks that are made later. */
export function placesOf(config: Config): Places | undefined {
  return placesByConfig.get(config);
}

/** The files that secrets of a configuration are in: the configuration itself, and those that the environment names. */
export function secretFilesOf(config: Config): readonly SecretFile[] {
  return secretFilesByConfig.get(config) ?? [];
}

function secretFilesIn(
  configFile: string,
  written: object,
  environment: NodeJS.ProcessEnv,
  secrets: readonly Secret[],
): SecretFile[] {
  const own = secrets
    .map(({ key }) => key)
    .filter((key) => typeof valueAt(written, key.split('.')) === 'string');
  return [
    ...(own.length === 0 ? [] : [{ file: configFile, keys: own }]),
    ...secrets.flatMap(({ key, variable }) => {
      const file = environment[`${variable}_FILE`];
      return file === undefined ? [] : { file, keys: [key] };
    }),
  ];
}

/** The secrets that can be set; those of a list of homeservers by the names of its entries. */
function secretsOf(written: Readonly<Record<string, unknown>>): Secret[] {
  const { homeservers } = written;
  const entries = Array.isArray(homeservers) ? (homeservers as unknown[]) : [];
  const named = [...secretKeys].map((key) => ({ key, variable: environmentName(key) }));
  return [
    ...named,
    ...entries.flatMap((entry, index) => {
      const name = valueAt(entry, ['name']);
      const serverName = valueAt(entry, ['serverName']);
      if (typeof serverName !== 'string') {
        return [];
      }
      const called = nameForVariables({
        serverName,
        name: typeof name === 'string' ? name : undefined,
      });
      return ['accessToken', 'mas.clientSecret', 'mas.accessToken'].map((key) => ({
        key: `homeservers.${index}.${key}`,
        variable: environmentName(`homeservers.${called}.${key}`),
      }));
    }),
  ];
}

/** `homeserver.accessToken` is `LAWSPEAKER_HOMESERVER_ACCESS_TOKEN`. */
export function environmentName(key: string): string {
  return `LAWSPEAKER_${key
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`)
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/** Without the variables of a single homeserver if the file has several: nobody can tell which of them is meant. */
function withoutSingle<Override extends SettableValue>(
  written: Readonly<Record<string, unknown>>,
  overrides: readonly Override[],
): { readonly overrides: readonly Override[]; readonly besideList: readonly Fault[] } {
  const isOfOne = ({ key }: Override) =>
    written['homeservers'] !== undefined && /^(?:homeserver|mas)\./u.test(key);
  return {
    overrides: overrides.filter((one) => !isOfOne(one)),
    besideList: overrides.filter(isOfOne).map(({ variable }) => ({
      path: [variable],
      message: 'can’t be used with the list homeservers: unset it, and set the key of the entry',
    })),
  };
}

/** The environment has precedence: the database that it names replaces the other kind of database in the file. */
function dropOverriddenDatabase(written: object, overridden: ReadonlySet<string>): void {
  const database = valueAt(written, ['database']) as Record<string, unknown> | undefined;
  const [byUrl, byPath] = [overridden.has('database.url'), overridden.has('database.path')];
  if (byUrl !== byPath) {
    delete database?.[byUrl ? 'path' : 'url'];
  }
}

/** One of the two would be ignored. */
function doubleDatabase(written: object): Fault[] {
  const isSet = (name: string) => valueAt(written, ['database', name]) !== undefined;
  return isSet('path') && isSet('url')
    ? [{ path: ['database', 'url'], message: 'set either this, or database.path' }]
    : [];
}

/** The keys with a single value, by path. */
export function scalarKeys(): { key: string; schema: z.ZodType }[] {
  return scalarsIn(configSchema, []);
}

/** What zod keeps of a schema, as far as the configuration's schemas are concerned. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly entries?: Readonly<Record<string, string>>;
  readonly defaultValue?: unknown;
}

export function definitionOf(schema: z.ZodType): Definition {
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

/** What one environment variable can set. */
interface SettableValue {
  readonly key: string;
  readonly variable: string;
  /** Of the value. */
  readonly type: string;
}

function settableValues(secrets: readonly Secret[]): SettableValue[] {
  const scalars = scalarKeys().map(({ key, schema }) => ({
    key,
    variable: environmentName(key),
    type: definitionOf(schema).type,
  }));
  const listed = secrets.filter(({ key }) => !secretKeys.has(key));
  return [...scalars, ...listed.map((secret) => ({ ...secret, type: 'string' }))];
}

function environmentValues(
  environment: NodeJS.ProcessEnv,
  secrets: readonly Secret[],
): (SettableValue & { readonly value: unknown })[] {
  const isSecret = (key: string) => secrets.some((secret) => secret.key === key);
  return settableValues(secrets).flatMap((settable) => {
    const { key, variable, type } = settable;
    const value =
      environment[variable] ?? (isSecret(key) ? fromFile(environment, variable) : undefined);
    if (value === undefined) {
      return [];
    }
    const isNumber = type === 'number' && /^-?\d+$/u.test(value);
    const isBoolean = type === 'boolean' && /^(?:true|false)$/u.test(value);
    return [
      { ...settable, value: isNumber ? Number(value) : isBoolean ? value === 'true' : value },
    ];
  });
}

/** Not for the configuration: `init` reads its own, and development and tests have theirs. */
const otherVariables = /^LAWSPEAKER_(?:INIT_|TEST_|KILL_SWITCH$|PYTHON$|TRACE$)/u;
/** Kubernetes sets these in every pod that can see a service called `lawspeaker` or `lawspeaker-…`. */
const kubernetesVariables =
  /^LAWSPEAKER_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/u;

/** A misspelled variable would be ignored otherwise, and the bot would run with the wrong setting. */
function unknownVariables(environment: NodeJS.ProcessEnv, secrets: readonly Secret[]): Fault[] {
  const known = new Set([
    ...settableValues(secrets).map(({ variable }) => variable),
    ...secrets.map(({ variable }) => `${variable}_FILE`),
  ]);
  return Object.keys(environment)
    .filter(
      (name) =>
        name.startsWith('LAWSPEAKER_') &&
        !known.has(name) &&
        !otherVariables.test(name) &&
        !kubernetesVariables.test(name),
    )
    .map((name) => ({ path: [name], message: unknownVariableMessage(name, [...known]) }));
}

/** A secret that is set twice: nobody can tell which of the two is old. */
function doubleVariables(environment: NodeJS.ProcessEnv, secrets: readonly Secret[]): Fault[] {
  return secrets
    .map(({ variable }) => variable)
    .filter((name) => environment[name] !== undefined && environment[`${name}_FILE`] !== undefined)
    .map((name) => ({
      path: [name],
      message: `${name}_FILE is set as well: unset one of the two`,
    }));
}

function unknownVariableMessage(name: string, known: readonly string[]): string {
  const withoutFile = name.replace(/_FILE$/u, '');
  if (known.includes(withoutFile)) {
    return `unknown environment variable (only secrets can come from a file: set ${withoutFile})`;
  }
  const end = name.replace(/^LAWSPEAKER/u, '');
  const guess = nearest(name, known) ?? known.find((other) => other.endsWith(end));
  return `unknown environment variable${guess === undefined ? '' : ` (did you mean ${guess}?)`}`;
}

function fromFile(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const file = environment[`${name}_FILE`];
  if (file === undefined) {
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const code = systemCodeOf(error);
    throw new SetupError(
      `Can’t read ${file} (${code}), which ${name}_FILE names.`,
      'Check the path, and that the bot’s account may read the file. In a container, it is the path inside.',
    );
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

/**
 * @param variables the environment variables that can set values, by key
 * @param overridden the keys that environment variables set
 */
function faultsOf(
  issue: z.core.$ZodIssue,
  written: unknown,
  {
    overridden,
    variables,
  }: {
    readonly overridden: ReadonlySet<string>;
    readonly variables: ReadonlyMap<string, string>;
  },
): Fault[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => ({
      path: [...path, name],
      message: unknownKeyMessage(path, name),
    }));
  }
  const value = valueAt(written, path);
  if (value === undefined) {
    const variable = variables.get(path.join('.'));
    // A check of several keys says why the one that is missing is needed.
    const what = issue.code === 'custom' ? issue.message : 'is missing';
    return [{ path, message: `${what}${variable === undefined ? '' : ` (or set ${variable})`}` }];
  }
  // In YAML, `#lobby:example.com` is a comment and `!abc:example.com` is a type.
  if (value === null || value === '') {
    return [
      {
        path,
        message: overridden.has(path.join('.'))
          ? 'is empty'
          : 'is empty (values that start with ! # @ or * need quotes)',
      },
    ];
  }
  return [{ path, message: issue.message }];
}

function unknownKeyMessage(path: readonly PropertyKey[], name: string): string {
  const guess = nearest(name, keysAt(configSchema, path));
  if (guess !== undefined) {
    return `unknown key (did you mean ${guess}?)`;
  }
  const elsewhere = scalarKeys().filter(({ key }) => key.endsWith(`.${name}`));
  return elsewhere.length === 1
    ? `unknown key (did you mean ${elsewhere[0]?.key}? Check the indentation)`
    : 'unknown key';
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
