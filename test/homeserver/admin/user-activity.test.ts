import { expect, test } from 'vitest';

import { parseUserId } from '../../../src/core/ids.ts';
import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { answer, startFaultyServer } from '../../support/faulty-server.ts';

const mallory = parseUserId('@mallory:localhost') ?? expect.unreachable();

test('memberships include rooms whose IDs break the rules, and one that can’t be read hides no other', async () => {
  const long = `!${'x'.repeat(300)}:remote.example`;
  await using server = await startFaultyServer(
    answer(200, {
      memberships: {
        '!den:localhost': 'join',
        '!a b:remote.example': 'ban',
        '!odd:remote.example:x': 'leave',
        [long]: 'leave',
        'no room': 'join',
        '!null:localhost': null,
      },
    }),
  );
  const { users } = createAdminApi({ url: server.url, accessToken: 'token' });
  expect(await users.memberships(mallory)).toEqual([
    { roomId: '!den:localhost', membership: 'join' },
    { roomId: '!a b:remote.example', membership: 'ban' },
    { roomId: '!odd:remote.example:x', membership: 'leave' },
    { roomId: long, membership: 'leave' },
  ]);
});
