import { expect, test } from 'vitest';

import { reportIntrusion } from '../../../src/operations/answer/alarms.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

test.each([
  [true, 'I removed the secret'],
  [false, 'I couldn’t remove yet'],
])(
  'a stranger beside a secret (removed: %s) is told to the admins, and to whom the secret was for',
  async (isRemoved, words) => {
    const bot = await openFuzzBot({ isCalm: true });
    const { sent } = await bot.run(async () =>
      reportIntrusion(bot.context, {
        room: asRoomId('!direct:localhost'),
        user: asUserId(people.ben),
        others: ['@carol:localhost'],
        isRemoved,
      }),
    );
    const [alert] = sent.map(({ outgoing }) => outgoing);
    expect(alert).toMatchObject({ kind: 'alert', mentions: [people.ben, people.ana] });
    const told = JSON.stringify(alert?.kind === 'alert' && alert.reply);
    expect(told).toContain('Ben (@ben:localhost)');
    expect(told).toContain('@carol:localhost');
    expect(told).toContain(words);
    expect(told).not.toContain('!direct:localhost');
    await bot.store.close();
  },
);
