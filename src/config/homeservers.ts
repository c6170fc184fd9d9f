import { z } from 'zod';

import { durationText } from '../core/duration.ts';
import { parseUserId } from '../core/ids.ts';

export const url = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:/u.test(text), 'must be an http(s) URL')
  .transform((text) => text.replace(/\/+$/u, ''))
  .describe('http(s) URL');

/**
 * A token or a client's secret.
 *
 * @param fault what is wrong with a text that can't be one: `is not a secret`
 * @param instead what to do if it is the placeholder of the example
 */
export function secretText(fault: string, instead = '') {
  return z
    .string()
    .refine((text) => !text.includes('…'), {
      error: `is still the placeholder of the example${instead}`,
      abort: true,
    })
    .regex(/^[\x21-\x7e]+$/u, `${fault}: it has a blank or a letter that none has`);
}

const secret = secretText('is not a secret');

/** @param orSet what to say about the environment variable that sets a value, too */
const masWith = (orSet: (variable: string) => string) =>
  z
    .strictObject({
      url,
      clientId: z.string().min(1).optional(),
      clientSecret: secret.optional(),
      accessToken: secret.optional(),
    })
    .superRefine(({ clientId, clientSecret, accessToken }, context) => {
      const fault = (name: string, message: string) =>
        context.addIssue({ code: 'custom', path: [name], message });
      if (accessToken !== undefined && (clientId ?? clientSecret) !== undefined) {
        fault('accessToken', 'give either this, or clientId and clientSecret');
      } else if (clientId !== undefined && clientSecret === undefined) {
        fault('clientId', `needs clientSecret as well${orSet('LAWSPEAKER_MAS_CLIENT_SECRET')}`);
      } else if (clientSecret !== undefined && clientId === undefined) {
        fault('clientSecret', `needs clientId as well${orSet('LAWSPEAKER_MAS_CLIENT_ID')}`);
      }
    });

export const mas = masWith((variable) => ` (or set ${variable})`);

/** @param instead what to do if the token is the placeholder of the example */
const connectionWith = (instead: string) => ({
  url,
  adminUrl: url.optional(),
  accessToken: secretText('is not an access token', `: ${instead}`),
  requestTimeout: durationText.default('30s'),
});

export const homeserver = z.strictObject(
  connectionWith(
    'set the token of the bot’s account, or move this file away and run lawspeaker init',
  ),
);

const entry = z.strictObject({
  serverName: z
    .string()
    .refine(
      (text) => parseUserId(`@bot:${text}`) !== undefined,
      'must be the part of user IDs behind the colon, such as example.com',
    ),
  name: z
    .string()
    .regex(/^[a-z\d][\w.-]{0,31}$/iu, 'must be a short word of letters, digits, - and _')
    .optional(),
  ...connectionWith('set the token of the bot’s account there'),
  mas: masWith(() => '').optional(),
});

/** What an entry of the list is called. */
interface EntryNames {
  readonly serverName: string;
  readonly name?: string | undefined;
}

/** Several homeservers. The management room is on the first. */
export const homeservers = z
  .array(entry)
  .min(1, 'must have at least one entry')
  .superRefine((entries, context) => {
    entries.forEach((one, index) => {
      const earlier = entries.slice(0, index);
      if (earlier.some(({ serverName }) => serverName === one.serverName)) {
        const message = `${one.serverName} is there twice`;
        context.addIssue({ code: 'custom', path: [index, 'serverName'], message });
      } else if (earlier.some((other) => areAlike(one, other))) {
        context.addIssue({
          code: 'custom',
          path: [index, one.name === undefined ? 'serverName' : 'name'],
          message: 'is too much like that of another homeserver: people and variables name it',
        });
      }
    });
  });

function areAlike(one: EntryNames, other: EntryNames): boolean {
  const taken = new Set([nameForVariables(other), partOfVariable(other.serverName)]);
  return taken.has(nameForVariables(one)) || taken.has(partOfVariable(one.serverName));
}

/** The name of an entry as environment variables have it: `TWO_EXAMPLE_ORG`. */
export function nameForVariables({ name, serverName }: EntryNames): string {
  return partOfVariable(name ?? serverName);
}

const partOfVariable = (name: string) => name.toUpperCase().replaceAll(/[^A-Z\d]+/gu, '_');

/** One of several homeservers. */
export interface HomeserverEntry {
  readonly homeserver: z.output<typeof homeserver> & {
    /** What people type after `--on`. */
    readonly name: string;
    /** The part of its user IDs behind the colon. */
    readonly serverName: string;
  };
  /** Undefined if it keeps its accounts itself. */
  readonly mas: z.output<typeof mas> | undefined;
}

interface WrittenHomeservers {
  readonly homeserver?: z.output<typeof homeserver> | undefined;
  readonly mas?: z.output<typeof mas> | undefined;
  readonly homeservers?: z.output<typeof homeservers> | undefined;
}

/** Where the management room is. In the short form, the homeserver says its name. */
export type FirstHomeserver = z.output<typeof homeserver> &
  Partial<Pick<HomeserverEntry['homeserver'], 'name' | 'serverName'>>;

/** The long and the short form in one: the first homeserver, and the others. */
export function withFirst<Written extends WrittenHomeservers>({
  homeserver: only,
  mas: ofOnly,
  homeservers: entries = [],
  ...others
}: Written) {
  const [first, ...rest] = entries.map(({ mas: own, ...one }): HomeserverEntry => ({
    homeserver: { ...one, name: one.name ?? one.serverName },
    mas: own,
  }));
  return {
    ...others,
    // A check has made sure that there is one of the two.
    homeserver: (first?.homeserver ?? only) as FirstHomeserver,
    mas: first === undefined ? ofOnly : first.mas,
    otherHomeservers: rest as readonly HomeserverEntry[],
  };
}

/** A key of a homeserver, such as `url` or `mas.url`, as messages name it. */
export function keyOf({ name }: Pick<FirstHomeserver, 'name'>, key: string): string {
  if (name !== undefined) {
    return `homeservers.${name}.${key}`;
  }
  return key.startsWith('mas.') ? key : `homeserver.${key}`;
}
