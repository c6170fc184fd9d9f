import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { fileBehind } from '../../support/file-behind.ts';
import { asUserId, newRoom } from '../../support/homeserver.ts';
import { cardOf, startReportServer } from '../../support/report-room.ts';
import type { ReportServer } from '../../support/report-room.ts';
import type { TestRoom } from '../../support/room.ts';

let server: ReportServer;
let room: TestRoom;
let lobby: string;
beforeAll(async () => {
  server = await startReportServer(2);
  lobby = await server.lobby(...server.elders);
  room = await server.openRoom({
    reports: {
      maxCardsPerMinute: 1000,
      rules: [
        {
          name: 'known-spammers',
          when: {
            tags: { anyOf: ['known-spammer'], noneOf: ['second-chance'] },
            distinctReporters: { atLeast: 2 },
          },
          then: ['shadow-ban {sender}'],
          mode: 'act',
        },
        {
          name: 'quiet-rooms',
          when: { roomTags: { anyOf: ['quiet'] } },
          then: ['tag {sender} loud --for 1d'],
          mode: 'propose',
        },
        { name: 'call-us', when: { tags: { anyOf: ['vip'] } }, then: [], alert: true },
      ],
    },
  });
});
afterAll(async () => {
  await room.close();
  await server.stop();
});

const stranger = '@mallory:elsewhere.example';

/** Somebody says something, and two others report it. */
async function reported(spammer: MatrixUser): Promise<string> {
  await spammer.join(lobby);
  const event = await spammer.sendText(lobby, 'cheap pills');
  for (const elder of server.elders) {
    await elder.reportEvent(lobby, event, { reason: 'spam' });
  }
  return event;
}

const undo = async (audit: readonly number[]) => room.ben.ask(`!undo ${audit[0]}`);

