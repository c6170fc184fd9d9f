import { isDeepStrictEqual } from 'node:util';

import { z } from 'zod';

import type { Command } from '../../chat/command/declaration.ts';
import { describeCommand, descriptionKey, descriptionType } from '../../chat/command/structured.ts';
import { LawspeakerError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';

const description = z.object({
  type: z.literal(descriptionType),
  state_key: z.string(),
  sender: z.string(),
  content: z.record(z.string(), z.unknown()),
});

/**
 * Brings the descriptions of commands in the room's state up to date: writes those that are missing or
 * different, and empties those of commands that don't exist any more. Writes nothing if all are right.
 *
 * @param commands what to describe; none if the setting is off
 * @param state the state of the room, raw
 */
export async function announceCommands(
  { client, log }: { client: { rooms: Pick<ClientApi['rooms'], 'setStateAt'> }; log: Log },
  {
    room,
    botUser,
    state,
    commands,
  }: {
    readonly room: RoomId;
    readonly botUser: UserId;
    readonly state: readonly unknown[];
    readonly commands: readonly Command[];
  },
): Promise<void> {
  const changes = changesTo(state, botUser, commands);
  try {
    for (const [key, content] of changes) {
      await client.rooms.setStateAt(room, descriptionType, key, content);
    }
    if (changes.size > 0) {
      log.info({ written: changes.size }, 'described the commands in the room');
    }
  } catch (error) {
    if (!(error instanceof LawspeakerError)) {
      throw error;
    }
    // Completion is a convenience: the bot works without it. The next start tries again.
    log.warn(
      { code: error.code },
      'the commands could not be described in the room: does the bot have the power level for state events?',
    );
  }
}

/** What has to be written, by state key. */
function changesTo(
  state: readonly unknown[],
  botUser: UserId,
  commands: readonly Command[],
): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
  const wanted = new Map<string, Readonly<Record<string, unknown>>>(
    commands.map((command) => [
      descriptionKey(command.name, botUser),
      { ...describeCommand(command) },
    ]),
  );
  for (const raw of state) {
    const read = description.safeParse(raw);
    if (!read.success) {
      continue;
    }
    const { state_key: key, sender, content } = read.data;
    const isOurs = sender === botUser;
    if (isOurs && isDeepStrictEqual(content, wanted.get(key))) {
      wanted.delete(key);
    } else if (isOurs && !wanted.has(key) && Object.keys(content).length > 0) {
      wanted.set(key, {});
    }
  }
  return wanted;
}
