import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  act,
  always,
  headOf,
  heads,
  onCommandLine,
  once,
  timing,
} from '../../support/audit-heads.ts';
import { newUser } from '../../support/homeserver.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { rewriteLog } from '../../support/rewrite-log.ts';
import { openRoom } from '../../support/room.ts';

describe('a witness', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-witness-'));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('that is a file has the heads, and finds a rewritten log alone', async () => {
    const file = path.join(folder, 'heads.jsonl');
    const room = await openRoom({ audit: { ...always, witness: file } }, { timing });
    try {
      await act(room);
      await act(room);
      const { head } = await headOf(room, 4);
      await expect.poll(async () => readFile(file, 'utf8')).toContain(`"count":4,"head":"${head}"`);
      const verified = await room.ana.ask('!audit verify');
      expect(verified.field.status).toBe('done');
      expect(verified.body).toContain(`In the witness ${file}: `);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const checked = await onCommandLine(room, ['check-config']);
      expect(checked.text).toContain(`audit.witness: ${file} is writable`);
      await room.stopBot();
      await rewriteLog(room.database, 3, '@eve:localhost');
      const { status, text } = await onCommandLine(room, ['audit', 'verify', '--offline']);
      expect(status).toBe(1);
      expect(text).toMatch(/row [34] is not the one that was anchored/u);
      expect(text).toContain(`Witness file ${file}: `);
    } finally {
      await room.close();
    }
  });

  it('that is a room is joined, has the heads, and finds a rewritten log alone', async () => {
    const auditor = await newUser('auditor');
    const witness = await auditor.createRoom({ preset: 'public_chat' });
    const room = await openRoom({ audit: { ...always, witness } }, { timing });
    try {
      await act(room);
      await act(room);
      const { head } = await headOf(room, 4);
      let syncs = 0;
      const said = async () => {
        syncs += 1;
        // Synapse gives the same answer again to a first sync with the same timeout.
        const { rooms } = await auditor.sync({ timeoutMs: syncs });
        const events = rooms?.join?.[witness]?.timeline.events ?? [];
        return events.map(({ content }) => String(content['body']));
      };
      await expect.poll(said).toContain(`Audit log: 4 rows, head ${head}`);
      expect((await room.ana.ask('!audit verify')).body).toContain(`In the witness ${witness}: `);
      await room.stopBot();
      await rewriteLog(room.database, 3, '@eve:localhost');
      // The heads in the management room are gone.
      for (const { event } of heads(room)) {
        await room.ana.user.redact(room.id, event);
      }
      for (const { type, event_id: event, content } of room.ana.events) {
        if (type === 'm.room.message' && String(content['body']).includes('Audit log: ')) {
          await room.ana.user.redact(room.id, event);
        }
      }
      const { status, text } = await onCommandLine(room);
      expect(status).toBe(1);
      expect(text).toMatch(/row [34] is not the one that was anchored/u);
      expect(text).toContain(`Witness room ${witness}: `);
      const checked = await onCommandLine(room, ['check-config']);
      expect(checked.text).toContain(`audit.witness: ${witness} joined`);
    } finally {
      await room.close();
    }
  });

  it('that is a room without the bot is told by check-config', async () => {
    const witness = await (await newUser('auditor')).createRoom({ preset: 'private_chat' });
    const room = await openRoom({ audit: { ...once, witness } });
    try {
      const { status, text } = await onCommandLine(room, ['check-config']);
      expect(status).toBe(2);
      expect(text).toContain(`can’t join ${witness} (M_FORBIDDEN)`);
      const same = { ...room.config, audit: { ...room.config.audit, witness: room.id } };
      const other = await onCommandLine(room, ['check-config'], same);
      expect(other.text).toContain(`audit.witness: ${room.id} is the management room`);
    } finally {
      await room.close();
    }
  });

  it('that can’t be used is told in the room and by check-config', async () => {
    const file = path.join(folder, 'missing', 'heads.jsonl');
    const room = await openRoom({ audit: { ...always, witness: file } }, { timing });
    try {
      await act(room);
      const alert = await room.ana.until('the alert', () =>
        room.ana.unasked().find(({ body }) => body.includes('The witness of the audit log fails')),
      );
      expect(await highlightsOf(room.ana.user)).toEqual([alert.event]);
      const checked = await onCommandLine(room, ['check-config']);
      expect(checked.status).toBe(2);
      expect(checked.text).toContain(`audit.witness: the folder of ${file} does not exist`);
    } finally {
      await room.close();
    }
  });
});
