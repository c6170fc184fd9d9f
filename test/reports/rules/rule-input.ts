import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { WrittenConfig } from '../../../src/config/schema.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { parseEventId, parseRoomAlias, parseRoomId, parseUserId } from '../../../src/core/ids.ts';
import type { RuleInput, ReportInput } from '../../../src/reports/rules/rule-input.ts';
import type { RuleLineContext } from '../../../src/reports/rules/rule-template.ts';
import { createRules } from '../../../src/reports/rules/rule.ts';
import type { Rule } from '../../../src/reports/rules/rule.ts';
import { synapseTraits } from '../../../src/services/accounts/traits.ts';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
/** 12:00 in UTC, 13:00 in Berlin. */
export const now = Date.UTC(2026, 10, 21, 12, 0);

const read =
  <Id>(parser: (text: string) => Id | undefined) =>
  (text: string): Id => {
    const id = parser(text);
    if (id === undefined) {
      throw new TypeError(`${text} can’t be read`);
    }
    return id;
  };
export const user = read(parseUserId);
const room = read(parseRoomId);
const alias = read(parseRoomAlias);
const event = read(parseEventId);

export const mallory = user('@mallory:localhost');

const commands = await loadCommands();
export const surroundings: RuleLineContext = {
  registry: createRegistry(commands),
  serverName: 'localhost',
  prefix: '!',
  commandRoles: {},
  traitsOf: () => synapseTraits,
};

type WrittenRule = NonNullable<NonNullable<WrittenConfig['reports']>['rules']>[number];

export type PartialRule = Partial<Omit<WrittenRule, 'then'>> & {
  readonly then?: readonly string[];
};

/** Rules as a configuration has them; they watch and call people, where they say nothing else. */
export function rulesConfigured(...rules: readonly PartialRule[]) {
  const { reports } = configSchema.parse({
    homeserver: { url: 'https://matrix.example.com', accessToken: 'syt_secret' },
    managementRoom: '!room:localhost',
    reports: {
      rules: rules.map(({ then = [], ...rule }, at) => ({
        name: `rule-${at}`,
        when: { distinctReporters: { atLeast: 1 } },
        alert: true,
        ...rule,
        then: [...then],
      })),
    },
  });
  return reports.rules;
}

export function ruleOf(rule: PartialRule): Rule {
  const [made] = createRules(rulesConfigured(rule), surroundings);
  if (made === undefined) {
    throw new TypeError('no rule');
  }
  return made;
}

/** The example of the guide. */
export const massReported = {
  name: 'fresh-account-mass-reported',
  when: {
    distinctReporters: { atLeast: 3, within: '1h' },
    reporterAccountAge: { atLeast: '7d' },
    senderAccountAge: { atMost: '2d' },
    sender: 'local',
    reason: { matches: 'spam|scam' },
  },
  then: ['shadow-ban {sender} --for 24h'],
  mode: 'act',
} as const satisfies PartialRule;

/** A report of somebody who has been there for a year, a minute ago. */
export function report(
  reporter: UserId | string,
  more: Partial<Omit<ReportInput, 'reporter'>> = {},
): ReportInput {
  const receivedTs = more.receivedTs ?? now - minuteMs;
  return {
    reporter: user(reporter.startsWith('@') ? reporter : `@${reporter}:localhost`),
    reporterCreatedAt: receivedTs - 365 * dayMs,
    reporterRestricted: false,
    reporterRecord: { resolved: 0, dismissed: 0 },
    receivedTs,
    reason: 'this is spam',
    score: -100,
    ...more,
  };
}

/** A message of somebody whose account is a day old. */
export function item(more: Partial<RuleInput> = {}): RuleInput {
  return {
    item: 7,
    kind: 'event',
    sender: mallory,
    isSenderLocal: true,
    server: 'localhost',
    senderCreatedAt: now - dayMs,
    room: room('!lobby:localhost'),
    roomAlias: alias('#lobby:localhost'),
    event: event('$message'),
    content: {
      type: 'm.room.message',
      msgtype: 'm.text',
      body: 'buy cheap coins',
      isEncrypted: false,
    },
    earlierItems: 0,
    senderTags: [],
    roomTags: [],
    reports: [report('ana')],
    now,
    ...more,
  };
}
