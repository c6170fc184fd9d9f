import { randomInt } from 'node:crypto';

import type { MatrixEvent, MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { TestRoom } from './room.ts';

/** What the bot has told one person alone, the newest last, and who else could read it. */
export interface DirectTalk {
  readonly texts: readonly string[];
  readonly members: readonly string[];
}

/** Accepts the bot's invite, if there is one, and reads the direct room with it. */
export async function readDirectRoom(room: TestRoom, person: MatrixUser): Promise<DirectTalk> {
  // Synapse keeps answers to first syncs for a while: a filter of its own gets a fresh one.
  const filter = { room: { timeline: { limit: randomInt(1, 1000) } } };
  const { rooms } = await person.sync({ filter });
  for (const [id, { invite_state: state }] of Object.entries(rooms?.invite ?? {})) {
    if (state.events.some(({ sender }) => sender === room.bot.userId)) {
      await person.join(id);
    }
  }
  const joined = await person.request<{ joined_rooms: string[] }>(
    'GET',
    '/_matrix/client/v3/joined_rooms',
  );
  const texts: string[] = [];
  const members = new Set<string>();
  for (const id of joined.joined_rooms.filter((one) => one !== room.id)) {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(id)}`;
    const { joined } = await person.request<{ joined: Record<string, unknown> }>(
      'GET',
      `${path}/joined_members`,
    );
    if (!(room.bot.userId in joined)) {
      continue;
    }
    Object.keys(joined).forEach((member) => members.add(member));
    const { chunk } = await person.request<{ chunk: MatrixEvent[] }>('GET', `${path}/messages`, {
      query: { dir: 'b', limit: 50 },
    });
    texts.push(
      ...chunk
        .filter(({ type, sender }) => type === 'm.room.message' && sender === room.bot.userId)
        .map(({ content }) => String(content['body']))
        .reverse(),
    );
  }
  return { texts, members: [...members] };
}

/** Where a secret must not be: anything said in the room, and the database. */
export async function placesOtherThanDirect(room: TestRoom): Promise<string> {
  return JSON.stringify([room.ana.events, room.ben.events]) + (await room.database.dump());
}
