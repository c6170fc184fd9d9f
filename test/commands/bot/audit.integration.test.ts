import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fileBehind } from '../../support/file-behind.ts';
import { newRoom, newUser } from '../../support/homeserver.ts';
import { openReportStore } from '../../support/report-store.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
let mallory: string;
let place: string;
beforeAll(async () => {
  room = await openRoom({
    reports: {
      rules: [{ name: 'newcomers', when: { senderAccountAge: { atMost: '1d' } }, then: ['claim'] }],
    },
  });
  const user = await newUser('mallory');
  mallory = user.userId;
  place = await newRoom(user);
  await room.ben.ask(`!shadow-ban ${mallory} --reason '=HYPERLINK("https://evil.example")'`);
  await room.ben.ask(`!unshadow-ban ${mallory}`);
  await room.ben.ask(`!block-room ${place} --reason "line, with “quotes”"`);
  await room.vic.ask(`!shadow-ban ${mallory}`);
});
afterAll(async () => room.close());

describe('audit', () => {
  it('finds what was done to a room, and what a rule did', async () => {
    const ofRoom = await room.ben.ask(`!audit --target ${place}`);
    expect(ofRoom.field.data).toMatchObject([{ command: 'block-room', target: place }]);
    await using queue = await openReportStore(room.databaseFile);
    await queue.store.transaction(async ({ auditLog }) => {
      const id = await auditLog.begin(
        {
          actor: 'rule:fresh',
          command: 'suspend',
          arguments: {},
          target: '@eve:x',
          eventId: '$e',
          roomId: room.id,
        },
        Date.now(),
      );
      await auditLog.finish(id, { status: 'done' }, Date.now());
    });
    const ofRule = await room.ben.ask('!audit --rule fresh');
    expect(ofRule.field.data).toMatchObject([{ command: 'suspend', actor: 'rule:fresh' }]);
  });

  it('offers the next page only if there is one', async () => {
    const first = await room.ben.ask(`!audit --target ${mallory} --limit 2`);
    expect(first.body).toContain('2 entries, newest first; there are more');
    expect(first.body).toContain('!more');
    const last = await room.ben.ask('!more');
    expect(last.body).toContain('1 entry, newest first');
    const whole = await room.ben.ask(`!audit --target ${mallory} --limit 3`);
    expect(whole.body).toContain('3 entries, newest first');
    expect(whole.body).not.toContain('!more');
  });

  it('guesses what a command or rule that does not exist stands for', async () => {
    const command = await room.ben.ask('!audit --command shadowban --status done');
    expect(command.body).toContain('There is no command !shadowban. Did you mean shadow-ban?');
    const prefixed = await room.ben.ask('!audit --command !block-room');
    expect(prefixed.field.data).toMatchObject([{ command: 'block-room' }]);
    const mistyped = await room.ben.ask('!audit --command !shadowban --status done');
    expect(mistyped.body).toContain('There is no command !shadowban. Did you mean');
    const begun = await room.ben.ask('!audit --status fail');
    expect(begun.body).toContain('Did you mean failed?');
    const rule = await room.ben.ask('!audit --rule newcommers');
    expect(rule.body).toContain('There is no rule newcommers now. Did you mean newcomers?');
    const status = await room.ben.ask('!audit --status don');
    expect(status.body).toContain('Did you mean done?');
    expect(status.body).toContain('\nUsage: !audit … [[--status] done|failed|');
    expect(status.body).toContain('|open] … (all: !help audit)');
    expect(status.body).not.toContain('--since');
  });

  it('shows one entry by its number, with # or without', async () => {
    for (const number of ['1', '#1']) {
      const answer = await room.ben.ask(`!audit ${number}`);
      expect(answer.field).toMatchObject({ status: 'done', data: { id: 1, target: mallory } });
    }
    // The row behind an entry is its outcome.
    const outcome = await room.ben.ask('!audit 2');
    expect(outcome.body).toContain('#2 is the outcome of #1');
    expect(outcome.field).toMatchObject({ status: 'done', data: { id: 1, target: mallory } });
    expect((await room.ben.ask('!audit 4000')).body).toContain('there is no audit entry #4000');
  });

  it('leads to the next page with the same filters', async () => {
    const first = await room.ben.ask(`!audit --target ${mallory} --limit 2`);
    expect(first.field.data).toMatchObject([{ status: 'denied' }, { command: 'unshadow-ban' }]);
    expect(first.body).toContain('!more');
    // One line for each, also on a phone: who is of this server is shown without it.
    expect(first.body).toMatch(
      /\n- #\d+ ❌ \S+ @mallory\S* \(denied\) · @\S+ (?:now|\d+s)\n- #\d+ ✅ /u,
    );
    const more = await room.ben.ask('!more');
    expect(more.field.data).toMatchObject([{ command: 'shadow-ban', target: mallory }]);
    expect(more.body).not.toContain('!more');
  });

  it('finds words, with other filters and page by page', async () => {
    const quoted = await room.ben.ask(`!audit --text '"with “quotes”" LINE'`);
    expect(quoted.field.data).toMatchObject([{ command: 'block-room', target: place }]);
    const [localpart = ''] = mallory.slice(1).split(':');
    for (const text of [mallory, localpart, `${localpart.slice(0, -1)}*`]) {
      const found = await room.ben.ask(`!audit --text ${text} --command shadow-ban --limit 1`);
      expect([text, found.field.data]).toMatchObject([
        text,
        [{ status: 'denied', target: mallory }],
      ]);
      const more = await room.ben.ask('!more');
      expect(more.field.data).toMatchObject([{ status: 'done', target: mallory }]);
    }
    const none = await room.ben.ask(`!audit --text "${localpart} quotes"`);
    expect(none.body).toContain('No matching entries');
    expect(none.body).not.toContain('as words');
    const operators = await room.ben.ask(`!audit --text "${localpart} OR quotes"`);
    expect(operators.body).toContain('No matching entries');
    expect(operators.body).toContain('AND, OR, NOT and NEAR are searched for as words');
    const wordless = await room.ben.ask('!audit --text "🚨 …"');
    expect(wordless.field.status).toBe('usage');
    expect(wordless.body).toContain('The search has no words');
  });

  it('finds what was done to a user in a room by the room, and in its history', async () => {
    const nora = await newUser('nora');
    await room.ana.ask(`!kick ${nora.userId} ${place} --reason flooding`);
    const ofRoom = await room.ben.ask(`!audit --target ${place} --limit 1`);
    expect(ofRoom.field.data).toMatchObject([{ command: 'kick', target: nora.userId }]);
    expect((await room.ben.ask(`!history ${place}`)).body).toContain('flooding');
  });

  it('refuses what can’t be meant, and shows viewers nothing', async () => {
    for (const wrong of ['0', 'exprot', '--limit 101', '--format csv', 'export --before 3']) {
      const answer = await room.ben.ask(`!audit ${wrong}`);
      expect([wrong, answer.field.status]).toEqual([wrong, 'usage']);
    }
    expect((await room.vic.ask('!audit export')).field.status).toBe('denied');
  });
});

