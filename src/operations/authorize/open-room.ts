import { bold, line } from '../../chat/answers/answer.ts';
import type { Log } from '../../core/log.ts';
import { raiseAlarm } from '../answer/alarms.ts';
import type { RaiseAlarmContext } from '../answer/alarms.ts';
import type { RoleSettings } from './authorize.ts';

/** How the management room is open to strangers, or to all its members. */
export type Opening = 'public' | 'world_readable' | 'everybody_commands';

/** What each opening means. */
export const openingTexts: Readonly<Record<Opening, string>> = {
  public: 'Anybody can join, and gets the role that the default power level gives.',
  world_readable: 'Anybody can read it without joining, including what is said about accounts.',
  everybody_commands:
    'Everybody in it can use commands that change accounts and rooms: the default power level gives them a role.',
};

/** How to close each opening. */
export const openingAdvice: Readonly<Record<Opening, string>> = {
  public: 'In the room’s settings, allow only invited people to join.',
  world_readable: 'In the room’s settings, allow only members to read the history.',
  everybody_commands:
    'In the room’s settings, set the default role to a lower power level, or raise roles.moderator.powerLevel in the configuration.',
};

/** How a management room is open under these roles. */
export function openingsOf(
  room: { readonly defaultPowerLevel: number; openToStrangers(): readonly Opening[] },
  roles: Pick<RoleSettings, 'moderator' | 'admin'>,
): readonly Opening[] {
  const leastLevel = Math.min(roles.moderator.powerLevel, roles.admin.powerLevel);
  return [
    ...room.openToStrangers(),
    ...(room.defaultPowerLevel >= leastLevel ? (['everybody_commands'] as const) : []),
  ];
}

/**
 * Warns in the log and in the room if the management room is open: at the start, and whenever that changes.
 *
 * @param openings how it is open now
 * @returns a function to call whenever the room's state may have changed; it throws StoreError if the
 * warning can't be stored
 */
export function createOpenRoomWarning(
  context: RaiseAlarmContext & { readonly log: Pick<Log, 'warn'> },
  openings: () => readonly Opening[],
): () => Promise<void> {
  let before = '';
  return async () => {
    const now = openings();
    const seen = now.join(' ');
    if (seen === before) {
      return;
    }
    before = seen;
    if (now.length === 0) {
      return;
    }
    const isOnlyOpenToMembers = now.every((opening) => opening === 'everybody_commands');
    context.log.warn(
      { openings: now },
      isOnlyOpenToMembers
        ? 'everybody in the management room can use dangerous commands'
        : 'the management room is open to strangers',
    );
    await raiseAlarm(context, `open-room ${context.now()} ${seen}`, {
      mark: '⚠️',
      title: [
        bold(
          isOnlyOpenToMembers
            ? 'Everybody in this room can use dangerous commands'
            : 'This room is open to strangers',
        ),
      ],
      body: now.map((opening) => line(openingTexts[opening], ' ', openingAdvice[opening])),
      data: { openings: now },
    });
  };
}
