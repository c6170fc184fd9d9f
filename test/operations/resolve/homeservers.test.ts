import { afterEach, beforeEach, expect, test } from 'vitest';

import { people } from '../../support/fuzz-bot.ts';
import { openTwoHomeservers, there } from '../../support/two-homeservers.ts';

let both: Awaited<ReturnType<typeof openTwoHomeservers>>;
beforeEach(async () => {
  both = await openTwoHomeservers();
});
afterEach(async () => both.server.bot.store.close());

test.each([false, true])(
  'nobody can override the protection of the bot’s account on another homeserver; away: %s',
  async (isAway) => {
    both.isTwoAway = isAway;
    const { bot } = both.server;
    const account = `@lawspeaker:${there}`;
    Object.assign(bot.context.roles, {
      isBot: (user: string) => user === account,
      protection: ({ name }: { readonly name: string }) =>
        name === account ? 'is this bot itself' : undefined,
    });
    const { sent, changes } = await bot.take([
      {
        type: 'm.room.message',
        event_id: '$lock',
        sender: people.ana,
        origin_server_ts: bot.clock.now,
        content: { msgtype: 'm.text', body: `!lock ${account} --override-protection` },
      },
    ]);
    expect(JSON.stringify(sent)).toContain('is this bot itself');
    expect(changes).toEqual([]);
  },
);
