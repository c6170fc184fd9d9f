import { bold, code, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { minuteMs } from '../../core/duration.ts';
import type { UserId } from '../../core/ids.ts';
import { post } from '../answer/reply.ts';
import type { Outgoing } from '../answer/reply.ts';
import { nameOf } from '../execute/outcome.ts';
import type { House } from '../house.ts';
import { joinedAdmins } from './roles.ts';

/** So many denials within this time tell the admins. */
const manyDenials = 5;
const windowMs = 10 * minuteMs;

/**
 * Counts a denial. When somebody has collected many, the admins in the room are told, once until it
 * has been quiet: a stolen account tries doors.
 */
export async function countDenial(
  house: House,
  user: UserId,
  origin: Outgoing['origin'],
): Promise<void> {
  const now = house.now();
  const recent = (house.denials.get(user) ?? []).filter((at) => now - at < windowMs);
  recent.push(now);
  house.denials.set(user, recent);
  if (recent.length !== manyDenials) {
    return;
  }
  await house.store.transaction(async (tables) =>
    post(house, tables, 'alert', {
      kind: 'alert',
      origin,
      mentions: joinedAdmins(house).filter((admin) => admin !== user),
      reply: {
        command: '',
        status: 'denied',
        audit: [],
        answer: {
          mark: '⚠️',
          title: [
            bold(`${nameOf(house, user)} was refused ${manyDenials} times`),
            ' within minutes',
          ],
          body: [
            line(
              code(user),
              ` has no role for what it tried. If that is not like ${nameOf(house, user)}, the account may be in other hands.`,
            ),
          ],
          next: [`audit --by ${user} --status denied`],
          data: { userId: user, denials: count(recent.length, 'denial') },
        },
      },
    }),
  );
  house.deliver(origin.event);
}
