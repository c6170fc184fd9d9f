import { expect, test } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { updateTimers } from '../../../src/operations/execute/timers.ts';

const registry = createRegistry(await loadCommands());
const homeservers = ['one.example', 'two.example'].map((name) => ({ name, serverName: name }));
const room = `!${'a'.repeat(43)}`;

type Given = Parameters<typeof updateTimers>;

/** The timers that blocking a room stops. */
async function stoppedBy(on: string | undefined): Promise<unknown> {
  const timer = (id: number, line: string) => ({ id, line, action: 'block-room', intentId: id });
  const timers = {
    scheduledFor: async () => [
      timer(1, `unblock-room ${room}`),
      timer(2, `unblock-room ${room} --on=two.example`),
    ],
    end: async () => undefined,
  };
  const invocation = {
    command: 'block-room',
    arguments: { room },
    on,
    actor: { kind: 'person', user: '@ana:one.example' },
  };
  const { stopped } = await updateTimers(
    { settings: { botUser: '@bot:one.example' as UserId, homeservers }, now: () => 0 },
    { timers } as unknown as Given[1],
    { command: registry.find('block-room'), invocation } as unknown as Given[2],
    { status: 'done', target: undefined, audit: 5 },
  );
  return stopped?.map(({ id }) => id);
}

test.each([
  [undefined, [1]],
  ['one.example', [1]],
  ['two.example', [2]],
])('blocking a room on %s leaves the end of its block on another homeserver', async (on, ids) => {
  expect(await stoppedBy(on)).toEqual(ids);
});
