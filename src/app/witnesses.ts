import path from 'node:path';

import type { Config } from '../config/schema.ts';
import { orUndefined } from '../core/errors.ts';
import { parseRoomAlias, parseRoomId } from '../core/ids.ts';
import type { RoomId, UserId } from '../core/ids.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import type { RoomCrypto } from '../matrix/crypto/room-crypto.ts';
import {
  createFormerRoomWitness,
  createManagementRoomWitness,
  createRoomWitness,
} from '../matrix/room/room-witness.ts';
import { createWitnessFile } from '../store/files/witness-file.ts';
import type { Store } from '../store/store.ts';
import type { FormerWitness, Witness } from '../store/witness.ts';

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

/** Where heads of the audit log are kept. */
export interface Witnesses {
  readonly witnesses: readonly Witness[];
  /** Where heads were written before. An alias can name another room at any time. */
  formerWitnesses(): Promise<readonly FormerWitness[]>;
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
): Witnesses {
  const reader = { client, crypto, botUser };
  const witness = configuredWitness(config);
  const witnesses = [
    createManagementRoomWitness(reader, room),
    ...(witness?.kind === 'room'
      ? [
          createRoomWitness(reader, witness.written, {
            find: async () => findWitnessRoom(client, witness),
            joins,
          }),
        ]
      : fileWitnessesIn(config, store)),
  ];
  return {
    witnesses,
    async formerWitnesses() {
      const places = await formerPlaces(store, witnesses);
      return places.flatMap((place): FormerWitness[] => {
        const formerRoom = parseRoomId(place);
        return formerRoom === undefined
          ? formerFiles([place], store)
          : [createFormerRoomWitness(reader, formerRoom)];
      });
    },
  };
}

/** The witnesses that need no homeserver. */
export function createFileWitnesses(
  config: Pick<Config, 'audit'>,
  store: Pick<Store, 'anchor'>,
): Witnesses {
  const witnesses = fileWitnessesIn(config, store);
  return {
    witnesses,
    formerWitnesses: async () => formerFiles(await formerPlaces(store, witnesses), store),
  };
}

function fileWitnessesIn(
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

/** Anybody who changes the database can name any number of places there. */
const maxFormerPlaces = 10;

async function formerPlaces(
  { anchor }: Pick<Store, 'anchor'>,
  witnesses: readonly Witness[],
): Promise<string[]> {
  const current = await Promise.all(
    witnesses.map(async ({ place, findRoom }) => [
      place,
      await orUndefined(findRoom?.() ?? Promise.resolve(undefined)),
    ]),
  );
  const places = await anchor.places();
  return places.filter((place) => !current.flat().includes(place)).slice(0, maxFormerPlaces);
}

/** An alias is no place of its own: the room that it named is one. */
function formerFiles(places: readonly string[], store: Pick<Store, 'anchor'>): FormerWitness[] {
  return places
    .filter((place) => path.isAbsolute(place))
    .map((place) => ({ ...fileWitness(place, store), isFormer: true }));
}

/** @throws HomeserverError, UnreachableError */
export async function findWitnessRoom(
  client: Pick<ClientApi, 'rooms'>,
  { room, written }: ConfiguredWitness & { readonly kind: 'room' },
): Promise<RoomId> {
  const alias = parseRoomAlias(written);
  return room ?? (alias === undefined ? (written as RoomId) : client.rooms.resolveAlias(alias));
}
