import { afterAll, expect, test } from 'vitest';

import { sayUnreadable } from '../../../src/matrix/sync/unreadable.ts';
import { openFuzzHouse, people, room } from '../../support/fuzz-house.ts';

const bot = await openFuzzHouse({ isCalm: true });
afterAll(async () => bot.store.close());

test.each([
  ['m.unverified', 'sends keys to verified devices only', 'turn that off'],
  ['m.blacklisted', 'has blocked my device', 'unblock'],
  ['m.other', 'the key to it did not reach me', 'log out of that client'],
  [undefined, 'the key to it did not reach me', 'log out of that client'],
])('a key that is withheld as %s: the cause is named, and what to do', async (why, cause, mend) => {
  const event = {
    type: 'm.room.encrypted',
    event_id: `$locked-${why}`,
    sender: people.ben,
    origin_server_ts: bot.clock.now,
    content: { algorithm: 'm.megolm.v1.aes-sha2', session_id: 'x' },
  };
  await sayUnreadable(bot.house, room, [event], () => why);
  const [said] = await bot.store.outbox.open(event.event_id);
  expect(said?.message).toContain(cause);
  expect(said?.message).toContain(mend);
});
