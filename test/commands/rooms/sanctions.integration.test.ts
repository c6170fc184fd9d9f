import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Answer } from '../../../dev/room/moderator.ts';
import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { openCutOffRoom } from '../../support/cut-off.ts';
import type { CutOffRoom } from '../../support/cut-off.ts';
import { adminApi, newUser } from '../../support/homeserver.ts';
import type { TestRoom } from '../../support/room.ts';

let site: CutOffRoom;
let room: TestRoom;
beforeAll(async () => {
  site = await openCutOffRoom();
  ({ room } = site);
});
afterAll(async () => site[Symbol.asyncDispose]());

type RoomId = Parameters<ReturnType<typeof adminApi>['rooms']['members']>[0];

const state = async (id: string, type: string, key = '') => {
  const found = await adminApi().events.state(id as RoomId, type);
  return found.find(({ stateKey }) => stateKey === key)?.content;
};

const membership = async (id: string, user: string) =>
  (await state(id, 'm.room.member', user))?.['membership'];

const confirm = async ({ field }: Answer) => room.ana.say(`!confirm ${field.confirmation?.code}`);

/** A public room of an owner, in which the bot has a power level and others are members. */
async function place(
  owner: MatrixUser,
  {
    power,
    members = [],
    version = '11',
    name,
  }: {
    readonly power?: number | undefined;
    readonly members?: readonly MatrixUser[];
    readonly version?: string;
    readonly name?: string;
  },
): Promise<string> {
  const id = await owner.createRoom({
    preset: 'public_chat',
    room_version: version,
    ...(name === undefined ? {} : { name }),
    ...(power === undefined
      ? {}
      : {
          power_level_content_override: {
            users: {
              [room.bot.userId]: power,
              ...(version === '12' ? {} : { [owner.userId]: 100 }),
            },
          },
        }),
  });
  if (power !== undefined) {
    await room.bot.join(id);
  }
  for (const member of members) {
    await member.join(id);
  }
  return id;
}

