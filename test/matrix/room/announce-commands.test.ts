import { expect, test } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { descriptionKey, descriptionType } from '../../../src/chat/command/structured.ts';
import { HomeserverError } from '../../../src/core/errors.ts';
import { announceCommands } from '../../../src/matrix/room/announce-commands.ts';
import { botUser, room } from '../../support/fuzz-bot.ts';

const commands = await loadCommands();

interface Written {
  readonly type: string;
  readonly state_key: string;
  readonly sender: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What is written into a room with this state. */
async function announce(state: readonly unknown[], announced = commands, refuses = false) {
  const written: Written[] = [];
  const warnings: string[] = [];
  const log = {
    info: () => undefined,
    error: () => undefined,
    warn: (_: object, message: string) => warnings.push(message),
  };
  const setStateAt = async (
    _: string,
    type: string,
    key: string,
    content: Readonly<Record<string, unknown>>,
  ) => {
    if (refuses) {
      throw new HomeserverError(403, 'M_FORBIDDEN', 'PUT /state');
    }
    written.push({ type, state_key: key, sender: botUser, content });
  };
  await announceCommands(
    { client: { rooms: { setStateAt } }, log },
    { room, botUser, state, commands: announced },
  );
  return { written, warnings };
}

test('each command is described once, and again only if it has changed', async () => {
  const { written } = await announce(['nonsense', { type: descriptionType }]);
  expect(written).toHaveLength(commands.length);
  expect((await announce(written)).written).toEqual([]);
  const [first, ...rest] = written;
  const older = { ...first, content: { ...first?.content, description: {} } };
  expect((await announce([older, ...rest])).written).toEqual([first]);
});

test('a description that somebody else has written under the bot’s key is replaced', async () => {
  const [first, ...rest] = (await announce([])).written;
  const squatted = { ...first, sender: '@mallory:localhost' };
  expect((await announce([squatted, ...rest])).written).toEqual([first]);
});

test('commands that are gone, and all when the setting is off, are emptied once', async () => {
  const { written } = await announce([]);
  const gone = { ...written[0], state_key: descriptionKey('gone', botUser) };
  const other = { ...gone, state_key: 'theirs', sender: '@other-bot:localhost' };
  expect((await announce([...written, gone, other])).written).toEqual([{ ...gone, content: {} }]);
  const off = (await announce(written, [])).written;
  expect(off).toHaveLength(commands.length);
  expect(off.every(({ content }) => Object.keys(content).length === 0)).toBe(true);
  expect((await announce(off, [])).written).toEqual([]);
});

test('a refusal is logged, and the bot goes on', async () => {
  const { warnings } = await announce([], commands, true);
  expect(warnings).toEqual([expect.stringContaining('power level')]);
});
