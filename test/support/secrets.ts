import { expect } from 'vitest';

import type { MatrixEvent, MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { uniqueLocalpart } from './homeserver.ts';
import type { TestRoom } from './room.ts';

/** What stands in a direct room, for somebody who is in it. */
export interface Direct {
  readonly id: string;
  readonly messages: readonly MatrixEvent[];
}

export const pathOf = (id: string) => `/_matrix/client/v3/rooms/${encodeURIComponent(id)}`;

export async function messagesIn(id: string, person: MatrixUser): Promise<MatrixEvent[]> {
  const { chunk } = await person.request<{ chunk: MatrixEvent[] }>(
    'GET',
    `${pathOf(id)}/messages`,
    {
      query: { dir: 'b', limit: 50 },
    },
  );
  return chunk.filter(
    ({ type, state_key }) => type === 'm.room.message' && state_key === undefined,
  );
}

/** The direct rooms of a person with the bot, the newest last. */
export async function directRoomsOf(
  person: MatrixUser,
  { id, bot }: Pick<TestRoom, 'id' | 'bot'>,
): Promise<Direct[]> {
  const { joined_rooms: joined } = await person.request<{ joined_rooms: string[] }>(
    'GET',
    '/_matrix/client/v3/joined_rooms',
  );
  const rooms: (Direct & { readonly at: number })[] = [];
  for (const one of joined.filter((other) => other !== id)) {
    const state = await person.request<MatrixEvent[]>('GET', `${pathOf(one)}/state`);
    const create = state.find(({ type }) => type === 'm.room.create');
    if (create?.sender === bot.userId) {
      rooms.push({
        id: one,
        messages: await messagesIn(one, person),
        at: create.origin_server_ts,
      });
    }
  }
  return rooms.toSorted((a, b) => a.at - b.at);
}

/** Has the bot tell somebody a secret; returns their newest direct room with the bot. */
export async function tellSecret(person: TestRoom['ben'], inRoom: TestRoom): Promise<Direct> {
  const answer = await person.ask(`!create-user ${uniqueLocalpart('alice')}`);
  expect(answer.field.status).toBe('done');
  const direct = (await directRoomsOf(person.user, inRoom)).at(-1);
  return direct ?? expect.unreachable();
}

export const bodyOf = (event: MatrixEvent | undefined) => String(event?.content['body']);
export const secretIn = ({ messages }: Direct) =>
  bodyOf(messages[0]).split('\n')[1] ?? expect.unreachable();

/** Resolves when the newest message of a direct room is redacted. */
export async function redacted({ id, messages }: Direct, person: MatrixUser): Promise<void> {
  const event = messages[0]?.event_id ?? expect.unreachable();
  const filter = { room: { rooms: [id], timeline: { limit: 20 } } };
  let since: string | undefined;
  for (const endAt = Date.now() + 25_000; Date.now() < endAt;) {
    const now = await messagesIn(id, person);
    if (now.some((one) => one.event_id === event && one.content['body'] === undefined)) {
      return;
    }
    since = (await person.sync({ since, filter, timeoutMs: since === undefined ? 0 : 2000 }))
      .next_batch;
  }
  throw new Error('the secret was not redacted');
}