describe('in one room', () => {
  it.for(['1', '11', '12'])('of version %s: ban, mute and kick, and back', async (version) => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const id = await place(owner, { power: 100, members: [mallory], version, name: 'Lobby' });
    const who = mallory.userId;

    const muted = await room.ana.ask(`!mute ${who} ${id}`);
    expect(muted.body).toContain(`Muted in Lobby ${who}`);
    await expect(mallory.sendText(id, 'hello')).rejects.toMatchObject({ status: 403 });
    expect((await room.ana.ask(`!mute ${who} ${id}`)).body).toContain('Already muted in Lobby');
    expect((await room.ana.ask(`!unmute ${who} ${id}`)).body).toContain('Can speak again in Lobby');
    await mallory.sendText(id, 'hello');

    const kicked = await room.ana.ask(`!kick ${who} ${id} --reason shouting`);
    expect(kicked.field).toMatchObject({ command: 'kick', status: 'done' });
    expect(await membership(id, who)).toBe('leave');
    await mallory.join(id);

    const banned = await room.ana.ask(`!ban ${who} ${id} --reason spam`);
    expect(banned.body).toContain(`Banned from Lobby ${who}`);
    expect(await state(id, 'm.room.member', who)).toMatchObject({
      membership: 'ban',
      reason: 'spam',
    });
    const again = await room.ana.ask(`!ban ${who} ${id}`);
    expect(again.body).toContain('Already banned from Lobby');
    const undone = await room.ana.ask(`!undo ${banned.field.audit[0]}`);
    // Somebody has banned them again since.
    expect(undone.body).toContain('came after it');
    await room.ana.ask(`!unban ${who} ${id}`);
    expect(await membership(id, who)).toBe('leave');
    await mallory.join(id);
  });

  it('works on users of other servers, and refuses unknown users of this one', async () => {
    const owner = await newUser('owner');
    const id = await place(owner, { power: 50 });
    const stranger = '@mallory:elsewhere.example';
    const banned = await room.ana.ask(`!ban ${stranger} ${id}`);
    expect(banned.field.status).toBe('done');
    expect(await membership(id, stranger)).toBe('ban');
    const audit = await room.ana.ask(`!audit --target ${stranger}`);
    expect(audit.field.data).toMatchObject([
      {
        command: 'ban',
        status: 'done',
        arguments: { accounts: [stranger], rooms: [id], step: id },
      },
    ]);
    const unknown = await room.ana.ask(`!ban @nobody-at-all:localhost ${id}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
  });

  it('says where it has no power, and how to get it', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const strange = await place(owner, { members: [mallory], name: 'Strange' });
    const outside = await room.ana.ask(`!ban ${mallory.userId} ${strange}`);
    expect(outside.field.status).toBe('failed');
    expect(outside.body).toContain('no power in Strange: I am not in that room');
    expect(outside.body).toContain(`!make-room-admin ${strange}`);
    const weak = await place(owner, { power: 10, members: [mallory], name: 'Weak' });
    const refused = await room.ana.ask(`!kick ${mallory.userId} ${weak}`);
    expect(refused.body).toContain('my power level is 10, and it takes 50');
    const strong = await room.ana.ask(`!kick ${owner.userId} ${weak}`);
    expect(strong.field.status).toBe('failed');
    expect(await membership(weak, mallory.userId)).toBe('join');
  });

  it('keeps off moderators and reserved rooms, and asks for the room', async () => {
    const owner = await newUser('owner');
    const id = await place(owner, { power: 50 });
    expect((await room.ana.ask(`!ban ${room.ben.user.userId} ${id}`)).field.status).toBe(
      'protected',
    );
    expect((await room.ana.ask(`!ban ${owner.userId} ${room.id}`)).field.status).toBe('protected');
    const where = await room.ana.ask(`!ban ${owner.userId}`);
    expect(where.body).toContain('Which room?');
    expect(where.body).toContain('--all-rooms');
    expect((await room.ana.ask(`!ban ${owner.userId} ${id} --all-rooms`)).body).toContain(
      'not both',
    );
    expect((await room.vic.ask(`!ban ${owner.userId} ${id}`)).field.status).toBe('denied');
  });

  it('sets a power level and takes it back', async () => {
    const [owner, friend] = await Promise.all([newUser('owner'), newUser('friend')]);
    const id = await place(owner, { power: 100, members: [friend], name: 'Lobby' });
    const given = await room.ana.ask(`!power-level ${id} ${friend.userId} 40`);
    expect(given.body).toContain('before: power level 0');
    expect((await state(id, 'm.room.power_levels'))?.['users']).toMatchObject({
      [friend.userId]: 40,
    });
    const mute = await room.ana.ask(`!mute ${friend.userId} ${id}`);
    expect(mute.body).toContain('they have power level 40 there');
    await room.ana.ask(`!undo ${given.field.audit[0]}`);
    expect((await state(id, 'm.room.power_levels'))?.['users']).toMatchObject({
      [friend.userId]: 0,
    });
    const tooMuch = await room.ana.ask(`!power-level ${id} ${friend.userId} 1000`);
    expect(tooMuch.field.status).toBe('failed');
    expect(tooMuch.body).toContain('nobody can give more than they have');
    const asked = await room.ana.ask(`!power-level ${id} ${friend.userId} 50 --for 1h`);
    expect(asked.body).toContain('for 1 hour?');
    await room.ana.ask(`!cancel ${asked.field.confirmation?.code}`);
  });
});

describe('in all rooms', () => {
  it('bans where it can, over a restart, and lifts the bans by itself after another', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const powerful: string[] = [];
    const powerless: string[] = [];
    for (let at = 0; at < 12; at += 1) {
      const power = [50, 100, 0, undefined][at % 4];
      const version = ['11', '12', '10'][at % 3] ?? '11';
      const id = await place(owner, { power, members: [mallory], version, name: `Room ${at}` });
      (power === undefined || power === 0 ? powerless : powerful).push(id);
    }
    const before = await place(owner, { power: 50, name: 'Before' });
    await room.ana.ask(`!ban ${mallory.userId} ${before}`);

    const line = await room.ana.say(`!ban ${mallory.userId} --all-rooms --for 10s`);
    const question = await room.ana.answerTo(line);
    expect(question.field.status).toBe('pending');
    expect(question.body).toContain('They are in 12 of them now · no power in ');
    expect(question.body).toContain('for 10 seconds');
    expect(question.body).toContain(`!make-room-admin ${powerless[0]}`);
    // The third ban is under way when the bot is stopped.
    const third = encodeURIComponent(powerful[2] ?? '');
    const meeting = site.gate.meet('GET', new RegExp(`/admin/v1/rooms/${third}$`, 'u'));
    await confirm(question);
    const passage = await meeting;
    const stopped = room.stopBot();
    await passage.forward();
    await stopped;
    expect(await membership(powerful.at(-1) ?? '', mallory.userId)).toBe('join');
    await room.startBot();
    const outcome = await room.ana.outcomeOf(question, 'partial');
    expect(outcome.body).toContain('no power in Room 2');
    expect(outcome.body).toMatch(/!make-room-admin !\S+ gives me power there/u);
    expect(outcome.body).toMatch(/until .+ UTC, timer \d+/);
    for (const id of powerful) {
      expect(await membership(id, mallory.userId)).toBe('ban');
    }
    for (const id of powerless) {
      expect(await membership(id, mallory.userId)).toBe('join');
    }

    await room.stopBot();
    await room.startBot();
    const lifted = await room.ana.until('the end of the bans', () =>
      room.ana
        .answersTo(line)
        .find(({ field }: { field?: { command: string } }) => field?.command === 'undo'),
    );
    await room.ana.outcomeOf(lifted, 'done');
    for (const id of powerful) {
      expect(await membership(id, mallory.userId)).toBe('leave');
    }
    // They were banned from it before, by somebody else's decision.
    expect(await membership(before, mallory.userId)).toBe('ban');
  });

  it('gives a ban another end, and keeps one that has no end', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const who = mallory.userId;
    const [first, second] = [
      await place(owner, { power: 50, members: [mallory] }),
      await place(owner, { power: 50, members: [mallory] }),
    ];
    const temporary = await room.ana.ask(`!ban ${who} ${first} --for 1h`);
    await room.ana.ask(`!ban ${who} ${second}`);
    const line = await room.ana.say(`!ban ${who} ${first} ${second} --for 2s`);
    const question = await room.ana.answerTo(line);
    await confirm(question);
    const outcome = await room.ana.outcomeOf(question, 'done');
    expect(outcome.body).toContain('Already banned from');
    expect(outcome.body).toContain('This was already in force without an end, so it stays.');
    expect(outcome.body).toContain('This no longer ends at');
    const jobs = await room.ana.ask('!jobs');
    expect(jobs.body).not.toContain(`undo --operation ${temporary.field.operation?.id} `);
    const lifted = await room.ana.until('the end of the bans', () => room.ana.answersTo(line)[1]);
    expect(lifted.field).toMatchObject({ command: 'undo', status: 'done' });
    expect(await membership(first, who)).toBe('leave');
    expect(await membership(second, who)).toBe('ban');
  });

  it('takes back only what it did, although it gave another ban another end', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const who = mallory.userId;
    const [first, second] = [
      await place(owner, { power: 50, members: [mallory] }),
      await place(owner, { power: 50, members: [mallory] }),
    ];
    const earlier = await room.ana.ask(`!ban ${who} ${first} --for 1h`);
    const none = await place(owner, { members: [mallory] });
    const nowhere = await room.ana.ask(`!kick ${who} ${none} ${await place(owner, {})}`);
    expect(nowhere.body).toContain('no power in any of the 2 rooms');
    const question = await room.ana.ask(`!ban ${who} ${first} ${second} --for 2h`);
    await confirm(question);
    const { field, body } = await room.ana.outcomeOf(question, 'done');
    expect(body).toMatch(/It was to end at .+, by timer \d+\. It ends with this now\./u);
    const undo = await room.ana.ask(`!undo --operation ${field.operation?.id}`);
    expect(undo.body).toContain(`done before this operation by #${earlier.field.audit[0]}`);
    await confirm(undo);
    await room.ana.outcomeOf(undo, 'done');
    expect(await membership(first, who)).toBe('ban');
    expect(await membership(second, who)).toBe('leave');
  });

  it('lets muted people speak again after the time, also over a restart', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const who = mallory.userId;
    const ids = [
      await place(owner, { power: 100, members: [mallory], version: '12' }),
      await place(owner, { power: 100, members: [mallory], version: '6' }),
    ];
    const line = await room.ana.say(`!mute ${who} ${ids.join(' ')} --for 3s`);
    const question = await room.ana.answerTo(line);
    await confirm(question);
    await room.ana.outcomeOf(question, 'done');
    await room.stopBot();
    for (const id of ids) {
      await expect(mallory.sendText(id, 'hello')).rejects.toMatchObject({ status: 403 });
    }
    await room.startBot();
    const end = await room.ana.until('the end of the mutes', () => room.ana.answersTo(line)[1]);
    await room.ana.outcomeOf(end, 'done');
    for (const id of ids) {
      await mallory.sendText(id, 'hello');
    }
  });

  it('keeps a mute that has no end, and a ban that somebody else has set since', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const who = mallory.userId;
    const id = await place(owner, { power: 100, members: [mallory] });
    await room.ana.ask(`!mute ${who} ${id}`);
    const again = await room.ana.ask(`!mute ${who} ${id} --for 1s`);
    expect(again.body).toContain('This was already in force without an end, so it stays.');
    expect(again.body).not.toContain('timer');

    const line = await room.ana.say(`!ban ${who} ${id} --for 3s`);
    await room.ana.answerTo(line);
    await owner.setState(id, 'm.room.member', { membership: 'leave' }, who);
    await owner.setState(id, 'm.room.member', { membership: 'ban' }, who);
    const end = await room.ana.until('the end of the ban', () => room.ana.answersTo(line)[1]);
    expect(end.body).toContain('somebody else has banned them since, so the ban stays');
    expect(await membership(id, who)).toBe('ban');
  });

  it('is not misled by rooms that it has left, or by power levels beside the room’s own', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const who = mallory.userId;
    const id = await place(owner, { power: 100, members: [mallory] });
    await owner.setState(id, 'm.room.power_levels', { users: { [who]: 100 } }, 'beside');
    await room.ana.ask(`!mute ${who} ${id}`);
    expect((await state(id, 'm.room.power_levels'))?.['users']).toMatchObject({ [who]: -1 });
    await room.ana.ask(`!ban ${who} ${id}`);
    await room.bot.leave(id);
    const left = await room.ana.ask(`!ban ${who} ${id}`);
    expect(left.field.status).toBe('failed');
    expect(left.body).toContain('I am not in that room');
  });

  it('takes power back to a level below that of everybody', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const who = mallory.userId;
    const id = await place(owner, { power: 100, members: [mallory] });
    const other = await place(owner, { power: 100, members: [mallory] });
    await room.ana.ask(`!power-level ${id} ${who} -1`);
    const line = await room.ana.say(`!power-level ${id} ${who} 10 --for 2s`);
    await room.ana.answerTo(line);
    // In another room, which is another matter.
    await room.ana.ask(`!power-level ${other} ${who} 10`);
    const end = await room.ana.until('the end', () => room.ana.answersTo(line)[1]);
    expect(end.field.status).toBe('done');
    expect((await state(id, 'm.room.power_levels'))?.['users']).toMatchObject({ [who]: -1 });
  });

  it('lifts a ban in one room only, although it was lifted in another before', async () => {
    const [owner, mallory] = await Promise.all([newUser('owner'), newUser('mallory')]);
    const who = mallory.userId;
    const rooms = [
      await place(owner, { power: 50, members: [mallory] }),
      await place(owner, { power: 50, members: [mallory] }),
    ];
    const question = await room.ana.ask(`!ban ${who} ${rooms.join(' ')}`);
    await confirm(question);
    const { field } = await room.ana.outcomeOf(question, 'done');
    const back = await room.ana.ask(`!undo ${field.audit[0]}`);
    expect(back.field).toMatchObject({ command: 'unban', status: 'done' });
    expect((await room.ana.ask(`!undo ${field.audit[0]}`)).body).toContain('was already undone by');
    await mallory.join(rooms[0] ?? '');
    const undo = await room.ana.ask(`!undo --operation ${field.operation?.id}`);
    expect(undo.body).toContain('was already taken back by');
    await confirm(undo);
    await room.ana.outcomeOf(undo, 'done');
    expect(await membership(rooms[0] ?? '', who)).toBe('join');
    expect(await membership(rooms[1] ?? '', who)).toBe('leave');
  });

  it('mutes several users at once, and lets them speak again', async () => {
    const [owner, one, two] = await Promise.all([newUser('owner'), newUser('one'), newUser('two')]);
    const ids = [
      await place(owner, { power: 100, members: [one, two] }),
      await place(owner, { power: 100, members: [one] }),
    ];
    const question = await room.ana.ask(`!mute ${one.userId} ${two.userId} --all-rooms`);
    expect(question.body).toContain('Mute 2 accounts?');
    await confirm(question);
    const muted = await room.ana.outcomeOf(question, 'done');
    for (const id of ids) {
      expect((await state(id, 'm.room.power_levels'))?.['users']).toMatchObject({
        [one.userId]: -1,
        [two.userId]: -1,
      });
    }
    const back = await room.ana.ask(`!undo --operation ${muted.field.operation?.id}`);
    await confirm(back);
    await room.ana.outcomeOf(back, 'done');
    await one.sendText(ids[1] ?? '', 'hello');
  });
});
