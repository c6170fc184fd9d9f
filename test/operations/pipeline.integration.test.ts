import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, adminUser, asUserId, newUser } from '../support/homeserver.ts';
import { highlightsOf } from '../support/notifications.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const isBanned = async (userId: string) =>
  (await adminApi().users.get(asUserId(userId))).shadowBanned;

/** What was sent before this was answered would have been answered by now, had it been a command. */
const barrier = async () => room.ana.ask('!version');

describe('what is no command', () => {
  it('an edit executes nothing', async () => {
    const mallory = await newUser('mallory');
    const original = await room.ana.say('good morning');
    const edit = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body: `* !shadow-ban ${mallory.userId}`,
      'm.new_content': { msgtype: 'm.text', body: `!shadow-ban ${mallory.userId}` },
      'm.relates_to': { rel_type: 'm.replace', event_id: original },
    });
    // A client that forgets the mark in the fallback must not fool the bot either.
    const sly = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body: `!shadow-ban ${mallory.userId}`,
      'm.relates_to': { rel_type: 'm.replace', event_id: original },
    });
    const answer = await room.ana.answerTo(original);
    expect(answer.body).toContain('I don’t carry out edits');
    expect(answer.body).toContain(`!shadow-ban ${mallory.userId}`);
    await barrier();
    expect(room.ana.answersTo(original)).toHaveLength(1);
    expect([...room.ana.answersTo(edit), ...room.ana.answersTo(sly)]).toEqual([]);
    expect(await isBanned(mallory.userId)).toBe(false);
  });

  it('an edit of a command is not done, and never said of what was done', async () => {
    const mallory = await newUser('mallory');
    const done = await room.ana.say(`!user ${mallory.userId}`);
    expect((await room.ana.answerTo(done)).field.status).toBe('done');
    const edit = (body: string) =>
      room.ana.user.send(room.id, 'm.room.message', {
        msgtype: 'm.text',
        body: `* ${body}`,
        'm.new_content': { msgtype: 'm.text', body },
        'm.relates_to': { rel_type: 'm.replace', event_id: done },
      });
    await edit('never mind');
    await edit(`!shadow-ban ${mallory.userId}`);
    await barrier();
    const [, ...more] = room.ana.answersTo(done);
    expect(more).toHaveLength(1);
    expect(more[0]?.body).toContain(
      'Edit not carried out: only the message as you first sent it counts',
    );
    expect(more[0]?.body).not.toContain('Not done');
    expect(await isBanned(mallory.userId)).toBe(false);
  });

  it('a caption and an emote execute nothing, and are told so', async () => {
    const mallory = await newUser('mallory');
    const body = `!shadow-ban ${mallory.userId}`;
    for (const [content, why] of [
      [{ msgtype: 'm.image', filename: 'a.png', url: 'mxc://localhost/a' }, 'captions of files'],
      [{ msgtype: 'm.emote' }, 'I don’t carry out /me messages'],
    ] as const) {
      const event = await room.ana.user.send(room.id, 'm.room.message', { ...content, body });
      const answer = await room.ana.answerTo(event);
      expect(answer.body).toContain(why);
      expect(answer.field.status).toBe('usage');
    }
    expect(await isBanned(mallory.userId)).toBe(false);
  });

  it('but a command in code, in bold, full width or with nothing to see in front is one', async () => {
    const mallory = await newUser('mallory');
    for (const [body, formatted] of [
      [`\`!user ${mallory.userId}\``, `<code>!user ${mallory.userId}</code>`],
      [`**!user ${mallory.userId}**`, `<strong>!user ${mallory.userId}</strong>`],
      [
        `\`\`\`\n!user ${mallory.userId}\n\`\`\``,
        `<pre><code>!user ${mallory.userId}\n</code></pre>`,
      ],
      [`！user ${mallory.userId}`, undefined],
      [`\u2060!user ${mallory.userId}`, undefined],
      [`! user ${mallory.userId}`, undefined],
    ] as const) {
      const event = await room.ana.user.send(room.id, 'm.room.message', {
        msgtype: 'm.text',
        body,
        ...(formatted === undefined
          ? {}
          : { format: 'org.matrix.custom.html', formatted_body: formatted }),
      });
      const answer = await room.ana.answerTo(event);
      expect(answer.field).toMatchObject({ command: 'user', status: 'done' });
    }
  });

  it('a notice executes nothing', async () => {
    const mallory = await newUser('mallory');
    const notice = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.notice',
      body: `!shadow-ban ${mallory.userId}`,
    });
    await barrier();
    expect(room.ana.answersTo(notice)).toEqual([]);
    expect(await isBanned(mallory.userId)).toBe(false);
  });

  it('a message in another room executes nothing', async () => {
    const mallory = await newUser('mallory');
    const other = await room.ana.user.createRoom({ preset: 'public_chat' });
    await room.bot.join(other);
    await room.ana.user.sendText(other, `!shadow-ban ${mallory.userId}`);
    await barrier();
    expect(await isBanned(mallory.userId)).toBe(false);
  });

  it('the quoted part of a reply executes nothing', async () => {
    const mallory = await newUser('mallory');
    const reply = await room.ana.say(
      `> <${room.ben.user.userId}> x\n> !shadow-ban ${mallory.userId}\n\nI would not`,
    );
    await barrier();
    expect(room.ana.answersTo(reply)).toEqual([]);
    expect(await isBanned(mallory.userId)).toBe(false);
  });

  it('a redacted command executes nothing, when the bot comes back to it', async () => {
    const mallory = await newUser('mallory');
    await room.stopBot();
    const command = await room.ana.say(`!shadow-ban ${mallory.userId}`);
    await room.ana.user.redact(room.id, command);
    await room.startBot();
    await barrier();
    expect(room.ana.answersTo(command)).toEqual([]);
    expect(await isBanned(mallory.userId)).toBe(false);
  });
});

