import path from 'node:path';

import type { SetupAnswers } from '../../app/setup/setup.ts';
import { configuredWitness, findWitnessRoom } from '../../app/witnesses.ts';
import type { ConfiguredWitness } from '../../app/witnesses.ts';
import type { Config } from '../../config/schema.ts';
import { HomeserverError, SetupError, orUndefined } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { RoomState } from '../../matrix/room/room-state.ts';
import { checkWitnessFile } from '../../store/files/witness-file.ts';
import { failed, passed } from './check.ts';
import type { Check } from './check.ts';

/** Whether heads of the audit log can be written to the configured witness. Joins its room. */
export async function checkWitness(
  config: Config,
  client: ClientApi,
  answers: Pick<SetupAnswers, 'botUser' | 'room'>,
): Promise<Check[]> {
  const witness = configuredWitness(config);
  try {
    switch (witness?.kind) {
      case undefined:
        return [];
      case 'file':
        return [await checkFile(witness.file, config.database)];
      case 'room': {
        // Other checks say why these can't be known.
        const [botUser, setup] = await Promise.all([
          orUndefined(answers.botUser),
          orUndefined(answers.room),
        ]);
        return botUser === undefined || setup === undefined
          ? []
          : await checkRoom(witness, client, { botUser, managementRoom: setup.room });
      }
    }
  } catch (error) {
    return [failed('witness', error)];
  }
}

async function checkFile(
  file: string,
  { url, path: database }: Config['database'],
): Promise<Check> {
  const { exists, isBesideDatabase } = await checkWitnessFile(
    file,
    url === undefined ? database : undefined,
  );
  const place = path.resolve(file);
  const state = exists
    ? 'is writable'
    : 'does not exist yet (the bot creates it with its first head)';
  return isBesideDatabase
    ? passed(
        'witness',
        `audit.witness: ${place} ${state}, on the volume of the database`,
        'Whoever can change the database there can change the witness, too. Use another volume, or a room.',
      )
    : passed('witness', `audit.witness: ${place} ${state}`);
}

async function checkRoom(
  witness: ConfiguredWitness & { readonly kind: 'room' },
  client: ClientApi,
  { botUser, managementRoom }: { readonly botUser: UserId; readonly managementRoom: string },
): Promise<Check[]> {
  const { written } = witness;
  const refused = (error: unknown): never => {
    throw error instanceof HomeserverError && !error.isTemporary
      ? new SetupError(
          `audit.witness: ${botUser} can’t join ${written} (${error.errcode}).`,
          `Invite ${botUser} to that room, then run this again.`,
        )
      : error;
  };
  const room = await findWitnessRoom(client, witness).catch(refused);
  if (room === managementRoom) {
    throw new SetupError(
      `audit.witness: ${written} is the management room.`,
      'Heads are posted there anyway. Name another room, or a file.',
    );
  }
  await client.rooms.join(room).catch(refused);
  const members = new RoomState();
  (await client.rooms.state(room)).forEach((event) => members.apply(event));
  const power = members.powerLackingToSend(botUser);
  if (power !== undefined) {
    throw new SetupError(
      `audit.witness: the bot can’t write in ${written}: its power level is ${power.has}, and messages need ${power.needs}.`,
      `In the room’s settings, give ${botUser} power level ${power.needs}.`,
    );
  }
  return [
    members.encrypted
      ? passed(
          'witness',
          `audit.witness: ${written} joined, and it is encrypted`,
          'Heads are never encrypted, so that anybody can verify them: clients show a warning. Use a room without encryption.',
        )
      : passed('witness', `audit.witness: ${written} joined, and the bot can write there`),
  ];
}