describe('audit export', () => {
  it('sends all that fits as lines of JSON, oldest first', async () => {
    const answer = await room.ben.ask(`!audit export --target ${mallory}`);
    expect(answer.body).toContain('3 entries, oldest first, in audit.jsonl');
    const lines = (await fileBehind(room.ben, 'audit.jsonl')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      {
        id: 1,
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u),
        status: 'done',
        command: 'shadow-ban',
        target: mallory,
        actor: room.ben.user.userId,
        confirmer: null,
        reason: '=HYPERLINK("https://evil.example")',
        room_id: room.id,
      },
      { command: 'unshadow-ban' },
      { command: 'shadow-ban', status: 'denied', actor: room.vic.user.userId },
    ]);
  });

  it('sends a table that a spreadsheet can open without running anything', async () => {
    const answer = await room.ben.ask(`!audit export --by ${room.ben.user.userId} --format csv`);
    expect(answer.body).toContain('3 entries, oldest first, in audit.csv');
    const text = await fileBehind(room.ben, 'audit.csv');
    const [head, first] = text.split('\n');
    expect(head).toBe(
      'id,at,status,command,target,actor,confirmer,reason,ended_at,arguments,detail,report_item,room_id,event_id',
    );
    expect(first).toContain(`"'=HYPERLINK(""https://evil.example"")"`);
    expect(text).toContain('"line, with “quotes”"');
  });

  it('takes the first of many where a limit is given, and says when nothing fits', async () => {
    const one = await room.ben.ask('!audit export --limit 1');
    expect(one.body).toContain('1 entry, oldest first');
    const none = await room.ben.ask('!audit export --target @nobody:x');
    expect(none.field).toMatchObject({ status: 'done', data: { total: 0 } });
    expect(none.body).toContain('there is no file');
  });
});
