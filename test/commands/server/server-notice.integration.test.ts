import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { MatrixEvent } from '../../../dev/synapse/matrix-user.ts';
import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { asUserId, newUser, uniqueLocalpart } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { messagesIn } from '../../support/secrets.ts';

describe('server-notice', () => {
  let server: OwnHomeserver;
  let room: TestRoom;
  let api: AdminApi;
  beforeAll(async () => {
    server = await startOwnHomeserver({
      server_notices: { system_mxid_localpart: 'notices', room_name: 'Server notices' },
    });
    room = await openRoom({}, { server });
    api = createAdminApi({ url: server.url, accessToken: room.bot.account.accessToken });
  });
  afterAll(async () => {
    await room.close();
    await server.stop();
  });

  /** What somebody reads in the room that the server has invited them to. */
  async function noticesFor(user: MatrixUser): Promise<MatrixEvent[]> {
    const memberships = await api.users.memberships(asUserId(user.userId));
    const found = [];
    for (const { roomId, membership } of memberships) {
      if (membership === 'invite') {
        await user.join(roomId);
      }
      found.push(...(await messagesIn(roomId, user)));
    }
    return found;
  }

  const newPerson = async (name: string) =>
    MatrixUser.register(server, { localpart: uniqueLocalpart(name) });

  it('sends a message in Markdown to one user', async () => {
    const vera = await newPerson('vera');
    const line = `!server-notice ${vera.userId} Please read our **rules** at [home](https://example.com/a?b=1&c) <now>`;
    const dryRun = await room.ben.ask(`${line} --dry-run`);
    expect(dryRun.field.status).toBe('dry_run');
    expect(dryRun.body).toContain('“Please read our **rules** at');
    expect(await noticesFor(vera)).toEqual([]);
    const sent = await room.ben.ask(line);
    expect(sent.field).toMatchObject({ status: 'done', data: { user_id: vera.userId } });
    expect(sent.field.audit).toHaveLength(1);
    expect(sent.body).toContain('✅ Sent a message from the server to');
    const [notice] = await noticesFor(vera);
    expect(notice?.sender).toBe(`@notices:${server.serverName}`);
    expect(notice?.content).toMatchObject({
      body: 'Please read our **rules** at [home](https://example.com/a?b=1&c) <now>',
      formatted_body:
        'Please read our <strong>rules</strong> at <a href="https://example.com/a?b=1&amp;c">home</a> &lt;now&gt;',
    });
    const undone = await room.ben.ask(`!undo ${sent.field.audit[0]}`);
    expect(undone.body).toContain('can’t be undone');
  });

  it('sends each of several users one message, once it is confirmed', async () => {
    const [one, two] = [await newPerson('one'), await newPerson('two')];
    const question = await room.ben.ask(`!server-notice ${one.userId} ${two.userId} Hello`);
    expect(question.field.status).toBe('pending');
    expect(question.body).toContain('send “Hello”');
    await room.ben.ask('!confirm');
    await room.ben.outcomeOf(question, 'done');
    for (const user of [one, two]) {
      expect((await noticesFor(user)).map(({ content }) => content['body'])).toEqual(['Hello']);
    }
  });

  it('counts and lists all users before it sends to them', async () => {
    const gone = await newPerson('gone');
    const here = await newPerson('here');
    await room.bot.request('POST', `/_synapse/admin/v1/deactivate/${gone.userId}`, { json: {} });
    const question = await room.ben.ask('!server-notice --all-users Down at **22:00**');
    expect(question.field.status).toBe('pending');
    expect(question.body).toMatch(/Send a message from the server to \d+ accounts/u);
    expect(question.body).toContain('A message that was sent stays in the room.');
    await room.ben.ask('!confirm');
    await room.ben.outcomeOf(question, 'done', 'partial');
    const bodies = (await noticesFor(here)).map(({ content }) => content['body']);
    expect(bodies).toEqual(['Down at **22:00**']);
    const both = await room.ben.ask('!server-notice --all-users --matching "--admins" Hello');
    expect(both.field.status).toBe('usage');
  });

  it('refuses deactivated and unknown accounts, viewers, and an empty message', async () => {
    const gone = await newPerson('gone');
    await room.bot.request('POST', `/_synapse/admin/v1/deactivate/${gone.userId}`, { json: {} });
    const deactivated = await room.ben.ask(`!server-notice ${gone.userId} Hello`);
    expect(deactivated.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    const nobody = `@${uniqueLocalpart('nobody')}:${server.serverName}`;
    const unknown = await room.ben.ask(`!server-notice ${nobody} Hello`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_user' } });
    const viewer = await room.vic.ask(`!server-notice ${room.ana.user.userId} Hello`);
    expect(viewer.field.status).toBe('denied');
    const empty = await room.ben.ask(`!server-notice ${room.ana.user.userId}`);
    expect(empty.field.status).toBe('usage');
    await expect(
      api.serverNotices.send(asUserId(nobody), { body: 'x', formattedBody: 'x' }, 'no-such-user'),
    ).rejects.toMatchObject({ status: 404 });
  });
});

it('server-notice says which keys of Synapse’s configuration are missing', async () => {
  const room = await openRoom();
  try {
    const vera = await newUser('vera');
    const answer = await room.ben.ask(`!server-notice ${vera.userId} Hello`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('this homeserver has no server notices');
    expect(answer.body).toContain('server_notices.system_mxid_localpart');
  } finally {
    await room.close();
  }
});
