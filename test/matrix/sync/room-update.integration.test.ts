import { expect, it } from 'vitest';

import { openRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';

it('what an absence left out beyond a bound is told in the room, and the bot goes on', async () => {
  let isAway = false;
  let pages = 0;
  await using standIn = await startStandIn(({ path, query }) => {
    const since = query.get('since');
    if (path.endsWith('/sync') && since !== null && isAway) {
      isAway = false;
      const timeline = { limited: true, prev_batch: 'endless', events: [] };
      return { next_batch: since, rooms: { join: { [room.id]: { timeline } } } };
    }
    if (path.endsWith('/messages') && query.get('from')?.startsWith('endless') === true) {
      pages += 1;
      const chunk = Array.from({ length: 100 }, (_, at) => ({ event_id: `$${pages}-${at}` }));
      return { chunk, end: `endless ${pages}` };
    }
    return undefined;
  });
  const room = await openRoom(
    { homeserver: { url: standIn.url } },
    { timing: { longPollMs: 200 } },
  );
  try {
    const { ana } = room;
    expect((await ana.ask('!version')).field.status).toBe('done');
    isAway = true;
    const told = await ana.until('the gap', () =>
      ana.unasked().find(({ body }) => body.includes('I could not read everything that was sent')),
    );
    expect(pages).toBe(50);
    expect(told.content['m.mentions']).toEqual({ user_ids: [ana.user.userId] });
    expect((await ana.ask('!version')).field.status).toBe('done');
  } finally {
    await room.close();
  }
});
