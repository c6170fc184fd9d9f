import { bold, line } from '../chat/answers/answer.ts';
import type { Answer } from '../chat/answers/answer.ts';
import { codeOf } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import { createSendPermission } from '../matrix/delivery/send-permission.ts';
import type { WatchedSendPermission } from '../matrix/delivery/send-permission.ts';
import type { RoomState } from '../matrix/room/room-state.ts';
import { followUpgrade } from '../matrix/room/upgrade.ts';
import type { Moves } from '../matrix/room/upgrade.ts';
import { joinedAdmins } from '../operations/authorize/authorize.ts';
import type { Roles } from '../operations/authorize/authorize.ts';
import type { Settings } from '../operations/settings.ts';

/**
 * Watches whether the bot can send messages to the management room. If it can't, its admins are told in
 * direct rooms; if the room was upgraded, the bot moves to the new one.
 */
export function watchSendPermission(options: {
  readonly client: ClientApi;
  readonly moves: Moves;
  readonly members: RoomState;
  readonly roles: Pick<Roles, 'of'>;
  readonly settings: Pick<Settings, 'botUser' | 'managementRoom'>;
  readonly log: Log;
  readonly firstRetryMs: number | undefined;
  /** Sends a message to the room at once. @throws HomeserverError the room doesn't accept it */
  readonly sayNow: (about: string, answer: Answer) => Promise<void>;
  /** Sends a person a message in their direct room. */
  readonly tell: (user: UserId, lines: readonly string[]) => Promise<void>;
  /** The bot can send messages again. */
  readonly onRegained: () => void;
  /** The bot has moved to another room and must start again. */
  readonly onMoved: () => void;
}): WatchedSendPermission {
  const { client, moves, members, roles, log, sayNow, tell, onMoved } = options;
  const { botUser, managementRoom: room } = options.settings;
  let upgradeAdvice = '';
  const permission = createSendPermission({
    log,
    firstRetryMs: options.firstRetryMs,
    whyMissing: () => members.whyUnableToSend(botUser),
    onRegained: options.onRegained,

    async regain(why) {
      const found = members.whyUnableToSend(botUser);
      const { tombstone } = members;
      if (tombstone !== undefined) {
        const isAdmin = (user: UserId) => roles.of(user) === 'admin';
        const next = await followUpgrade(client, { room, tombstone }, isAdmin);
        if ('refused' in next) {
          upgradeAdvice = next.advice;
          return `${found}, and ${next.refused}`;
        }
        await moves.remember(room, next.room);
        log.warn({ from: room, to: next.room }, 'following the upgrade of the management room');
        permission.stop();
        onMoved();
      } else if (found === undefined) {
        await sayNow('sendPermission', {
          mark: '⚠️',
          title: [bold('I could not send messages here: '), why],
          body: [line('I now do what was asked meanwhile, unless it is too old.')],
        });
      }
      return found;
    },

    async tell(why) {
      const advice = [
        'No command, rule or timer is carried out until I can.',
        members.tombstone === undefined
          ? 'Check whether my account is suspended, and whether my power level there is enough to send messages.'
          : upgradeAdvice,
      ];
      for (const admin of joinedAdmins(options)) {
        await tell(admin, [
          `I can’t send messages to the management room ${room}: ${why}.`,
          ...advice,
        ]).catch((error: unknown) => {
          log.warn(
            { code: codeOf(error) },
            'an admin could not be told that I can’t send messages',
          );
        });
      }
      if (members.tombstone !== undefined) {
        // A closed room may still accept messages of members with a high power level.
        await sayNow('closed', {
          mark: '⚠️',
          title: [bold('I no longer work in this room: '), why],
          body: advice.map((sentence) => line(sentence)),
        }).catch((error: unknown) => {
          log.info({ code: codeOf(error) }, 'the closed room does not accept messages');
        });
      }
    },
  });
  return permission;
}
