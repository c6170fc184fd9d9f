import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openStore } from '../../src/store/store.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-privacy-'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const now = Date.UTC(2026, 10, 27);

describe('docs/privacy.md', () => {
  it('has statements that delete what they should, and nothing else', async () => {
    const page = await readFile('docs/privacy.md', 'utf8');
    const statements = /```sql\n(.*?)```/su.exec(page)?.[1] ?? '';
    const file = path.join(folder, 'lawspeaker.db');
    const store = await openStore(file);
    const report = (reportId: number, sender: string, reporter: string) => ({
      kind: 'event' as const,
      reportId,
      receivedTs: now,
      subject: `$event${reportId}`,
      reporter,
      reason: 'a reason of the reporter',
      score: null,
      roomId: '!room:example.com',
      roomName: null,
      sender,
    });
    const [mallory, trudy] = ['@mallory:example.com', '@trudy:example.com'];
    const items = await store.transaction(async ({ auditLog, notes, reports, tags }) => {
      const intent = { actor: trudy, command: 'x', arguments: {}, eventId: '$e', roomId: '!r:x' };
      for (const subject of [mallory, trudy]) {
        const note = { subject, text: 'a note', author: trudy, at: now };
        await notes.add(note, '$e');
        await tags.add({ subject, name: 'tag', author: trudy, at: now, expiresAt: null }, '$e');
      }
      await auditLog.begin({ ...intent, target: mallory }, now);
      const how = { isBacklog: false, isQuiet: true };
      return [
        await reports.add(report(1, mallory, trudy), now, how),
        await reports.add(report(2, trudy, mallory), now, how),
        await reports.add(report(3, mallory, trudy), now, how),
      ].map((one) => one?.itemId ?? 0);
    });
    await store.close();

    const db = new Database(file);
    db.exec(`UPDATE report_items SET content = 'a reported text', note = 'a note'`);
    db.exec(`UPDATE report_items SET state = 'resolved' WHERE id < ${items[2] ?? 0}`);
    db.exec(statements);
    expect(
      db.prepare('SELECT sender, content, note, state FROM report_items ORDER BY id').all(),
    ).toEqual([
      { sender: mallory, content: null, note: null, state: 'resolved' },
      { sender: trudy, content: 'a reported text', note: 'a note', state: 'resolved' },
      { sender: mallory, content: 'a reported text', note: 'a note', state: 'open' },
    ]);
    expect(db.prepare('SELECT reporter, reason FROM reports ORDER BY report_id').all()).toEqual([
      { reporter: trudy, reason: 'a reason of the reporter' },
      { reporter: mallory, reason: null },
      { reporter: trudy, reason: 'a reason of the reporter' },
    ]);
    expect(db.prepare('SELECT subject FROM notes').all()).toEqual([{ subject: trudy }]);
    expect(db.prepare('SELECT subject FROM tags').all()).toEqual([{ subject: trudy }]);
    db.close();

    const after = await openStore(file);
    expect(await after.auditLog.verify()).toMatchObject({ count: 1, fault: undefined });
    expect(await after.reportItems.get(items[0] ?? 0)).toMatchObject({ content: null });
    await after.close();
  });
});
