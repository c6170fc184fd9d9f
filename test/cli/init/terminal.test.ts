import { PassThrough } from 'node:stream';

import { expect, it } from 'vitest';

import { WrongAnswerError, useAnswer } from '../../../src/cli/init/asking.ts';
import { openTerminal } from '../../../src/cli/init/terminal.ts';
import { SetupError } from '../../../src/core/errors.ts';

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
  const asking = { terminal, say: () => undefined };
  const nobody = { ...asking, terminal: undefined };
  const use = async (answer: string) => answer;
  expect(await useAnswer('ben', question, asking, use)).toBe('ben');
  expect(await useAnswer(undefined, question, asking, use)).toBe('ana');
  await expect(useAnswer(undefined, question, nobody, use)).rejects.toThrow(
    'Missing: --admin-user.',
  );
  expect(asked).toEqual(['User name']);
  const secret = { ...question, isSecret: true };
  await expect(useAnswer(undefined, secret, asking, use)).rejects.toThrow('Missing: --admin-user.');
  expect(asked.slice(1)).toEqual(Array(3).fill('User name (secret)'));
  expect(await useAnswer(undefined, { ...secret, isOptional: true }, asking, use)).toBe('');
});

it('asks again only if another answer can be right, three times at most', async () => {
  let times = 0;
  const said: string[] = [];
  const asking = {
    terminal: { ask: async () => `answer ${(times += 1)}`, askSecret: async () => '' },
    say: (line: string) => said.push(line),
  };
  const question = { text: 'User name', option: '--admin-user' };
  const wrong = async (answer: string) => {
    throw new WrongAnswerError(`${answer} is wrong.`, 'Try another.');
  };
  const failed = await useAnswer(undefined, question, asking, wrong).catch(
    (error: unknown) => error,
  );
  expect(failed).toMatchObject({ message: 'answer 3 is wrong.', advice: 'Try another.' });
  // So that a question around this one is not asked again.
  expect(failed).not.toBeInstanceOf(WrongAnswerError);
  expect(said).toEqual([
    'answer 1 is wrong.',
    '  Try another.',
    'answer 2 is wrong.',
    '  Try another.',
  ]);
  await expect(
    useAnswer(undefined, question, asking, async () => {
      throw new SetupError('The disk is full.');
    }),
  ).rejects.toThrow('The disk is full.');
  await expect(useAnswer('given', question, asking, wrong)).rejects.toThrow('given is wrong.');
  expect(times).toBe(4);
});
