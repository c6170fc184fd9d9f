import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Inline } from '../../chat/answers/answer.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { nameOf } from '../execute/outcome.ts';
import type { House } from '../house.ts';
import { post } from './reply.ts';

/** The number of strangers that are named. */
const maxNamed = 5;

/**
 * Tells the admins of the room, and whom the secret was for, that somebody else was in a direct room
 * in which a secret stood.
 *
 * @throws StoreError it could not be told
 */
export async function tellIntrusion(
  house: House,
  intrusion: {
    readonly room: RoomId;
    readonly user: UserId;
    readonly others: readonly string[];
    readonly isRemoved: boolean;
  },
): Promise<void> {
  const { room, user, others, isRemoved } = intrusion;
  const admins = house.members.joined().filter((member) => house.roles.of(member) === 'admin');
  // No event of the room: those hold no blanks.
  const event = `$ secret-intrusion ${room} ${house.now()}` as EventId;
  await house.store.transaction(async (tables) =>
    post(house, tables, 'alert', {
      kind: 'alert',
      origin: { event, room: house.settings.managementRoom },
      mentions: [...new Set([user, ...admins])],
      reply: {
        command: '',
        status: 'failed',
        audit: [],
        answer: {
          mark: '⚠️',
          title: [
            bold('Somebody else is in my direct room with '),
            bold(nameOf(house, user)),
            ': ',
            ...named(others),
          ],
          body: [
            line(
              isRemoved
                ? 'A secret stood there. I removed it, and use another room from now on.'
                : 'A secret stands there, which I could not remove yet. I keep trying, and use another room from now on.',
            ),
            line(
              code(user),
              ': change that secret (set the password anew, say). Only an admin of the server can have let them in.',
            ),
          ],
          data: { userId: user, others },
        },
      },
    }),
  );
  house.deliver(event);
}

function named(others: readonly string[]): Inline[] {
  const shown = others.slice(0, maxNamed).map((other) => code(cut(other, 255)));
  return [
    ...shown.flatMap((other, at): Inline[] => (at === 0 ? [other] : [', ', other])),
    ...(others.length > maxNamed ? [` and ${others.length - maxNamed} more`] : []),
  ];
}
