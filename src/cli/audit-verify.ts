import { createClient } from '../app/homeserver.ts';
import { createFileWitnesses, createWitnesses } from '../app/witnesses.ts';
import type { Witnesses } from '../app/witnesses.ts';
import { count } from '../chat/answers/phrases.ts';
import { databasePlace } from '../config/database-place.ts';
import type { Config } from '../config/schema.ts';
import { durationMs } from '../core/duration.ts';
import { LawspeakerError } from '../core/errors.ts';
import { parseRoomAlias } from '../core/ids.ts';
import type { RoomId } from '../core/ids.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import { assertReplaces, createMoves } from '../matrix/room/upgrade.ts';
import { verifyRecord } from '../services/bot/verify-record.ts';
import type { Compared, Verified } from '../services/bot/verify-record.ts';
import { openStore } from '../store/store.ts';
import type { Store } from '../store/store.ts';

/** Heads that were posted as encrypted messages stay unread: the bot's keys belong to the running bot. */
const noKeys = { decrypt: async () => undefined };

/**
 * Checks the hash chain of the audit log, and compares it with the heads in the management room and in the
 * witness.
 *
 * @param isOffline whether to leave out the rooms, and not to ask the homeserver
 * @returns whether everything is in order and could be compared
 */
export async function verifyAuditLog(
  config: Config,
  { isOffline = false }: { readonly isOffline?: boolean | undefined } = {},
): Promise<boolean> {
  const store = await openStore(databasePlace(config.database), { readonly: true });
  try {
    const { witnesses, formerWitnesses } = isOffline
      ? createFileWitnesses(config, store)
      : await openWitnesses(config, store);
    const verified = await verifyRecord(store, witnesses, {
      former: await formerWitnesses(),
      now: Date.now(),
      anchorEveryMs: durationMs(config.audit.anchorEvery.time),
    });
    return print(verified, isOffline);
  } finally {
    await store.close();
  }
}

/** All witnesses; if the homeserver can't be asked, the rooms fail with the reason when they are read. */
async function openWitnesses(config: Config, store: Store): Promise<Witnesses> {
  const client = createClient(config, new AbortController().signal);
  try {
    const [{ userId: botUser }, room] = await Promise.all([
      client.account.whoami({ retry: 'never' }),
      findRoom(config, store, client),
    ]);
    return createWitnesses(config, {
      client,
      crypto: noKeys,
      store,
      botUser,
      room,
      joins: false,
    });
  } catch (error) {
    if (!(error instanceof LawspeakerError)) {
      throw error;
    }
    const fail = async () => {
      throw error;
    };
    const { witnesses, formerWitnesses } = createFileWitnesses(config, store);
    return {
      witnesses: [
        { kind: 'management-room', place: config.managementRoom, write: fail, read: fail },
        ...witnesses,
      ],
      formerWitnesses,
    };
  }
}

/** The management room in use: the configured one, or the last of those that have replaced it. */
async function findRoom(
  { managementRoom: written }: Config,
  store: Store,
  client: Pick<ClientApi, 'rooms'>,
): Promise<RoomId> {
  const alias = parseRoomAlias(written);
  let room = alias === undefined ? (written as RoomId) : await client.rooms.resolveAlias(alias);
  const moves = createMoves(store.syncState);
  const seen = new Set<RoomId>();
  for (
    let next = await moves.from(room);
    next !== undefined && !seen.has(next);
    next = await moves.from(room)
  ) {
    await assertReplaces(client, next, room);
    seen.add(next);
    room = next;
  }
  return room;
}