describe('a command', () => {
  it('is executed once, also when its event comes again after a restart', async () => {
    const mallory = await newUser('mallory');
    const command = await room.ana.say(`!shadow-ban ${mallory.userId}`);
    await room.ana.answerTo(command);
    await adminApi().users.unshadowBan(asUserId(mallory.userId));

    await room.stopBot();
    // Without its sync token the bot starts over, and the same events come again.
    await room.database.execute("DELETE FROM sync_state WHERE name = 'token'");
    await room.startBot();
    await barrier();
    expect(room.ana.answersTo(command)).toHaveLength(1);
    expect(await isBanned(mallory.userId)).toBe(false);
    const audit = await room.ana.ask(`!audit --target ${mallory.userId}`);
    expect(audit.field.data).toHaveLength(1);
  });

  it('sent while the bot was away is answered when it is back', async () => {
    await room.stopBot();
    const commands = await Promise.all(
      Array.from({ length: 120 }, async () => room.ana.say('hello')),
    );
    const command = await room.ana.say('!version');
    await Promise.all(Array.from({ length: 120 }, async () => room.ana.say('hello again')));
    await room.startBot();
    expect((await room.ana.answerTo(command)).field.status).toBe('done');
    expect(commands).toHaveLength(120);
  });

  it('that is unreadable calls nothing and says what is wrong', async () => {
    const mallory = await newUser('mallory');
    const answer = await room.ana.ask(`!deactivate ${mallory.userId} --eraze`);
    expect(answer.field).toMatchObject({ status: 'usage', audit: [] });
    expect(answer.body).toContain('`!deactivate` has no flag `--eraze`'.replaceAll('`', ''));
    expect(answer.body).toContain('Did you mean --erase?');
    expect(answer.body).toContain('Usage: !deactivate USER…|--matching');
    const unknown = await room.ana.ask('!deactivte x');
    expect(unknown.body).toContain('Did you mean !deactivate?');
  });

  it('takes a pill, although the plain body holds only the display name', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory <b>"the" one</b>' });
    const event = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body: '!user Mallory <b>"the" one</b>',
      format: 'org.matrix.custom.html',
      formatted_body: `!user <a href="https://matrix.to/#/${encodeURIComponent(mallory.userId)}">Mallory &lt;b&gt;&quot;the&quot; one&lt;/b&gt;</a>`,
    });
    const answer = await room.ana.answerTo(event);
    expect(answer.field.data).toMatchObject({ name: mallory.userId });
    expect(answer.html).toContain('Mallory &lt;b&gt;&quot;the&quot; one&lt;/b&gt;');
  });

  it('in a thread is answered in the thread', async () => {
    const root = await room.ana.say('about the spam');
    const event = await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body: '!version',
      'm.relates_to': { rel_type: 'm.thread', event_id: root },
    });
    const answer = await room.ana.answerTo(event);
    expect(answer.content['m.relates_to']).toMatchObject({
      rel_type: 'm.thread',
      event_id: root,
      'm.in_reply_to': { event_id: event },
    });
  });

  it('addressed to the bot by name works without the prefix', async () => {
    const name = room.bot.account.localpart;
    expect((await room.ana.ask(`${name}: version`)).field.command).toBe('version');
    expect((await room.ana.ask(`${room.bot.userId} version`)).field.command).toBe('version');
  });
});

