import { afterAll, expect, test } from 'vitest';

import { sayUnreadable } from '../../../src/matrix/sync/unreadable.ts';
import { openFuzzBot, people, room } from '../../support/fuzz-bot.ts';

const bot = await openFuzzBot({ isCalm: true });
afterAll(async () => bot.store.close());

const locked = (id: string, sender: string) => ({
  type: 'm.room.encrypted',
  event_id: id,
  sender,
  origin_server_ts: bot.clock.now,
  content: { algorithm: 'm.megolm.v1.aes-sha2', session_id: 'x' },
});

test.each([
  ['m.unverified', 'sends keys to verified devices only', 'turn that off'],
  ['m.blacklisted', 'has blocked my device', 'unblock'],
  ['m.other', 'its key did not reach me', 'log out of that client'],
  [undefined, 'its key did not reach me', 'log out of that client'],
])('a key that is withheld as %s: the cause is named, and what to do', async (why, cause, mend) => {
  const event = locked(`$locked-${why}`, people.ben);
  await sayUnreadable(bot.context, room, [event], () => why);
  const [said] = await bot.store.outbox.open(event.event_id);
  expect(said?.message).toContain(cause);
  expect(said?.message).toContain(mend);
});

test('several are told in one message, each once, and nothing of those who are not in the room', async () => {
  const events = ['$one', '$two', '$three'].map((id) => locked(id, people.ben));
  const ask = async (...these: readonly object[]) => {
    const { sent } = await bot.run(async () =>
      sayUnreadable(bot.context, room, these, () => undefined),
    );
    return JSON.stringify(sent.map(({ outgoing }) => outgoing));
  };
  expect(await ask(...events.slice(0, 2))).toContain('I can’t read 2 messages');
  expect(await ask(...events)).toContain('I can’t read a message from Ben');
  expect(await ask(...events)).toBe('[]');
  expect(await ask(locked('$eve', people.eve))).toBe('[]');
});