function print(verified: Verified, isOffline: boolean): boolean {
  const { count: rows, head, fault, isIncomplete, restorations, unanchored } = verified;
  const isInOrder = fault === undefined && !isIncomplete;
  const write = isInOrder ? console.log : console.error;
  if (fault === undefined) {
    console.log(
      `${count(rows, 'row')} in order,${isIncomplete ? ' but not everything could be compared;' : ''} head ${head}`,
    );
  } else {
    write(
      `The audit log was tampered with: row ${fault.id} is ${fault.kind === 'replaced' ? 'not the one that was anchored' : fault.kind}.`,
    );
    write(`In order before it: ${count(rows, 'row')}, head ${head}`);
    if (fault.kind === 'replaced') {
      const from = Math.min(rows, verified.anchored?.count ?? 0) + 1;
      write(`At least one of the rows ${from} to ${fault.id} was rewritten.`);
    }
  }
  for (const witness of verified.witnesses) {
    describe(witness).forEach((text) => write(text));
  }
  for (const { at, kept, told } of restorations) {
    write(
      `The database was restored or replaced at ${iso(at)}. Of the rows before, it kept ${kept === 0 ? 'none' : `1 to ${kept}`}.${told === true ? '' : ' Only the database itself says so.'}`,
    );
  }
  if (isOffline) {
    write('The rooms were not compared, because of --offline.');
  }
  if (unanchored !== undefined) {
    const { from, to, since, due } = unanchored;
    const newRows = from === to ? `Row ${from}` : `Rows ${from} to ${to}`;
    const them = from === to ? 'it' : 'them';
    // A room may have a head of them.
    const how = isOffline ? `no head that was compared covers ${them}` : 'not anchored';
    write(
      due > Date.now() && !isOffline
        ? `${newRows}: new. The next head covers ${them}, by ${iso(due)} at the latest if the bot runs.`
        : `${newRows}, since ${iso(since)}: ${how}. If somebody cut ${them} off, nothing here would show it.`,
    );
  }
  if (
    fault === undefined &&
    !isOffline &&
    verified.witnesses.some(({ failure, isFormer }) => failure !== undefined && !isFormer)
  ) {
    write('To check the chain without the homeserver, use --offline.');
  }
  return isInOrder;
}

function describe(witness: Compared): string[] {
  const { kind, place, isFormer, heads, newest, misfit, ofLostRows, removed } = witness;
  const { vanished, replaced, carriesMisfit, unreadable, isWhole, failure } = witness;
  const name = isFormer
    ? `Former ${kind}`
    : { file: 'Witness file', room: 'Witness room', 'management-room': 'Management room' }[kind];
  const where = `${name} ${place}: `;
  if (failure !== undefined) {
    return [`${where}not compared, ${failure}`];
  }
  return [
    ...(heads === 0
      ? [
          kind === 'management-room'
            ? `${where}no head has been posted there yet.`
            : `${where}no head yet.`,
        ]
      : [`${where}${count(heads, 'head')} compared${isWhole ? '' : ', not the oldest ones'}.`]),
    ...(newest === undefined
      ? []
      : [`  Newest that fits, of ${iso(newest.at)}: row ${newest.count}, head ${newest.head}`]),
    ...(misfit === undefined
      ? []
      : [`  Doesn’t fit, of ${iso(misfit.at)}: row ${misfit.count}, head ${misfit.head}`]),
    ...(ofLostRows === 0 ? [] : [`  ${ofLostRows} of rows that the database no longer has.`]),
    ...(removed === 0 ? [] : [`  ${removed} removed by somebody.`]),
    ...(vanished === undefined
      ? []
      : [`  The newest that the bot wrote there, row ${vanished.count}, is gone.`]),
    ...(replaced === 0
      ? []
      : [`  ${replaced} gone when the bot wrote the next: rows could have been changed before.`]),
    ...(carriesMisfit
      ? ['  The bot has found a head here that doesn’t fit, and says so in later ones.']
      : []),
    ...(unreadable === 0
      ? []
      : [
          kind === 'file'
            ? `  ${count(unreadable, 'line')} can’t be read.`
            : `  ${count(unreadable, 'message')} can’t be decrypted here; there may be heads among them. In the room, the bot can read them.`,
        ]),
  ];
}

function iso(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? 'an impossible time' : date.toISOString();
}
