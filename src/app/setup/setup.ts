import type { Config } from '../../config/schema.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { nativeLibrary } from '../../matrix/crypto/native-library.ts';
import type { Moves } from '../../matrix/room/upgrade.ts';
import { askHomeserver, homeserverSetup } from './homeserver.ts';
import type { HomeserverAnswers, HomeserverSetup } from './homeserver.ts';
import { checkRoom } from './room.ts';
import type { RoomSetup } from './room.ts';

/** What the homeserver tells about the configuration. */
export type Setup = HomeserverSetup & RoomSetup;

/** The answers that `askSetup` waits for. Each fails with its own error, or with that of `botUser`. */
export interface SetupAnswers extends HomeserverAnswers {
  readonly room: Promise<RoomSetup>;
}

/**
 * Asks the homeserver whether the bot can work: whether the token is valid, who keeps the accounts, whether
 * the bot's is a server admin, and whether the management room can be joined and read.
 *
 * @param moves the rooms that the bot has moved to from upgraded rooms
 * @param assertMayChange called before each change at MAS; throws if this process may change nothing
 */
export function askSetup(
  config: Config,
  client: ClientApi,
  moves: Moves,
  assertMayChange?: () => void,
): SetupAnswers {
  const homeserver = askHomeserver(config, client, assertMayChange);
  const room = homeserver.botUser.then(async (botUser) =>
    checkRoom(config, client, { botUser, moves }),
  );
  // Whoever asks may stop at an earlier one that fails.
  room.catch(() => undefined);
  return { ...homeserver, room };
}

/**
 * Waits for what `askSetup` asks. If several answers fail, the first is the one to mend first.
 *
 * @throws SetupError what is wrong and what to do
 * @throws UnreachableError the homeserver does not answer
 */
export async function checkSetup(
  config: Config,
  client: ClientApi,
  moves: Moves,
  assertMayChange?: () => void,
): Promise<Setup> {
  if (config.encryption.enabled) {
    nativeLibrary();
  }
  const answers = askSetup(config, client, moves, assertMayChange);
  const homeserver = await homeserverSetup(answers);
  return { ...homeserver, ...(await answers.room) };
}
