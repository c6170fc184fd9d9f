import { bold, code, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { minuteMs } from '../../core/duration.ts';
import type { UserId } from '../../core/ids.ts';
import { postAndDeliver } from '../answer/reply.ts';
import type { DeliverContext, Outgoing } from '../answer/reply.ts';
import { nameOf } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import { joinedAdmins } from './authorize.ts';
import type { RoomPeople } from './authorize.ts';

/** This many denials within `windowMs` are reported to the admins. */
const manyDenials = 5;
const windowMs = 10 * minuteMs;

/** How often people were denied something lately. */
export interface Denials {
  /** Counts a denial; returns how many this user had lately, with this one. */
  count(user: UserId, at: number): number;
}

export function createDenials(): Denials {
  const times = new Map<UserId, readonly number[]>();
  return {
    count(user, at) {
      const recent = [...(times.get(user) ?? []).filter((time) => at - time < windowMs), at];
      times.set(user, recent);
      return recent.length;
    },
  };
}

export type DenialContext = RoomPeople &
  DeliverContext & {
    readonly members: Pick<Members, 'displayName'>;
    readonly denials: Denials;
  };

/**
 * Counts a denial. If one person is denied many times, the admins in the room are told, because the account
 * may be stolen. They are told once, until the denials stop.
 *
 * @throws StoreError the message to the admins can't be stored
 */
export async function countDenial(
  context: DenialContext,
  user: UserId,
  origin: Outgoing['origin'],
): Promise<void> {
  const found = context.denials.count(user, context.now());
  if (found !== manyDenials) {
    return;
  }
  const name = nameOf(context.members, user);
  await postAndDeliver(context, 'alert', {
    kind: 'alert',
    origin,
    mentions: joinedAdmins(context).filter((admin) => admin !== user),
    reply: {
      command: '',
      status: 'denied',
      audit: [],
      answer: {
        mark: '⚠️',
        title: [bold(`${name} was denied ${manyDenials} commands`), ' within minutes'],
        body: [
          line(
            code(user),
            ` doesn’t have the role for these commands. If this is unusual for ${name}, somebody else may be using the account.`,
          ),
        ],
        next: [`audit --by ${user} --status denied`],
        data: { userId: user, denials: count(found, 'denial') },
      },
    },
  });
}
