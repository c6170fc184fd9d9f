import { describe, expect, test } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import {
  DeniedError,
  HomeserverError,
  ProtectedError,
  UnreachableError,
} from '../../../src/core/errors.ts';
import { refusalReply } from '../../../src/operations/answer/refusal.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';

const registry = createRegistry(await loadCommands());
const context = { registry, settings: { prefix: '!' } };

describe.each([
  ['a refusal by the homeserver', new HomeserverError(500, 'M_UNKNOWN', 'GET /x', 'broken')],
  ['a homeserver that is away', new UnreachableError('GET /x', 'did not answer', true)],
  ['a role that is too low', new DeniedError('you need to be a moderator')],
  ['protection', new ProtectedError('@ana:localhost is a server admin')],
  ['an error in the bot', new TypeError('x is not a function')],
])('%s', (_, error) => {
  const textOf = (...given: Parameters<typeof refusalReply>) =>
    JSON.stringify(refusalReply(...given).answer);

  test('leaves everything as it was, which the answer to a change says', () => {
    expect(textOf(context, 'suspend', error)).toContain('Nothing was changed.');
    expect(textOf(context, 'ratelimit', error, [], 'change')).toContain('Nothing was changed.');
  });

  test('is no news about changes to somebody who only asked', () => {
    expect(textOf(context, 'media', error)).not.toContain('changed');
    // A command that changes something with some flags, typed without them.
    expect(textOf(context, 'ratelimit', error, [], 'read')).not.toContain('changed');
  });
});

test.each(['!edit-token', '!delete-token'])(
  'whoever may not use %s is told so, also without a token',
  async (body) => {
    const bot = await openFuzzBot({ isCalm: true });
    const { sent } = await bot.take([
      {
        type: 'm.room.message',
        event_id: '$command',
        sender: people.vic,
        origin_server_ts: bot.clock.now,
        content: { msgtype: 'm.text', body },
      },
    ]);
    expect(sent).toMatchObject([{ outgoing: { reply: { status: 'denied' } } }]);
    await bot.store.close();
  },
);
