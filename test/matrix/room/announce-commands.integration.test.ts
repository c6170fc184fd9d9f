import { afterAll, beforeAll, expect, it } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { descriptionKey, descriptionType } from '../../../src/chat/command/structured.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { adminApi, asUserId, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const patience = { timeout: 30_000, interval: 200 };

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom({ commands: { announce: true } });
});
afterAll(async () => room.close());

interface StateEvent {
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly event_id: string;
  readonly content: Readonly<Record<string, unknown>>;
}

async function descriptions(): Promise<StateEvent[]> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/state`;
  const state = await room.ana.user.request<StateEvent[]>('GET', path);
  return state.filter(({ type }) => type === descriptionType);
}

/** As gomuks sends it. */
async function sendAsClient(body: string, command: string, given: object): Promise<string> {
  return room.ana.user.send(room.id, 'm.room.message', {
    msgtype: 'm.text',
    body,
    'm.mentions': { user_ids: [room.bot.userId] },
    'org.matrix.msc4391.command': { command, arguments: given },
  });
}

it('works without the power level for state events, and describes the commands once it has it', async () => {
  expect((await room.ana.ask('!version')).field.status).toBe('done');
  expect(await descriptions()).toEqual([]);
  await room.ana.user.setState(room.id, 'm.room.power_levels', {
    users: { [room.ben.user.userId]: 50, [room.bot.userId]: 50 },
  });
  await room.stopBot();
  await room.startBot();
  const commands = await loadCommands();
  await expect.poll(async () => (await descriptions()).length, patience).toBe(commands.length);
  const all = await descriptions();
  const deactivate = all.find(({ content }) => content['command'] === 'deactivate');
  expect(deactivate).toMatchObject({
    sender: room.bot.userId,
    state_key: descriptionKey('deactivate', room.bot.userId as UserId),
    content: {
      parameters: expect.arrayContaining([
        expect.objectContaining({
          key: 'accounts',
          schema: {
            schema_type: 'array',
            items: { schema_type: 'primitive', type: 'user_id' },
          },
        }),
        expect.objectContaining({ key: 'dry-run', optional: true }),
      ]) as unknown,
    },
  });
  // Nothing has changed, so nothing is written.
  await room.stopBot();
  await room.startBot();
  await room.ana.ask('!version');
  const again = await descriptions();
  expect(new Set(again.map((one) => one.event_id))).toEqual(
    new Set(all.map((one) => one.event_id)),
  );
}, 120_000);

it('a completed command takes the way of a typed one: answer, confirmation, audit log', async () => {
  const { ana } = room;
  const mallory = await newUser('mallory');
  const shown = await ana.answerTo(
    await sendAsClient(`/user ${mallory.userId}`, 'user', { account: mallory.userId }),
  );
  expect(shown.field).toMatchObject({ command: 'user', status: 'done' });
  const confirmation = await ana.answerTo(
    await sendAsClient(`/deactivate ${mallory.userId} --reason=spam`, 'deactivate', {
      accounts: [mallory.userId],
      reason: 'spam from "outside"',
      erase: false,
    }),
  );
  expect(confirmation.field.status).toBe('pending');
  const account = async () => adminApi().users.get(asUserId(mallory.userId));
  expect((await account()).deactivated).toBe(false);
  await ana.user.react(room.id, confirmation.event, '✅');
  await ana.outcomeOf(confirmation, 'done');
  expect((await account()).deactivated).toBe(true);
  expect((await ana.ask(`!audit ${confirmation.field.audit[0] ?? 1}`)).body).toContain(
    'spam from "outside"',
  );
}, 60_000);
