import { expect, it } from 'vitest';

import { Moderator } from '../../../dev/room/moderator.ts';
import { startApp } from '../../../src/app/app.ts';
import { createLog } from '../../../src/observability/log.ts';
import { act, always, headOf, onCommandLine, timing } from '../../support/audit-heads.ts';
import { asRoomId, newUser, uniqueLocalpart } from '../../support/homeserver.ts';
import { rewriteLog } from '../../support/rewrite-log.ts';
import { openRoom } from '../../support/room.ts';

it('heads in a room that the witness’s alias named before are told of, and still find a rewritten log', async () => {
  const auditor = await newUser('auditor');
  const alias = uniqueLocalpart('heads');
  const first = await auditor.createRoom({ preset: 'public_chat', room_alias_name: alias });
  const name = `#${alias}:${auditor.userId.split(':')[1] ?? ''}`;
  const room = await openRoom({ audit: { ...always, witness: name } }, { timing });
  try {
    await act(room);
    await headOf(room, 2);
    await expect
      .poll(async () => (await room.ana.ask('!audit verify')).body)
      .toMatch(/In the witness .*; the newest that fits has 2 rows/u);
    await room.stopBot();
    const second = await auditor.createRoom({ preset: 'public_chat' });
    const directory = `/_matrix/client/v3/directory/room/${encodeURIComponent(name)}`;
    await auditor.request('DELETE', directory);
    await auditor.request('PUT', directory, { json: { room_id: second } });
    await room.startBot();
    const told = await room.ana.until('the notice', () =>
      room.ana.unasked().find(({ body }) => body.includes('Older heads of the audit log')),
    );
    expect(told.body).toContain(`Former room: ${first}, up to 2 rows`);
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field.status).toBe('done');
    expect(verified.body).toMatch(/In the former room .*; the newest that fits has 2 rows/u);
    expect((await onCommandLine(room)).text).toMatch(/Former room .*: [12] heads? compared/u);
  } finally {
    await room.close();
  }
});

it('heads in a former management room find a log that was rewritten when the configuration changed', async () => {
  const room = await openRoom({ audit: always }, { timing });
  const log = await createLog({ level: 'silent', format: 'json' });
  try {
    await act(room);
    await headOf(room, 2);
    await room.stopBot();
    await rewriteLog(room.database, 1, '@eve:localhost');
    const other = await room.ana.user.createRoom({
      preset: 'private_chat',
      invite: [room.bot.userId],
    });
    const config = { ...room.config, managementRoom: asRoomId(other) };
    const there = await new Moderator(room.ana.user, other).look();
    const app = await startApp(config, log, { ...timing, greets: false });
    try {
      const alert = await there.until('the alert', () =>
        there.unasked().find(({ body }) => body.includes('The audit log was tampered with')),
      );
      expect(alert.body).toContain('from the head that I posted in a former room');
      expect(alert.body).toContain(`Former room: ${room.id}`);
    } finally {
      await app.stop();
      await there.lookAway();
    }
    const { status, text } = await onCommandLine(room, ['audit', 'verify'], config);
    expect(status).toBe(1);
    expect(text).toMatch(/row [12] is not the one that was anchored/u);
    expect(text).toMatch(/Former room .*: [12] heads? compared/u);
  } finally {
    await room.close();
  }
});