describe('notes', () => {
  it('are kept byte for byte as they were typed after the user', async () => {
    const { userId: user } = await server.newUser('mallory');
    const text = 'says "no"  – and — “never”\n\n\n- used --force, don’t ask - ever';
    const note = await room.ben.ask(`!note --reason "for the  record" ${user}\t ${text}  \n`);
    expect(note.field.data).toMatchObject({ text });
    const { id } = note.field.data as { id: number };
    const audited = await room.ben.ask(`!audit ${note.field.audit[0]}`);
    expect(audited.body).toContain('for the  record');
    expect(audited.field.data).toMatchObject({ arguments: { text } });
    // Also once it is removed and restored.
    await undo(note.field.audit);
    await room.ben.ask(`!restore-note ${user} ${id}`);
    expect((await room.vic.ask(`!notes ${user}`)).field.data).toMatchObject({ rows: [{ text }] });

    const meant = await room.ben.ask(`!note ${user} was warned --dry-run`);
    expect(meant.field.status).toBe('usage');
    expect(meant.body).toContain('--dry-run stands in the text, where flags are not read');
    expect(meant.body).toContain('!note --dry-run TARGET TEXT');
    expect((await room.vic.ask(`!notes ${user}`)).field.data).toMatchObject({ total: 1 });
    const kept = await room.ben.ask(`!note -- ${user} was warned --dry-run`);
    expect(kept.field.data).toMatchObject({ text: 'was warned --dry-run' });

    const dryRun = await room.ben.ask(`!note --dry-run ${user} - "quoted" -- and more`);
    expect(dryRun.field.status).toBe('dry_run');
    const [again = ''] = /!note -- .*/u.exec(dryRun.body) ?? [];
    const copied = await room.ben.ask(again);
    expect(copied.field.data).toMatchObject({ text: '- "quoted" -- and more' });
    // Its line breaks would be lost in a copy.
    const long = await room.ben.ask(`!note --dry-run ${user} one\ntwo`);
    expect(long.body).toContain('one␤two');
    expect(long.body).not.toContain('Next:');
  });

  it('leave nothing in the record if somebody mistypes what is not there', async () => {
    const { userId: user } = await server.newUser('mallory');
    await room.ben.ask(`!tag ${user} known-spammer`);
    for (const typed of [
      `!untag ${user} known-spamer`,
      `!remove-note ${user} 4000`,
      `!restore-note ${user} 4000`,
      '!note nobody-here was warned',
      `!tag ${user} late --until 2020-01-01`,
    ]) {
      const answer = await room.ben.ask(typed);
      expect(answer.field).toMatchObject({ status: 'failed', audit: [] });
    }
    const mistyped = await room.ben.ask(`!untag ${user} known-spamer`);
    expect(mistyped.body).toContain('Did you mean known-spammer?');
    const history = await room.vic.ask(`!history ${user}`);
    expect(history.field.data).toMatchObject({ total: 1, rows: [{ command: 'tag' }] });
    // What is to be done later may be there by then.
    const later = await room.ben.ask(`!untag ${user} second-chance --in 2h`);
    expect(later.field.status).toBe('pending');
    const { id } = later.field.operation as { id: number };
    await room.ben.ask(`!stop-job ${id}`);
  });

  it('offer to be taken back', async () => {
    const { userId: user } = await server.newUser('mallory');
    const capital = await room.ben.ask(`!note ${user.replace('@m', 'M').split(':')[0]} was warned`);
    expect(capital.field.status).toBe('failed');
    expect(capital.body).toContain(`Did you mean ${user}?`);
    const note = await room.ben.ask(`!note ${user} was warned`);
    const { id } = note.field.data as { id: number };
    expect(note.body).toContain(`Next: !remove-note ${user} ${id}`);
    const removed = await room.ben.ask(`!remove-note ${user} ${id}`);
    expect(removed.body).toContain(`Next: !restore-note ${user} ${id}`);
    const history = await room.vic.ask(`!history ${user}`);
    expect(history.body).toContain('never reported, no actions, 2 changes of notes and tags');
  });

  it('are marked in the history once they are removed', async () => {
    const { userId: user } = await server.newUser('mallory');
    const note = await room.ben.ask(`!note ${user} was warned`);
    const other = await room.ben.ask(`!note ${user} was warned again`);
    const removed = await undo(note.field.audit);
    const { id } = note.field.data as { id: number };
    const history = await room.vic.ask(`!history ${user}`);
    expect(history.body).toContain('note “was warned” (removed) by');
    expect(history.body).toContain('note “was warned again” by');
    expect(history.body).toContain(`remove-note ${id} by`);
    expect(history.field.data).toMatchObject({
      rows: [{ command: 'remove-note' }, { command: 'note' }, { command: 'note', removed: true }],
    });
    await undo(removed.field.audit);
    await undo(other.field.audit);
    const restored = await room.vic.ask(`!history ${user}`);
    expect(restored.body).toContain('note “was warned” by');
    expect(restored.body).toContain('note “was warned again” (removed) by');
  });

  it('are written with their line breaks, read by everybody in the room, removed and restored', async () => {
    const mallory = await server.newUser('mallory');
    const user = mallory.userId;
    const note = await room.ben.ask(
      `!note ${user} warned by phone\nsays  it is sorry\n\n\nsecond try`,
    );
    expect(note.body).toContain(`about ${user}\n“warned by phone␤says  it is sorry␤␤␤second try”`);
    expect(note.field.data).toMatchObject({
      text: 'warned by phone\nsays  it is sorry\n\n\nsecond try',
      author: room.ben.user.userId,
    });
    const { id } = note.field.data as { id: number };
    const shown = await room.vic.ask(`!user ${user}`);
    expect(shown.body).toContain('No previous actions');
    expect(shown.body).toContain(`Note ${id} by ${room.ben.user.userId}, `);
    expect(shown.body).toContain('“warned by phone␤says');
    const audited = await room.ben.ask(`!audit ${note.field.audit[0]}`);
    expect(audited.body).toContain('warned by phone');
    const found = await room.ben.ask('!audit --text "phone second"');
    expect(found.body).toContain(`#${note.field.audit[0]} ✅ note`);

    const undone = await undo(note.field.audit);
    expect(undone.body).toContain(`Removed note ${id} about ${user}`);
    expect((await room.vic.ask(`!notes ${user}`)).body).toContain(`No notes about ${user}`);
    expect((await room.vic.ask(`!user ${user}`)).body).not.toContain('warned by phone');
    const again = await room.ben.ask(`!remove-note ${user} ${id}`);
    expect(again.body).toContain(`note ${id} is already removed`);
    await undo(undone.field.audit);
    const listed = await room.vic.ask(`!notes ${user}`);
    expect(listed.body).toContain(`1 note about ${user}`);
    expect(listed.field.data).toMatchObject({ total: 1, rows: [{ id, subject: user }] });
  });

  it('are about users of other servers and about rooms, too', async () => {
    const about = await room.ben.ask(`!note ${stranger} runs a bot farm, see https://evil.example`);
    expect(about.body).toContain('“runs a bot farm, see https[:]//evil[.]example”');
    const history = await room.vic.ask(`!history ${stranger}`);
    expect(history.body).toMatch(/Now: .*1 note/u);
    expect(history.body).toContain('done: note “runs a bot farm, see https[:]//evil[.]example” by');
    const place = await server.lobby(await server.newUser('owner'));
    await room.ben.ask(`!note ${place} busy on Fridays`);
    expect((await room.vic.ask(`!room ${place}`)).body).toContain('“busy on Fridays”');
    const elsewhere = await room.ben.ask(`!remove-note ${stranger} 1000`);
    expect(elsewhere.body).toContain(`there is no note 1000 about ${stranger}`);
  });

  it('have times in files that spreadsheets read, as the audit log has', async () => {
    const { userId: user } = await server.newUser('mallory');
    await room.ben.ask(`!note ${user} was warned`);
    await room.ben.ask(`!tag ${user} timed --until 2030-01-01`);
    const time = String.raw`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
    await room.ben.ask(`!notes ${user} --format csv`);
    expect(await fileBehind(room.ben, 'notes.csv')).toMatch(
      new RegExp(String.raw`^id,subject,text,author,at\n\d+,\S+,was warned,\S+,${time}\n$`, 'u'),
    );
    await room.ben.ask('!tags timed --format csv');
    expect(await fileBehind(room.ben, 'tags.csv')).toMatch(
      new RegExp(`^\\S+,timed,${time},\\S+,2030-01-01T00:00:00.000Z$`, 'mu'),
    );
    await room.ben.ask(`!history ${user} --format json`);
    expect(JSON.parse(await fileBehind(room.ben, 'history.json'))).toMatchObject([
      {
        at: expect.stringMatching(time) as string,
        what: expect.stringContaining('tag timed') as string,
      },
      {
        at: expect.stringMatching(time) as string,
        what: expect.stringContaining('was warned') as string,
      },
    ]);
  });

  it('are about the management room, too: they do nothing to it', async () => {
    const noted = await room.ben.ask(`!note ${room.id} is read by the auditors`);
    expect(noted.body).toContain(`about ${room.id}\n“is read by the auditors”`);
    const tagged = await room.ben.ask(`!tag ${room.id} audited`);
    expect(tagged.body).toContain(`Tagged: ${room.id} is audited`);
    const history = await room.vic.ask(`!history ${room.id}`);
    expect(history.body).toContain('note “is read by the auditors” by');
    await undo(tagged.field.audit);
    await undo(noted.field.audit);
    const refused = await room.ana.ask(`!block-room ${room.id}`);
    expect(refused.field.status).toBe('protected');
  });

  it.each([
    ['!note', 'usage', 'Which user or room?'],
    [`!note ${stranger}`, 'usage', 'TEXT is missing'],
    [`!note ${stranger} \n `, 'usage', 'TEXT is missing'],
    [
      `!note ${stranger} ${'x'.repeat(2001)}`,
      'usage',
      'too long: 2001 characters. The limit is 2000',
    ],
    [`!user ${stranger}`, 'failed', `see !history ${stranger}`],
    ['!note nobody-here was warned', 'failed', 'there is no account @nobody-here:'],
    [`!remove-note ${stranger} three`, 'usage', 'three is not a whole number'],
    [`!tag ${stranger} Known Spammer`, 'usage', 'Unexpected word: Spammer'],
    [`!tag ${stranger} Known_Spammer`, 'usage', 'Did you mean known-spammer?'],
    [`!tag ${stranger} ${'x'.repeat(33)}`, 'usage', 'at most 32 characters'],
    [`!tag ${stranger} spam --for 30`, 'usage', '30 is not a valid duration'],
    [`!tag ${stranger} spam --for 20000d`, 'usage', 'at most 10 years'],
    [`!tag ${stranger} spam --until 2020-01-01`, 'failed', 'which has passed'],
    [`!tag ${stranger} spam --for 1d --until 2099-01-01`, 'usage', 'not both'],
    [`!untag ${stranger} never-set`, 'failed', 'has no tag never-set'],
    ['!tags mallory:elsewhere.example', 'usage', '--target mallory:elsewhere.example'],
    [`!tag ${stranger} spam --for 2099-01-01`, 'usage', '--until "2026-11-01 10:00 Europe/Berlin"'],
    [`!tag ${stranger} spam --until soon`, 'usage', '"2026-11-01 10:00 Europe/Berlin"'],
    [`!tag ${stranger} spam --until 2020-01-01`, 'failed', 'unless a zone follows'],
  ])('%s: %s', async (typed, status, says) => {
    const answer = await room.ben.ask(typed);
    expect(answer.field.status).toBe(status);
    expect(answer.body).toContain(says);
  });

  it('are for moderators to write', async () => {
    const note = await room.vic.ask(`!note ${stranger} I don’t like them`);
    expect(note.field.status).toBe('denied');
    const tag = await room.vic.ask(`!tag ${stranger} spam`);
    expect(tag.field.status).toBe('denied');
  });
});

describe('tags', () => {
  it('have an end that is replaced, and comes back with undo', async () => {
    const { userId: user } = await server.newUser('mallory');
    const first = await room.ben.ask(`!tag ${user} watched`);
    expect(first.body).toContain(`Tagged: ${user} is watched\nIt has no end.`);
    const same = await room.ben.ask(`!tag ${user} watched`);
    expect(same.body).toContain('Already tagged');
    const timed = await room.ben.ask(`!tag ${user} watched --for 30d`);
    expect(timed.body).toMatch(/It ends in 1 month \(.*\)\.\nBefore, it had no end\./u);
    const { expires_at: end } = timed.field.data as { expires_at: number };
    const longer = await room.ben.ask(`!tag ${user} watched --until 2030-01-01`);
    expect(longer.body).toContain('Before, it was to end at ');
    const tooEarly = await undo(first.field.audit);
    expect(tooEarly.body).toContain(
      `#${first.field.audit[0]} (tag) is not the newest: #${longer.field.audit[0]} (tag) came after it`,
    );
    await undo(longer.field.audit);
    const restored = await room.vic.ask(`!tags --target ${user}`);
    expect(restored.field.data).toMatchObject({ rows: [{ name: 'watched', expires_at: end }] });

    const removed = await room.ben.ask(`!untag ${user} watched`);
    expect(removed.body).toContain('It would have ended in 1 month');
    expect((await room.vic.ask(`!user ${user}`)).body).not.toContain('watched');
    const back = await undo(removed.field.audit);
    expect(back.field.data).toMatchObject({ name: 'watched', expires_at: end });
    await room.ben.ask(`!untag ${user} watched`);
    const fresh = await room.ben.ask(`!tag ${user} fresh`);
    // What changes nothing is no newer decision.
    await room.ben.ask(`!tag ${user} fresh`);
    expect((await undo(fresh.field.audit)).body).toContain(`Removed the tag fresh from ${user}`);
  });

  it('end by the clock, and may be set again then', async () => {
    const { userId: user } = await server.newUser('mallory');
    await room.ben.ask(`!tag ${user} brief --for 1s`);
    await expect
      .poll(async () => (await room.vic.ask(`!tags --target ${user}`)).body, { timeout: 20_000 })
      .toContain(`No tags on ${user}`);
    expect((await room.vic.ask(`!user ${user}`)).body).not.toContain('brief');
    const again = await room.ben.ask(`!tag ${user} brief`);
    expect(again.body).toContain('Tagged: ');
    expect(again.body).not.toContain('Before');
  });

  it('say which rules look at them', async () => {
    const { userId: user } = await server.newUser('mallory');
    const place = await server.lobby(await server.newUser('owner'));
    const says = async (line: string) => (await room.ben.ask(line)).body;
    const spammer = await says(`!tag ${user} known-spammer --dry-run`);
    expect(spammer).toContain(`Tag ${user} as known-spammer\nIt has no end.`);
    expect(spammer).toContain('\nRules that match it: known-spammers (act)\n');
    expect(await says(`!tag ${user} second-chance`)).toContain(
      '\nRules that it holds off: known-spammers (act)\n',
    );
    expect(await says(`!tag ${place} quiet`)).toContain(
      '\nRules that match it: quiet-rooms (propose)\n',
    );
    expect(await says(`!tag ${user} vip`)).toContain('Rules that match it: call-us (alert)');
    // Of a user, that tag has no meaning for the rule.
    expect(await says(`!tag ${user} quiet`)).toContain('No rule looks at this tag of a user.');
    expect(await says(`!tag ${user} known-spamer`)).toContain('Did you mean known-spammer?');
  });

  it('have a letter or a digit, and show their end in the history', async () => {
    const { userId: user } = await server.newUser('mallory');
    const dash = await room.ben.ask(`!tag ${user} -`);
    expect(dash.field.status).toBe('usage');
    expect(dash.body).toContain('with a letter or a digit');
    await room.ben.ask(`!tag ${user} soon --for 1s`);
    await room.ben.ask(`!tag ${user} later --for 30d`);
    await vi.waitFor(
      async () => {
        const { body } = await room.vic.ask(`!history ${user}`);
        expect(body).toMatch(/tag soon until \S+ \S+ UTC \(passed\) by/u);
        expect(body).toMatch(/tag later until \S+ \S+ UTC by/u);
      },
      { timeout: 20_000, interval: 200 },
    );
  });

  it('are asked for with a user, a room or a wrong name, too', async () => {
    const mallory = await server.newUser('mallory');
    const user = mallory.userId;
    const local = user.slice(1, user.indexOf(':'));
    await room.ben.ask(`!tag ${user} farmer`);
    const ofUser = await room.vic.ask(`!tags ${user}`);
    expect(ofUser.field.data).toMatchObject({ total: 1, rows: [{ name: 'farmer' }] });
    // A name alone is a tag. The user or room of that name may be meant.
    const named = await room.vic.ask(`!tags ${local}`);
    expect(named.body).toContain(`If you mean the user, write ${user}`);
    expect(named.body).toContain(`Next: !tags ${user}`);
    const name = `place-${Date.now()}`;
    await newRoom(mallory, { preset: 'public_chat', room_alias_name: name });
    const place = await room.vic.ask(`!tags ${name}`);
    expect(place.body).toMatch(new RegExp(`If you mean the room, write #${name}:\\S+\n`, 'u'));
    const typo = await room.vic.ask('!tags farmr');
    expect(typo.body).toContain('Did you mean the tag farmer?');
    expect(typo.body).toContain('Next: !tags farmer');
  });

  it('are listed by name, of users of other servers and of rooms', async () => {
    const place = await server.lobby(await server.newUser('owner'));
    await room.ben.ask(`!tag ${stranger} farm --for 30d`);
    await room.ben.ask(`!tag ${place} farm`);
    const all = await room.vic.ask('!tags farm');
    expect(all.field.data).toMatchObject({
      total: 2,
      rows: [{ subject: place }, { subject: stranger }],
    });
    expect(all.body).toContain('ends in 1 month');
    expect((await room.vic.ask(`!room ${place}`)).body).toContain('Tags: farm');
    expect((await room.vic.ask('!tags no-such-tag')).body).toContain('has the tag no-such-tag');
  });

  it('show on the card of a report, and a tag that is set later makes a rule act', async () => {
    const mallory = await server.newUser('mallory');
    const isBanned = async () =>
      (await server.api.users.get(asUserId(mallory.userId))).shadowBanned;
    await room.ben.ask(`!tag ${mallory.userId} second-chance`);
    await room.ben.ask(`!tag ${mallory.userId} known-spammer --for 30d`);
    await room.ben.ask(`!note ${mallory.userId} was warned`);
    await room.ben.ask(`!note ${lobby} busy on Fridays`);
    const event = await reported(mallory);
    const card = await cardOf(room.ana, event);
    expect(card.body).toMatch(/Tags: known-spammer until \d{4}-.* UTC, second-chance/u);
    expect(card.body).toContain('“was warned”');
    expect(card.body).toContain('The room: 1 note');
    expect(await isBanned()).toBe(false);

    // A command about the report needs no target.
    await room.ben.sayInThread(card.event, '!note saw it myself');
    const noted = await cardOf(room.ana, event, ({ body }) => body.includes('“saw it myself”'));
    expect(noted.body).not.toContain('second-chance until');
    await room.ben.ask(`!untag ${mallory.userId} second-chance`);
    const done = await cardOf(room.ana, event, ({ body }) => body.startsWith('✅'));
    expect(done.body).toContain('resolved by rule known-spammers');
    expect(await isBanned()).toBe(true);
    const shown = await room.ben.ask(`!report ${(done.field.data as { id: number }).id}`);
    expect(shown.body).toContain('Previous action: shadow-ban');
    expect(shown.body).not.toContain('Previous action: note');
  });

  it('of a room let a rule propose to tag the sender, about the report', async () => {
    const mallory = await server.newUser('mallory');
    const event = await reported(mallory);
    const card = await cardOf(room.ana, event);
    await room.ben.ask(`!tag ${lobby} quiet`);
    await cardOf(room.ana, event, ({ body }) => body.includes('The room: tagged quiet'));
    const proposed = await room.ana.until('the proposal', () =>
      room.ana.inThread(card.event).find(({ field }) => field.status === 'pending'),
    );
    await room.ben.ask(`!confirm ${proposed.field.confirmation?.code}`);
    await cardOf(room.ana, event, ({ body }) => /Tags: loud until/u.test(body));
    const list = await room.vic.ask('!tags loud');
    expect(list.body).toContain('rule:quiet-rooms');
    await room.ben.ask(`!untag ${lobby} quiet`);
  });
});
