import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import type { Store } from '../../store/store.ts';
import { syntheticEvent } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { post } from './reply.ts';
import type { DeliverContext } from './reply.ts';

/** What the bot watches by itself. */
export interface Watched {
  /** Whether it shows user reports. */
  readonly reports: boolean;
  /** What each of its rules on reports does when it matches. */
  readonly ruleModes: readonly ('act' | 'propose' | 'observe')[];
  /** The number of rules on sign-ups. */
  readonly signUpRules: number;
  /** The number of globs in `protected.users`. */
  readonly protectedPatterns: number;
}

/**
 * The bot's first words in a management room: what it is, how to see its commands, and what it watches.
 * Sent once for each room. A restored or new database can't know whether it was sent, so the room decides:
 * if the bot has spoken there before, it does not greet.
 *
 * @param hasSpoken whether the room shows messages of the bot
 * @throws StoreError it can't be stored
 */
export async function greet(
  context: DeliverContext & {
    readonly settings: Pick<Settings, 'managementRoom' | 'prefix' | 'serverName'>;
    readonly store: Pick<Store, 'transaction'>;
  },
  watched: Watched,
  hasSpoken: boolean,
): Promise<void> {
  if (hasSpoken) {
    return;
  }
  const { managementRoom } = context.settings;
  const event = syntheticEvent(`greeting ${managementRoom}`);
  await context.store.transaction(async (tables) =>
    post(context, tables, 'alert', {
      kind: 'alert',
      origin: { event, room: managementRoom },
      mentions: [],
      reply: {
        command: '',
        status: 'done',
        audit: [],
        answer: greeting(context.settings, watched),
      },
    }),
  );
  context.deliver(event);
}

function greeting(
  { prefix, serverName }: Pick<Settings, 'prefix' | 'serverName'>,
  { reports, ruleModes, signUpRules, protectedPatterns }: Watched,
): Answer {
  const rules = (['act', 'propose', 'observe'] as const).flatMap((mode) => {
    const number = ruleModes.filter((one) => one === mode).length;
    return number === 0 ? [] : [`${number} in mode ${mode}`];
  });
  const rulesInAll = ruleModes.length + signUpRules;
  const kinds = [...rules, ...(signUpRules === 0 ? [] : [`${signUpRules} on sign-ups`])];
  const patterns =
    protectedPatterns === 0
      ? ''
      : `, and ${count(protectedPatterns, 'pattern')} in protected.users`;
  return {
    mark: 'ℹ️',
    title: [
      bold(`I’m Lawspeaker, the moderation bot of ${serverName}. `),
      'I carry out your commands, ask before I destroy anything, and keep an audit log',
    ],
    body: [
      line(
        code(`${prefix}help`),
        ' lists the commands. ',
        code(`${prefix}help deactivate`),
        ' explains one of them.',
      ),
      facts(
        reports ? 'I show user reports here as they come in' : 'I don’t read user reports',
        rulesInAll === 0 ? 'no rules' : `${count(rulesInAll, 'rule')} (${kinds.join(', ')})`,
        `protected: server admins, this room’s moderators${patterns}`,
      ),
    ],
  };
}
