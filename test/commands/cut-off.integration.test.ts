import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { mxcParts } from '../../src/core/ids.ts';
import type { MxcUri } from '../../src/core/ids.ts';
import { openCutOffRoom } from '../support/cut-off.ts';
import type { CutOffRoom } from '../support/cut-off.ts';
import {
  adminApi,
  idOf,
  newRoom,
  newToken,
  newUser,
  uniqueLocalpart,
} from '../support/homeserver.ts';

const { media, registrationTokens, rooms, users } = adminApi();

let place: CutOffRoom;
let room: CutOffRoom['room'];
let cutOff: CutOffRoom['cutOff'];
beforeAll(async () => {
  place = await openCutOffRoom();
  ({ room, cutOff } = place);
});
afterAll(async () => place[Symbol.asyncDispose]());

describe('where the homeserver’s answer is lost', () => {
  it('delete-room goes on watching, and deletes once', async () => {
    const owner = await newUser();
    const id = await newRoom(owner);
    const confirmation = await room.ana.ask(`!delete-room ${id}`);
    const begin = ['DELETE', /\/v2\/rooms\//] as const;
    await cutOff('!confirm', begin, 'carried out');
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('1 member from this server removed');
    expect(await rooms.find(id)).toBeUndefined();
    expect(place.gate.count(...begin)).toBe(1);
  });

  it('delete-room says that it was not done where it never arrived', async () => {
    const id = await newRoom(await newUser());
    const confirmation = await room.ana.ask(`!delete-room ${id}`);
    await cutOff('!confirm', ['DELETE', /\/v2\/rooms\//], 'lost');
    await room.ana.outcomeOf(confirmation, 'failed');
    expect(await rooms.find(id)).toBeDefined();
  });

  it.for(['carried out', 'lost'] as const)('join looks whether it was %s', async (how) => {
    const user = await newUser();
    const id = await newRoom(await newUser(), { preset: 'public_chat' });
    const said = await cutOff(`!join ${user.userId} ${id}`, ['POST', /\/v1\/join\//], how);
    await room.ana.outcomeOf(await room.ana.answerTo(said), how === 'lost' ? 'failed' : 'done');
    const { joinedRooms } = await users.joinedRooms(idOf(user));
    expect(joinedRooms).toEqual(how === 'lost' ? [] : [id]);
  });

  it.for(['carried out', 'lost'] as const)('create-token looks whether it was %s', async (how) => {
    const token = uniqueLocalpart('token');
    const said = await cutOff(`!create-token --token ${token}`, ['POST', /_tokens\/new$/], how);
    await room.ana.outcomeOf(await room.ana.answerTo(said), how === 'lost' ? 'failed' : 'done');
    expect((await registrationTokens.find(token))?.token).toBe(how === 'lost' ? undefined : token);
  });

  it.for(['carried out', 'lost'] as const)('edit-token looks whether it was %s', async (how) => {
    const { token } = await newToken();
    const line = `!edit-token ${token} --uses 3 --expires 2d`;
    const said = await cutOff(line, ['PUT', /_tokens\//], how);
    await room.ana.outcomeOf(await room.ana.answerTo(said), how === 'lost' ? 'failed' : 'done');
    expect((await registrationTokens.find(token))?.usesAllowed).toBe(how === 'lost' ? null : 3);
  });

  it.for(['carried out', 'lost'] as const)('protect-media looks whether it was %s', async (how) => {
    const uri = (await (await newUser()).uploadMedia(new Uint8Array(5), 'text/plain')) as MxcUri;
    for (const isProtected of [true, false]) {
      const command = isProtected ? 'protect' : 'unprotect';
      const path = new RegExp(`/v1/media/${command}/`, 'u');
      if (how === 'lost' && !isProtected) {
        await media.protect(mxcParts(uri).mediaId);
      }
      const said = await cutOff(`!${command}-media ${uri}`, ['POST', path], how);
      await room.ana.outcomeOf(await room.ana.answerTo(said), how === 'lost' ? 'failed' : 'done');
      const file = await media.find(uri);
      expect(file?.safeFromQuarantine).toBe((how === 'carried out') === isProtected);
    }
  });

  it('delete-media is done where nothing is left, and not known where something is', async () => {
    const user = await newUser();
    for (const name of ['a', 'b']) {
      await user.uploadMedia(new Uint8Array(5), 'text/plain', name);
    }
    const request = ['DELETE', /\/media/] as const;
    const some = await room.ana.ask(`!delete-media ${user.userId} --limit 1`);
    await cutOff('!confirm', request, 'carried out');
    await room.ana.outcomeOf(some, 'unknown');
    expect(await media.list(idOf(user))).toMatchObject({ total: 1 });
    const all = await room.ana.ask(`!delete-media ${user.userId} --all`);
    await cutOff('!confirm', request, 'carried out');
    await room.ana.outcomeOf(all, 'done');
    expect(await media.list(idOf(user))).toMatchObject({ total: 0 });
  });

  it.for([
    [1, 'carried out', 'done'],
    [1, 'lost', 'failed'],
    [2, 'carried out', 'partial'],
    [2, 'lost', 'failed'],
  ] as const)('delete-media looks which of %d named files are left: %s', async (given) => {
    const [files, how, status] = given;
    const user = await newUser();
    const uris: string[] = [];
    for (let at = 0; at < files; at += 1) {
      uris.push(await user.uploadMedia(new Uint8Array(5), 'text/plain'));
    }
    const asked = await room.ana.ask(`!delete-media ${uris.join(' ')}`);
    await cutOff('!confirm', ['DELETE', /\/v1\/media\//], how);
    const outcome = await room.ana.outcomeOf(asked, status);
    const left = how === 'lost' ? files : files - 1;
    expect(await media.list(idOf(user))).toMatchObject({ total: left });
    expect(outcome.body.includes('1 of 2 files still exists')).toBe(status === 'partial');
  });
});
