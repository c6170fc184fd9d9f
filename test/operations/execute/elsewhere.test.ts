import { afterEach, beforeEach, expect, test } from 'vitest';

import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { replyContent } from '../../../src/matrix/delivery/content.ts';
import { createMediaService } from '../../../src/services/media/media-service.ts';
import { people } from '../../support/fuzz-bot.ts';
import { sayTo } from '../../support/lock-server.ts';
import { openTwoHomeservers } from '../../support/two-homeservers.ts';

const file = 'mxc://third.example/abcdef';

let both: Awaited<ReturnType<typeof openTwoHomeservers>>;
let calls: string[];
beforeEach(async () => {
  both = await openTwoHomeservers();
  calls = [];
  const { services } = both.server.bot.context;
  Object.assign(services, { media: mediaOf('localhost') });
  both.servicesThere = {
    media: mediaOf('two.example'),
    registrationTokens: { ...services.registrationTokens, find: async () => undefined },
  };
});
afterEach(async () => both.server.bot.store.close());

/** A homeserver that has a copy of the file. */
function mediaOf(server: string) {
  let by: string | null = null;
  const media = {
    find: async () => ({
      mediaOrigin: 'third.example',
      mediaId: 'abcdef',
      userId: null,
      mediaType: 'image/png',
      mediaLength: 70,
      uploadName: null,
      createdTs: 1e12,
      lastAccessTs: null,
      quarantinedBy: by,
      safeFromQuarantine: false,
      urlCache: null,
      sha256: null,
    }),
    async quarantine() {
      calls.push(`quarantine on ${server}`);
      by = '@bot:localhost';
    },
    async unquarantine() {
      calls.push(`release on ${server}`);
      by = null;
    },
  };
  return createMediaService({ media } as unknown as AdminApi, server);
}

async function say(body: string): Promise<string> {
  const [answer] = await sayTo(both.server, body);
  return answer !== undefined && 'reply' in answer
    ? String(replyContent(answer.reply, answer.origin, '!')['body'])
    : '';
}

test('a copy that is quarantined on one homeserver is released there again', async () => {
  expect(await say(`!quarantine ${file} --on two.example`)).toContain('on two.example');
  expect(await say('!undo last')).toContain('No longer quarantined');
  await say(`!quarantine ${file} --on two.example --for 1h`);
  expect(await say('!jobs')).toContain(`!unquarantine ${file} --on=two.example`);
  expect(calls).toEqual([
    'quarantine on two.example',
    'release on two.example',
    'quarantine on two.example',
  ]);
});

test('a refusal says where something was looked for, and its commands are about the same place', async () => {
  for (const line of ['!token nope --on two.example', '!delete-token nope --on two.example']) {
    const text = await say(line);
    expect(text).toContain('See !tokens --on two.example.');
    expect(text).toMatch(/^Homeserver: two\.example$/mu);
  }
});

test('a homeserver that is slow to be read holds up the same person for two seconds, and no longer', async () => {
  const { bot } = both.server;
  const { promise: answer, resolve } = Promise.withResolvers<string>();
  const { services } = bot.context;
  both.servicesThere = { server: { ...services.server, version: async () => answer } };
  const typed = (event: string, body: string) => ({
    type: 'm.room.message',
    event_id: event,
    sender: people.ben,
    origin_server_ts: bot.clock.now,
    content: { msgtype: 'm.text', body },
  });
  const taken = bot.take([typed('$slow', '!version --on two.example'), typed('$next', '!pending')]);
  const answered = async () => (await bot.store.outbox.open()).map(({ eventId }) => eventId);
  await expect.poll(answered, { timeout: 10_000 }).toEqual(['$next']);
  resolve('1.2.3');
  const { sent } = await taken;
  expect(sent.map(({ outgoing }) => outgoing.origin.event)).toEqual(['$next', '$slow']);
});

test('a name without a server is one of the first homeserver, whoever is asked about', async () => {
  await say('!lock @u1:two.example');
  expect(await say('!audit --target @u1:two.example')).toContain('lock @u1:two.example · @ben now');
});
