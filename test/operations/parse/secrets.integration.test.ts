import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, asUserId, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** Each test says what power the bot has: none relies on what another has left. */
async function setBotPower(level: number): Promise<void> {
  await room.ana.user.setState(room.id, 'm.room.power_levels', {
    users: { [room.bot.userId]: level, [room.ben.user.userId]: 50 },
  });
}

describe('a secret typed into the room', () => {
  it('is said to be one, where the bot has no power to remove it', async () => {
    await setBotPower(0);
    const answer = await room.ana.ask('my token is syt_bWFsbG9yeQ_abcdefghijklmnop_123456');
    expect(answer.body).toContain('Remove your message now');
    expect(answer.field).toMatchObject({ status: 'usage', error: { code: 'secret' } });
    expect(await room.database.dump()).not.toContain('syt_');
  });

  it('is removed, nothing is carried out, and it is stored nowhere', async () => {
    await setBotPower(100);
    const mallory = await newUser('mallory');
    const command = await room.ana.say(`!reset-password ${mallory.userId} hunter2-correct-horse`);
    const answer = await room.ana.answerTo(command);
    expect(answer.body).toContain('I removed your message');
    await room.ana.until('the redaction', () =>
      room.ana.events.find(
        (event) => event.type === 'm.room.redaction' && event.content['redacts'] === command,
      ),
    );
    expect(await room.database.dump()).not.toContain('hunter2');
  });
});

describe('protected accounts', () => {
  it('can be touched by an admin who insists, after a confirmation', async () => {
    const admin = await newUser('root', { admin: true });
    const refused = await room.ana.ask(`!shadow-ban ${admin.userId}`);
    expect(refused.body).toContain('--override-protection');
    const denied = await room.ben.ask(`!shadow-ban ${admin.userId} --override-protection`);
    expect(denied.field.status).toBe('denied');
    const { outcome } = await askAndConfirm(
      room.ana,
      `!shadow-ban ${admin.userId} --override-protection`,
    );
    expect(outcome.field.status).toBe('done');
    expect(await adminApi().users.get(asUserId(admin.userId))).toMatchObject({
      shadowBanned: true,
    });
  });

  it('the bot itself can’t, whoever insists', async () => {
    const answer = await room.ana.ask(`!deactivate ${room.bot.userId} --override-protection`);
    expect(answer.field.status).toBe('protected');
  });
});

describe('several users', () => {
  it('are read from a text file that the command replies to', async () => {
    const users = await Promise.all([newUser('one'), newUser('two'), newUser('three')]);
    const list = users.map(({ userId }) => userId).join('\n');
    const url = await room.ana.user.uploadMedia(Buffer.from(list), 'text/plain', 'spammers.txt');
    const file = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.file',
      body: 'spammers.txt',
      url,
    });
    const command = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body: '!shadow-ban --from-file --reason "spam wave"',
      'm.relates_to': { 'm.in_reply_to': { event_id: file } },
    });
    const confirmation = await room.ana.answerTo(command);
    expect(confirmation.field).toMatchObject({ status: 'pending' });
    for (const { userId } of users) {
      expect(confirmation.body).toContain(userId);
    }
    await room.ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
    const answer = await room.ana.outcomeOf(confirmation, 'done');
    expect(answer.body).toContain('3 of 3 accounts done');
    for (const { userId } of users) {
      expect((await adminApi().users.get(asUserId(userId))).shadowBanned).toBe(true);
    }
  });

  it('without a file to reply to is a usage error', async () => {
    const answer = await room.ana.ask('!shadow-ban --from-file');
    expect(answer.field.status).toBe('usage');
    expect(answer.body).toContain('reply to a text file');
  });

  it('are not taken from a file that happens to stand before the command in a thread', async () => {
    const mallory = await newUser('mallory');
    const content = Buffer.from(mallory.userId);
    const url = await room.ana.user.uploadMedia(content, 'text/plain', 'them.txt');
    const file = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.file',
      body: 'them.txt',
      url,
    });
    const command = await room.ana.sayInThread(file, '!shadow-ban --from-file');
    const answer = await room.ana.answerTo(command);
    expect(answer.field.status).toBe('usage');
    expect(answer.body).toContain('In a thread, too, reply to a text file');
    expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);
  });
});

describe('a name that is nearly right', () => {
  it('is answered with the account that it may have meant, and nothing is done', async () => {
    const mallory = await newUser('mallory');
    const typo = mallory.userId.replace('mallory', 'Mallory');
    const answer = await room.ana.ask(`!shadow-ban ${typo}`);
    expect(answer.field.error?.code).toBe('unknown_user');
    expect(answer.body).toContain(`Did you mean ${mallory.userId}?`);
    const lookAlike = await room.ana.ask(`!shadow-ban ${mallory.userId.replace('a', 'а')}`);
    expect(lookAlike.body).toContain(`Did you mean ${mallory.userId}?`);
    expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);
  });
});

describe('undo', () => {
  it('takes an action back by its number, and what can’t be taken back is said', async () => {
    const mallory = await newUser('mallory');
    const banned = await room.ana.ask(`!shadow-ban ${mallory.userId}`);
    const undone = await room.ana.ask(`!undo #${banned.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unshadow-ban', status: 'done' });
    expect(undone.body).toContain(`undo of #${banned.field.audit[0]}`);
    expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);

    const { outcome } = await askAndConfirm(room.ana, `!deactivate ${mallory.userId}`);
    expect(outcome.field.status).toBe('done');
    const refused = await room.ana.ask(`!undo ${outcome.field.audit[0]}`);
    expect(refused.body).toContain('can’t be undone');
  });

  it('takes the newest action of the one who asks back, and shows which that was', async () => {
    const mallory = await newUser('mallory');
    const banned = await room.ben.ask(`!shadow-ban ${mallory.userId}`);
    const undone = await room.ben.ask('!undo last');
    expect(undone.field).toMatchObject({ command: 'unshadow-ban', status: 'done' });
    expect(undone.body).toContain(mallory.userId);
    expect(undone.body).toContain(`undo of #${banned.field.audit[0]}`);
    expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);
    // A second time it does not shadow-ban again.
    expect((await room.ben.ask('!undo last')).body).toContain('no recent action');
    expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);
  });
});

describe('long lists', () => {
  it('go on with !more, and come as a file with --all', async () => {
    await Promise.all(Array.from({ length: 5 }, async () => newUser('crowd')));
    const first = await room.ana.ask('!users --name crowd --limit 2');
    expect(first.body).toContain('2 shown');
    const second = await room.ana.ask('!more');
    expect(second.field.command).toBe('users');
    const names = (answer: typeof first) =>
      (answer.field.data as { rows: { name: string }[] }).rows.map(({ name }) => name);
    expect(names(second)).not.toEqual(names(first));
    expect((await room.ben.ask('!more')).body).toContain('there are no more pages');

    const command = await room.ana.say('!users --name crowd --all --format csv');
    await room.ana.answerTo(command);
    const file = await room.ana.until('the file', () =>
      room.ana.events.find(
        (event) =>
          event.content['msgtype'] === 'm.file' && event.content['filename'] === 'users.csv',
      ),
    );
    expect(file.content['info']).toMatchObject({ mimetype: 'text/csv' });
  });
});
