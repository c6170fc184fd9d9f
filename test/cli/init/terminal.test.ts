import { PassThrough } from 'node:stream';

import { expect, it } from 'vitest';

import { givenOrAsked } from '../../../src/cli/init/missing.ts';
import { openTerminal } from '../../../src/cli/init/terminal.ts';

function openedTerminal() {
  const input = new PassThrough();
  const output = new PassThrough();
  let shown = '';
  output.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  return { input, terminal: openTerminal(input, output), shown: () => shown };
}

it('shows what is typed, but not a secret', async () => {
  const { input, terminal, shown } = openedTerminal();
  const name = terminal.ask('User name');
  input.write('ana\r');
  expect(await name).toBe('ana');
  expect(shown()).toContain('User name: ');
  expect(shown()).toContain('ana');
  const secret = terminal.askSecret('Password');
  input.write('correct horse');
  input.write('\r');
  expect(await secret).toBe('correct horse');
  expect(shown()).toContain('Password: ');
  expect(shown()).not.toContain('horse');
});

it('says that nothing is lost if the input ends', async () => {
  const { input, terminal } = openedTerminal();
  const name = terminal.ask('User name');
  input.end();
  await expect(name).rejects.toThrow('Interrupted');
});

it('asks only for what was not given, and not if nobody is there', async () => {
  const asked: string[] = [];
  const terminal = {
    ask: async (question: string) => {
      asked.push(question);
      return 'ana';
    },
    askSecret: async (question: string) => {
      asked.push(`${question} (secret)`);
      return '';
    },
  };
  const question = { text: 'User name', option: '--admin-user' };
  expect(await givenOrAsked('ben', question, terminal)).toBe('ben');
  expect(await givenOrAsked(undefined, question, terminal)).toBe('ana');
  await expect(givenOrAsked(undefined, { ...question, isSecret: true }, terminal)).rejects.toThrow(
    'Missing: --admin-user.',
  );
  await expect(givenOrAsked(undefined, question, undefined)).rejects.toThrow(
    'Missing: --admin-user.',
  );
  expect(asked).toEqual(['User name', 'User name (secret)']);
});
