import { z } from 'zod';

import { dayMs, durationMs, durationText, hourMs, minuteMs } from '../core/duration.ts';
import { parseRoomAlias, parseRoomId, parseUserId } from '../core/ids.ts';
import { isLoopback } from '../core/ip.ts';
import { homeserver, homeservers, mas, secretText, url, withFirst } from './homeservers.ts';
import { listenAddress } from './listen.ts';
import { rulesSchema } from './rules.ts';

/** Where browsers find the page. Its cookie belongs to a whole origin, so the URL has no path. */
const pageUrl = url
  .refine((text) => isOrigin(new URL(text)), {
    error: 'must be only a scheme, a host and maybe a port, such as https://lawspeaker.example.com',
    abort: true,
  })
  .refine(
    (text) => text.startsWith('https:') || isLoopback(new URL(text).hostname),
    'must be https: others on the network could read the page and its cookie',
  );

function isOrigin({ pathname, search, hash, username, password }: URL): boolean {
  return pathname === '/' && [search, hash, username, password].every((part) => part === '');
}

/** It may hold a password, so that what is wrong with it is never repeated. */
const postgresUrl = secretText('is not a URL')
  .refine(
    (text) => isPostgresUrl(text) && !hasLooseCharacters(new URL(text)),
    'must be a URL such as postgres://user:password@host/database',
  )
  .describe('URL of PostgreSQL');

function isPostgresUrl(text: string): boolean {
  return /^postgres(?:ql)?:\/\//u.test(text) && URL.canParse(text);
}

/** Whether a part of a password was read as something else, and would be shown: `/`, `?` or `#` is not written as `%2F`… */
function hasLooseCharacters({ pathname, search, hash }: URL): boolean {
  return hash !== '' || /@|(?!^)\//u.test(pathname) || search.includes('@');
}

