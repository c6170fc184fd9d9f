import type { Config } from '../config/schema.ts';
import { parseRoomAlias, parseRoomId } from '../core/ids.ts';
import type { RoomId, UserId } from '../core/ids.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import type { RoomCrypto } from '../matrix/crypto/room-crypto.ts';
import { createManagementRoomWitness, createRoomWitness } from '../matrix/room/room-witness.ts';
import { createWitnessFile } from '../store/files/witness-file.ts';
import type { Store } from '../store/store.ts';
import type { Witness } from '../store/witness.ts';

/** What `audit.witness` names. */
export type ConfiguredWitness =
  | { readonly kind: 'room'; readonly room: RoomId | undefined; readonly written: string }
  | { readonly kind: 'file'; readonly file: string };

export function configuredWitness({ audit }: Pick<Config, 'audit'>): ConfiguredWitness | undefined {
  const { witness: written } = audit;
  if (written === undefined) {
    return undefined;
  }
  return /^[!#]/u.test(written)
    ? { kind: 'room', room: parseRoomId(written), written }
    : { kind: 'file', file: written };
}

/** The places where heads of the audit log are kept: the management room, and the configured witness. */
export function createWitnesses(
  config: Pick<Config, 'audit'>,
  {
    client,
    crypto,
    store,
    botUser,
    room,
    joins,
  }: {
    readonly client: Pick<ClientApi, 'events' | 'rooms'>;
    readonly crypto: Pick<RoomCrypto, 'decrypt'>;
    readonly store: Pick<Store, 'anchor'>;
    readonly botUser: UserId;
    /** The management room. */
    readonly room: RoomId;
    /** Whether the bot joins the witness room if it isn't there. */
    readonly joins: boolean;
  },
): readonly Witness[] {
  const reader = { client, crypto, botUser };
  const here = createManagementRoomWitness(reader, room);
  const witness = configuredWitness(config);
  switch (witness?.kind) {
    case undefined:
      return [here];
    case 'file':
      return [here, fileWitness(witness.file, store)];
    case 'room': {
      const find = async () => findWitnessRoom(client, witness);
      return [here, createRoomWitness(reader, witness.written, { find, joins })];
    }
  }
}

/** The witness that needs no homeserver. */
export function fileWitnesses(
  config: Pick<Config, 'audit'>,
  store: Pick<Store, 'anchor'>,
): readonly Witness[] {
  const witness = configuredWitness(config);
  return witness?.kind === 'file' ? [fileWitness(witness.file, store)] : [];
}

function fileWitness(file: string, store: Pick<Store, 'anchor'>): Witness {
  const witness: Witness = createWitnessFile(file, {
    wasUsed: async () => (await store.anchor.get(witness.place)) !== undefined,
  });
  return witness;
}

/** @throws HomeserverError, UnreachableError */
export async function findWitnessRoom(
  client: Pick<ClientApi, 'rooms'>,
  { room, written }: ConfiguredWitness & { readonly kind: 'room' },
): Promise<RoomId> {
  const alias = parseRoomAlias(written);
  return room ?? (alias === undefined ? (written as RoomId) : client.rooms.resolveAlias(alias));
}
