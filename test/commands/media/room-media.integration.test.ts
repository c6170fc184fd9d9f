import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

describe('room-media', () => {
  it('lists the files in a room, of this server and of others', async () => {
    const mallory = await newUser('mallory');
    const id = await newRoom(mallory, { preset: 'public_chat', name: 'Pictures' });
    const empty = await room.ben.ask(`!room-media ${id}`);
    expect(empty.body).toContain('No unencrypted message in Pictures');
    const own = await mallory.uploadMedia(new Uint8Array(9), 'image/png', 'evil.png');
    for (const url of [own, 'mxc://remote.example/other', 'https://example.com/no.png', own]) {
      await mallory.send(id, 'm.room.message', { msgtype: 'm.image', body: 'a picture', url });
    }

    const found = await room.ben.ask(`!room-media ${id}`);
    expect(found.field.data).toMatchObject({ total: 2 });
    expect(found.body).toContain('2 files in Pictures');
    expect(found.body).toContain(`evil.png ${own}`);
    expect(found.body).toContain('image/png, 9 bytes');
    expect(found.body).toMatch(/mxc:\/\/remote\.example\/other +not on this server/u);
    const file = await room.ben.ask(`!room-media ${id} --format csv`);
    expect(file.body).toContain('2 rows in room-media.csv');
  });

  it('is for moderators, and names rooms that are not there', async () => {
    const id = await newRoom(await newUser());
    expect((await room.vic.ask(`!room-media ${id}`)).field.status).toBe('denied');
    const unknown = await room.ben.ask('!room-media !nowhere:localhost');
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_room' } });
    const wrong = await room.ben.ask('!room-media lobby');
    expect(wrong.field.status).toBe('usage');
    const user = adminApi((await newUser()).account.accessToken);
    await expect(user.media.inRoom(id)).rejects.toMatchObject({ status: 403 });
  });
});

describe('quarantine-changes', () => {
  it('lists what was quarantined and released, the newest first', async () => {
    const mallory = await newUser('mallory');
    const uri = await mallory.uploadMedia(new TextEncoder().encode(mallory.userId), 'text/plain');
    await room.ben.ask(`!quarantine ${uri}`);
    await room.ben.ask(`!unquarantine ${uri}`);
    const changes = await room.vic.ask('!quarantine-changes');
    const { rows } = changes.field.data as {
      rows: { media_id: string; quarantined: boolean }[];
    };
    const own = rows.filter(({ media_id: id }) => uri.endsWith(id));
    expect(own.map(({ quarantined }) => quarantined)).toEqual([false, true]);
    expect(changes.body).toMatch(new RegExp(`${uri} +released`, 'u'));
    const wrong = await room.vic.ask('!quarantine-changes --from newest');
    expect(wrong.field.status).toBe('usage');
    const user = adminApi((await newUser()).account.accessToken);
    await expect(Array.fromAsync(user.media.quarantineChanges())).rejects.toMatchObject({
      status: 403,
    });
  });
});