const userId = z
  .string()
  .transform((text, context) => {
    const id = parseUserId(text);
    if (id === undefined) {
      context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not a user ID` });
      return z.NEVER;
    }
    return id;
  })
  .describe('user ID');

const room = z
  .string()
  .transform((text, context) => {
    const id = parseRoomId(text) ?? parseRoomAlias(text);
    if (id === undefined) {
      context.addIssue({
        code: 'custom',
        message: 'must be a room ID (!…) or an alias (#name:server)',
      });
      return z.NEVER;
    }
    return id;
  })
  .describe('room ID or alias');

/** `!…` and `#…` are rooms. A file whose name starts with one of them can be written as `./#…`. */
const witness = z
  .string()
  .min(1)
  .refine(
    (text) => !/^[!#]/u.test(text) || (parseRoomId(text) ?? parseRoomAlias(text)) !== undefined,
    'must be a room ID (!…), an alias (#name:server) or a file',
  )
  .describe('room ID, alias, or file');

const retention = durationText.refine((text) => durationMs(text) >= dayMs, 'must be at least 1d');

const notAPrefix = 'must be 1 to 3 punctuation characters';

const roleName = z.enum(['viewer', 'moderator', 'admin']);
const policy = z.enum(['none', 'requester', 'other']);

const role = (powerLevel: number) =>
  z
    .strictObject({
      powerLevel: z.number().int().default(powerLevel),
      users: z.array(userId).default([]),
    })
    .prefault({});

/** The page is on the address of the probes, and must be known to its visitors by one name. */
function checkPage(
  {
    http: { listen },
    web,
  }: {
    readonly http: { readonly listen: z.output<typeof listenAddress> };
    readonly web: { readonly enabled: boolean; readonly publicUrl?: string | undefined };
  },
  context: z.RefinementCtx,
): void {
  const fault = (name: keyof typeof web, message: string) =>
    context.addIssue({ code: 'custom', path: ['web', name], message });
  if (!web.enabled) {
    return;
  }
  if (listen === 'off') {
    fault('enabled', 'needs http.listen, the address that serves the page');
  } else if (web.publicUrl === undefined && !isLoopback(listen.host)) {
    fault(
      'publicUrl',
      'is missing: others can reach http.listen, so the page must know the address that people open',
    );
  }
}

/** Also if something else is wrong: all faults are told at once. */
const always = ({ value }: { readonly value: unknown }) =>
  typeof value === 'object' && value !== null;

/** Each section of the configuration by itself, as `docs/configuration.md` and `config/example.yaml` show it. */
export const configSections = z.strictObject({
  homeserver: homeserver.optional(),
  mas: mas.optional(),
  homeservers: homeservers.describe('list of homeservers').optional(),
  managementRoom: room,
  commands: z
    .strictObject({
      prefix: z
        .string(notAPrefix)
        .regex(/^[!-/:-@[-`{-~]{1,3}$/u, notAPrefix)
        .describe('1 to 3 punctuation characters')
        .default('!'),
      maxAge: durationText.default('5m'),
      announce: z.boolean().default(false),
    })
    .prefault({}),
  confirmation: z
    .strictObject({
      expiresAfter: durationText.default('10m'),
      destructive: policy.default('requester'),
      critical: policy.default('requester'),
    })
    .prefault({}),
  bulk: z.strictObject({ parallelism: z.number().int().min(1).max(32).default(4) }).prefault({}),
  roles: z
    .strictObject({
      viewer: role(0),
      moderator: role(50),
      admin: role(100),
      commands: z.record(z.string(), roleName).default({}),
    })
    .prefault({}),
  protected: z
    .strictObject({ users: z.array(z.string().min(1).describe('glob')).default([]) })
    .prefault({}),
  secrets: z.strictObject({ keepFor: durationText.default('1h') }).prefault({}),
  encryption: z
    .strictObject({
      enabled: z.boolean().default(false),
      path: z.string().min(1).describe('folder').default('data/crypto'),
    })
    .prefault({}),
  database: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .refine(
          (text) => !/^postgres(?:ql)?:/u.test(text),
          'must be a file: a URL of PostgreSQL belongs in database.url',
        )
        .describe('file')
        .default('data/lawspeaker.db'),
      url: postgresUrl.optional(),
    })
    .prefault({}),
  audit: z
    .strictObject({
      witness: witness.optional(),
      anchorEvery: z
        .strictObject({
          entries: z.number().int().min(1).max(100_000).default(100),
          time: durationText
            .refine((text) => durationMs(text) >= minuteMs, 'must be at least 1m')
            .refine((text) => durationMs(text) <= dayMs, 'must be at most 1d')
            .default('15m'),
        })
        .prefault({}),
      keepContentFor: retention.optional(),
    })
    .prefault({}),
  http: z
    .strictObject({ listen: listenAddress.describe('`host:port`, or `off`').prefault('off') })
    .prefault({}),
  web: z
    .strictObject({ enabled: z.boolean().default(false), publicUrl: pageUrl.optional() })
    .prefault({}),
  reports: z
    .strictObject({
      enabled: z.boolean().default(true),
      pollInterval: durationText
        .refine((text) => durationMs(text) <= hourMs, 'must be at most 1h')
        .default('5s'),
      rules: rulesSchema.describe('list of rules').default([]),
      maxActionsPerHour: z.number().int().min(0).default(10),
      remindAfter: durationText.default('4h'),
      onCall: z.array(userId).default([]),
      actions: z
        .record(z.string(), z.string().nullable())
        .describe('for each emoji, a command line or `off`')
        .default({}),
      maxCardsPerMinute: z.number().int().min(1).default(6),
      proposalExpiresAfter: durationText.default('12h'),
      keepContentFor: retention.optional(),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
      format: z.enum(['json', 'pretty']).default('json'),
    })
    .prefault({}),
});

/** The configuration file. */
export const configSchema = configSections
  .superRefine(checkPage)
  .refine((all) => (all.homeserver ?? all.homeservers) !== undefined, {
    path: ['homeserver'],
    error: 'is missing',
    when: always,
  })
  .refine((all) => (all.homeserver === undefined && all.mas === undefined) || !all.homeservers, {
    path: ['homeservers'],
    error: 'set either this, or homeserver and mas',
    when: always,
  })
  .transform(withFirst);

/** A configuration before it is checked. */
export type WrittenConfig = z.input<typeof configSchema>;

/** A checked configuration. Durations are text: read them with `durationMs`. */
export type Config = z.output<typeof configSchema>;