describe('roles', () => {
  it('a viewer reads and can’t change, and the attempt is audited', async () => {
    const mallory = await newUser('mallory');
    expect((await room.vic.ask(`!user ${mallory.userId}`)).field.status).toBe('done');
    const denied = await room.vic.ask(`!shadow-ban ${mallory.userId}`);
    expect(denied.field).toMatchObject({ status: 'denied' });
    expect(denied.body).toContain(
      'you need to be a moderator to use shadow-ban (you are a viewer)',
    );
    expect(await isBanned(mallory.userId)).toBe(false);
    const audit = await room.ana.ask(`!audit --by ${room.vic.user.userId}`);
    expect(audit.body).toContain('denied');
  });

  it('somebody without power in the room has none over the server', async () => {
    const stranger = adminUser();
    const mallory = await newUser('mallory');
    await room.ana.user.invite(room.id, stranger.userId);
    await stranger.join(room.id);
    const event = await stranger.sendText(room.id, `!shadow-ban ${mallory.userId}`);
    expect((await room.ana.answerTo(event)).field.status).toBe('denied');
    expect(await isBanned(mallory.userId)).toBe(false);
  });
});

describe('after a long absence', () => {
  it('stale commands are answered together, once, and none is carried out', async () => {
    const away = await openRoom({ commands: { maxAge: '1s' } });
    const mallory = await newUser('mallory');
    await away.stopBot();
    const commands: string[] = [];
    for (let at = 0; at < 6; at += 1) {
      commands.push(await away.ana.say(`!shadow-ban ${mallory.userId}`));
    }
    // Age itself is what makes them stale.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await away.startBot();
    const answer = await away.ana.answerTo(commands.at(-1) ?? '');
    expect(answer.field).toMatchObject({ status: 'stale', data: { events: commands } });
    expect(answer.body).toContain('6 commands not done');
    expect((await away.ana.ask('!version')).field.status).toBe('done');
    expect(commands.flatMap((command) => away.ana.answersTo(command))).toHaveLength(1);
    expect(await isBanned(mallory.userId)).toBe(false);
    await away.close();
  });
});

describe('many denials in a row', () => {
  it('are told to the admins, once', async () => {
    const mallory = await newUser('mallory');
    const tried = await openRoom();
    for (let at = 0; at < 6; at += 1) {
      await tried.vic.ask(`!shadow-ban ${mallory.userId}`);
    }
    const alerts = tried.ana.events.filter((event) =>
      String(event.content['body']).includes(
        `Vic (${tried.vic.user.userId}) was denied 5 commands`,
      ),
    );
    expect(alerts).toHaveLength(1);
    expect(alerts[0]?.content['m.mentions']).toEqual({ user_ids: [tried.ana.user.userId] });
    expect(await highlightsOf(tried.ana.user)).toEqual([alerts[0]?.event_id]);
    expect(await highlightsOf(tried.ben.user)).toEqual([]);
    await tried.close();
  });
});
