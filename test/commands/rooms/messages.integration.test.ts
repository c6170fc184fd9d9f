import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { fileBehind } from '../../support/file-behind.ts';
import { adminApi, asRoomId, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const unknownRoom = `!${'x'.repeat(43)}`;

let room: TestRoom;
let owner: MatrixUser;
/** A private room that the bot is not in. */
let id: string;
beforeAll(async () => {
  room = await openRoom();
  owner = await newUser('owner');
  id = await newRoom(owner, { preset: 'private_chat', name: 'Back room' });
});
afterAll(async () => room.close());

const linkTo = (event: string, where: string = id) =>
  `https://matrix.to/#/${encodeURIComponent(where)}/${encodeURIComponent(event)}`;

const auditOf = async (number: number | undefined) =>
  (await room.ana.ask(`!audit ${number}`)).field.data;

interface Found {
  readonly messages: readonly { readonly event_id: string }[];
}

describe('messages', () => {
  it('shows the newest behind spoilers, and records who read them', async () => {
    const first = await owner.sendText(id, 'buy at https://evil.example <b>now</b>');
    const second = await owner.send(id, 'm.room.message', {
      msgtype: 'm.text',
      body: 'hello',
      format: 'org.matrix.custom.html',
      formatted_body: '<i>something</i> nasty',
    });
    const answer = await room.ben.ask(`!messages ${id} --limit 2`);
    expect(answer.field).toMatchObject({ command: 'messages', status: 'done' });
    expect(answer.body).toContain(`2 messages in Back room ${id}`);
    expect(answer.body).toContain(`${owner.userId} “buy at https[:]//evil[.]example <b>now</b>”`);
    expect(answer.body).toContain('“something nasty” (its plain text differs)');
    const html = String(answer.content['formatted_body']);
    expect(html).toContain('<span data-mx-spoiler>“something nasty”</span>');
    expect(html).not.toContain('<b>now</b>');
    const { messages } = answer.field.data as Found;
    expect(messages.map(({ event_id: event }) => event)).toEqual([first, second]);
    // The text is shown once.
    expect(JSON.stringify(answer.field)).not.toContain('nasty');

    expect(answer.field.audit).toHaveLength(1);
    expect(answer.body).toContain(`Asked by Ben`);
    const [number] = answer.field.audit;
    expect(await auditOf(number)).toMatchObject({
      command: 'messages',
      actor: room.ben.user.userId,
      target: id,
      status: 'done',
    });
    const history = await room.ana.ask(`!history ${id}`);
    expect(history.body).toContain('messages');
    const undone = await room.ana.ask(`!undo ${number}`);
    expect(undone.field.status).not.toBe('done');
  });

  it('shows redacted messages as redacted, encrypted ones as encrypted, and edits', async () => {
    const gone = await owner.sendText(id, 'secret words');
    await owner.redact(id, gone);
    await owner.send(id, 'm.room.encrypted', {
      algorithm: 'm.megolm.v1.aes-sha2',
      ciphertext: 'x',
    });
    const edited = await owner.sendText(id, 'before');
    const edit = await owner.send(id, 'm.room.message', {
      msgtype: 'm.text',
      body: 'nothing to see',
      'm.new_content': { msgtype: 'm.text', body: 'after' },
      'm.relates_to': { rel_type: 'm.replace', event_id: edited },
    });
    const answer = await room.ben.ask(`!messages ${id} --limit 4`);
    expect(answer.body).toContain(`(redacted by ${owner.userId})`);
    expect(answer.body).toContain('(encrypted)');
    expect(answer.body).toContain('“after” (edited)');
    expect(answer.body).toContain('“after” (edits an earlier message)');
    expect(JSON.stringify(answer.content)).not.toContain('secret words');

    const one = await room.ben.ask(`!event ${linkTo(gone)}`);
    expect(one.body).toContain(`Redacted by ${owner.userId}`);
    expect(JSON.stringify(one.content)).not.toContain('secret words');
    const changed = await room.ben.ask(`!event ${linkTo(edited)}`);
    expect(changed.body).toContain('“before”');
    expect(changed.body).toContain('Edited to: “after”');
    const editItself = await room.ben.ask(`!event ${linkTo(edit)}`);
    expect(editItself.body).toContain('“nothing to see”');
    expect(editItself.body).toContain('Edited to: “after”');
  });

  it('shows what was said around a message or a time', async () => {
    const other = await newRoom(owner);
    const sent: string[] = [];
    for (const text of ['one', 'two', 'three', 'four', 'five']) {
      sent.push(await owner.sendText(other, text));
    }
    const [, , three = ''] = sent;
    const around = await room.ben.ask(
      `!messages ${other} --around ${linkTo(three, other)} --limit 3`,
    );
    const found = around.field.data as Found;
    expect(found.messages.map(({ event_id: event }) => event)).toEqual(sent.slice(1, 4));
    expect(around.body).toMatch(/this one: \S+ “three”/u);
    expect(around.body).toContain('!event ');

    const long = await room.ben.ask(`!messages ${other} --at 2020-01-01 --limit 1`);
    expect((long.field.data as Found).messages).toHaveLength(1);
    const late = await room.ben.ask(`!messages ${other} --at 2090-01-01 --limit 2`);
    expect((late.field.data as Found).messages.at(-1)?.event_id).toBe(sent.at(-1));
  });

  it('stays readable when somebody floods the room with odd characters', async () => {
    const other = await newRoom(owner);
    const flood = '\u202E&<'.repeat(1000);
    for (let number = 0; number < 12; number += 1) {
      await owner.sendText(other, flood);
    }
    await owner.sendText(other, 'the last word');
    const answer = await room.ben.ask(`!messages ${other} --limit 25`);
    expect(answer.body).toContain('the last word');
    expect(answer.body).not.toContain('\u202E');
    expect(answer.content['formatted_body']).toContain('the last word');
  });

  it('is for moderators, and says what it can’t find', async () => {
    const denied = await room.vic.ask(`!messages ${id}`);
    expect(denied.field).toMatchObject({ status: 'denied' });
    expect(await auditOf(denied.field.audit[0])).toMatchObject({ status: 'denied' });
    const unknown = await room.ben.ask(`!messages ${unknownRoom}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_room' } });
    expect(await auditOf(unknown.field.audit[0])).toMatchObject({ status: 'failed' });
    const both = await room.ben.ask(`!messages ${id} --at 1h --around ${linkTo('$x')}`);
    expect(both.field).toMatchObject({ status: 'usage' });
    const elsewhere = await room.ben.ask(
      `!messages ${id} --around ${linkTo('$x', String(await newRoom(owner)))}`,
    );
    expect(elsewhere.body).toContain('is in another room');
    const none = await room.ben.ask(`!messages ${id} --around ${linkTo('$unknown')}`);
    expect(none.body).toContain('no such message');
    const words = await room.ben.ask(`!event ${id}`);
    expect(words.field).toMatchObject({ status: 'usage' });
    const { events } = adminApi(owner.account.accessToken);
    await expect(events.at(asRoomId(id), 0, 'f')).rejects.toMatchObject({ status: 403 });
  });
});

describe('event', () => {
  it('shows a message in full, and records who read it', async () => {
    const event = await owner.sendText(id, 'see mallory@evil.example');
    const answer = await room.ben.ask(`!event ${linkTo(event)}`);
    expect(answer.body).toContain(`Message by ${owner.userId} in Back room ${id}`);
    expect(answer.body).toContain('evil[.]example');
    expect(answer.body).toContain('!redact ');
    expect(answer.field.data).toMatchObject({ event_id: event, redacted: false });
    expect(await auditOf(answer.field.audit[0])).toMatchObject({ command: 'event' });
  });

  it('shows other events as they are stored, and attaches what is long', async () => {
    const text = `${'long '.repeat(400)}end`;
    const event = await owner.setState(id, 'org.example.thing', { text }, 'key');
    const answer = await room.ben.ask(`!event ${linkTo(event)}`);
    expect(answer.body).toContain('Event org.example.thing by');
    expect(answer.body).toContain('state of the room for key');
    expect(JSON.parse(await fileBehind(room.ben, 'event.json'))).toEqual({ text });
  });
});
