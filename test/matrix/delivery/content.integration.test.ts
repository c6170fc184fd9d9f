import { beforeAll, expect, test } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { line } from '../../../src/chat/answers/answer.ts';
import type { RoomId } from '../../../src/core/ids.ts';
import { editContent, replyContent } from '../../../src/matrix/delivery/content.ts';
import type { Reply } from '../../../src/operations/answer/reply.ts';
import { asEventId, newRoom, newUser } from '../../support/homeserver.ts';

let ana: MatrixUser;
let room: RoomId;
beforeAll(async () => {
  ana = await newUser('ana');
  room = await newRoom(ana);
});

const half = '\uD83D';

test.each<[string, Partial<Reply['answer']>, Partial<Reply>]>([
  ['fractions and huge numbers', { data: { perMs: 0.25, huge: 1e300, list: [Number.NaN] } }, {}],
  ['half a character', { title: [half], data: { [half]: half } }, { command: half }],
  ['half a character in an error', {}, { error: { code: 'x', message: `${'x'.repeat(499)}😀` } }],
  ['a long text of three bytes each', { body: [line('日'.repeat(100_000))] }, {}],
  ['a long text of quotes', { body: [line('"'.repeat(100_000))] }, {}],
  ['a huge batch', {}, { audit: Array.from({ length: 20_000 }, (_, at) => 1_000_000 + at) }],
  ['much of all', { body: [line('日'.repeat(11_000))], data: 'ä'.repeat(9_900) }, {}],
])('Synapse takes an answer with %s', async (_, answer, more) => {
  const reply: Reply = {
    command: 'user',
    status: 'done',
    audit: [],
    answer: { mark: 'ℹ️', title: ['Mallory'], ...answer },
    ...more,
  };
  const command = asEventId(await ana.sendText(room, '!user mallory'));
  const send = async (content: object) => ana.send(room, 'm.room.message', { ...content });
  const answered = await send(replyContent(reply, { event: command, room }, '!'));
  expect(await send(editContent(reply, asEventId(answered), '!'))).toMatch(/^\$/u);
});
