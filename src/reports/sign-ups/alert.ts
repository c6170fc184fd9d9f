import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block } from '../../chat/answers/answer.ts';
import { count, dateTime, exactSpan, span, whole } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { present } from '../../core/present.ts';
import type { SignUpGroup } from '../../services/services.ts';
import type { SignUpRule } from './sign-up-rule.ts';
import type { Wave } from './wave.ts';

/** More groups are left to `recent-users`. */
const maxGroups = 3;

/** What is known about the accounts of a wave. */
export interface Examined {
  /** How many of them, the newest, were looked up. */
  readonly accounts: number;
  /** Those that look as if one person made them, the largest group first. */
  readonly groups: readonly SignUpGroup[];
}

/**
 * Tells those on call about a wave of sign-ups. Addresses are left to `recent-users`, which is for moderators:
 * everybody in the room sees this.
 *
 * @param wave.where the homeserver, if there are several
 * @param wave.alertedAccounts how many accounts there were when people were alerted; undefined if that is now
 */
export function alertOf(
  rule: SignUpRule,
  wave: Wave & {
    readonly isOver: boolean;
    readonly alertedAccounts: number | undefined;
    readonly where: string | undefined;
  },
  { accounts: examined, groups }: Examined,
): Answer {
  const { startedAt, newestAt, accounts, isOver, alertedAccounts, where } = wave;
  const since = new Date(startedAt).toISOString().replace('.000Z', 'Z');
  return {
    mark: '⚠️',
    title: [
      bold(
        `${count(accounts, 'new account')}${onServer(where)} in ${span(Math.max(newestAt - startedAt, 1000))}`,
      ),
      alertedAccounts === undefined || alertedAccounts === accounts
        ? `: ${likeness(accounts, examined, groups)}`
        : `: ${whole(accounts - alertedAccounts)} more than when I alerted you`,
    ],
    body: [
      ...groups.slice(0, maxGroups).map(groupLine),
      facts(
        `since ${dateTime(startedAt)}`,
        `rule ${rule.name}: ${whole(rule.atLeast)} or more within ${exactSpan(rule.withinMs)}`,
      ),
      ...(isOver ? [line(`It is over: the last one was created at ${dateTime(newestAt)}.`)] : []),
    ],
    next: [`recent-users --since ${since}${where === undefined ? '' : ` --on ${where}`}`],
    data: {
      rule: rule.name,
      ...present({ homeserver: where }),
      accounts,
      startedAt,
      newestAt,
      isOver,
      groups: groups.map(({ members, namePattern, networks }) => ({
        accounts: members.length,
        namePattern: namePattern ?? null,
        addresses: networks.length,
      })),
    },
  };
}

function likeness(accounts: number, examined: number, groups: Examined['groups']): string {
  const alike = groups.reduce((sum, { members }) => sum + members.length, 0);
  if (alike === 0) {
    return examined === 0 ? 'more than usual' : 'they don’t look alike';
  }
  return alike === accounts
    ? 'all of them look alike'
    : `${whole(alike)} of ${examined < accounts ? `the newest ${whole(examined)}` : 'them'} look alike`;
}

function groupLine({ members, namePattern, networks }: SignUpGroup): Block {
  const shared = networks.filter(({ accounts }) => accounts > 1).length;
  return line(
    bold(count(members.length, 'account')),
    ...(namePattern === undefined ? [] : [' named ', code(inert(namePattern, 60))]),
    ...(shared === 0 ? [] : [` from ${count(shared, 'address', 'addresses')}`]),
  );
}

/**
 * Without this, nobody would hear of a wave, and nobody would know.
 *
 * @param where the homeserver, if there are several
 */
export function signUpTroubleOf(why: string, where?: string): Answer {
  return {
    mark: '⚠️',
    title: [bold(`Sign-ups${onServer(where)} can’t be read`), `: ${why}`],
    body: [
      line(
        `Until then I can’t tell you about waves of new accounts${onServer(where)}. I keep trying.`,
      ),
      line('Check that the bot is still a server admin and can reach the admin API.'),
    ],
    next: ['status'],
    data: { readable: false, ...present({ homeserver: where }) },
  };
}

export function signUpTroubleOver(where?: string): Answer {
  return {
    mark: '✅',
    title: [bold(`Sign-ups${onServer(where)} can be read again`)],
    data: { readable: true, ...present({ homeserver: where }) },
  };
}

const onServer = (where: string | undefined) => (where === undefined ? '' : ` on ${where}`);
