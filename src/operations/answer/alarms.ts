import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Inline } from '../../chat/answers/answer.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { joinedAdmins } from '../authorize/authorize.ts';
import type { RoomPeople } from '../authorize/authorize.ts';
import { nameOf, syntheticEvent } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { postAndDeliver } from './reply.ts';
import type { DeliverContext, Outgoing } from './reply.ts';

type AlarmContext = RoomPeople & { readonly settings: Pick<Settings, 'managementRoom'> };

export type RaiseAlarmContext = AlarmContext & DeliverContext;

/**
 * A message about the bot's own work that notifies the admins of the management room.
 *
 * @param name the message is sent only once under this name, even after a restart
 * @param others people who are notified as well
 */
export function alarmOf(
  context: AlarmContext,
  name: string,
  answer: Answer,
  others: readonly UserId[] = [],
): Extract<Outgoing, { readonly kind: 'alert' }> {
  return {
    kind: 'alert',
    origin: { event: syntheticEvent(name), room: context.settings.managementRoom },
    mentions: [...new Set([...others, ...joinedAdmins(context)])],
    reply: { command: '', status: 'failed', audit: [], answer },
  };
}

/**
 * Sends a message about the bot's own work to the management room and notifies the admins there.
 *
 * @throws StoreError it can't be stored
 */
export async function raiseAlarm(
  context: RaiseAlarmContext,
  name: string,
  answer: Answer,
  others: readonly UserId[] = [],
): Promise<void> {
  await postAndDeliver(context, 'alert', alarmOf(context, name, answer, others));
}

/** At most this many strangers are named. */
const maxNamed = 5;

/**
 * Tells the admins of the room, and the person whom a secret was for, that somebody else was in the
 * direct room where the secret is.
 *
 * @throws StoreError it can't be stored
 */
export async function reportIntrusion(
  context: RaiseAlarmContext & { readonly members: Pick<Members, 'displayName'> },
  intrusion: {
    readonly room: RoomId;
    readonly user: UserId;
    readonly others: readonly string[];
    readonly isRemoved: boolean;
  },
): Promise<void> {
  const { room, user, others, isRemoved } = intrusion;
  const name = nameOf(context.members, user);
  const answer: Answer = {
    mark: '⚠️',
    title: [bold('Somebody else is in my direct room with '), bold(name), ': ', ...named(others)],
    body: [
      line(
        isRemoved
          ? 'There was a secret in it. I removed the secret, and use another room from now on.'
          : 'There is a secret in it, which I couldn’t remove yet. I keep trying, and use another room from now on.',
      ),
      line(
        code(user),
        ': change that secret (for example, reset the password). Only a server admin can have let them in.',
      ),
    ],
    data: { userId: user, others },
  };
  await raiseAlarm(context, `secret-intrusion ${room} ${context.now()}`, answer, [user]);
}

function named(others: readonly string[]): Inline[] {
  const shown = others.slice(0, maxNamed).map((other) => code(cut(other, 255)));
  return [
    ...shown.flatMap((other, at): Inline[] => (at === 0 ? [other] : [', ', other])),
    ...(others.length > maxNamed ? [` and ${others.length - maxNamed} more`] : []),
  ];
}
