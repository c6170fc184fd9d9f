import { expect, test } from 'vitest';

import { positional } from '../../src/chat/command/arguments.ts';
import { defineCommand } from '../../src/chat/command/declaration.ts';
import type { Context } from '../../src/chat/command/declaration.ts';
import { outcomeOf } from '../../src/operations/execute/attempt.ts';
import type { CommandContextParts, Resolved } from '../../src/operations/stages.ts';
import { commandContextFor } from '../../src/operations/stages.ts';
import type { Account } from '../../src/services/services.ts';

const notice = defineCommand({
  name: 'notice',
  summary: 'Sends a notice',
  args: {
    users: positional('account', 'One or more users', { many: true }),
    text: positional('text', 'What to say', { rest: true }),
  },
  danger: 'change',
  reversible: false,
  protects: { nobody: 'it only says something' },
  example: 'notice @a:x hello',
  run: async ({ transactionId }) => ({ sent: transactionId, job: 'job-1' }),
  answer: () => ({ mark: '✅', title: [] }),
  serverJob: ({ job }) => job,
});

const account = (name: string) => ({ name }) as Account;

function contextOf(event: string, name: string | undefined, command = 'notice'): Context {
  const parts = { settings: { homeservers: [] }, now: () => 0 } as unknown as CommandContextParts;
  const resolved = {
    command: notice,
    invocation: { command, arguments: {}, origin: { event } },
  } as unknown as Resolved;
  return commandContextFor(parts, resolved, name === undefined ? undefined : account(name));
}

test('a command has a transaction ID, which a second attempt has as well', async () => {
  const { transactionId } = contextOf('$asked', '@a:x');
  expect(transactionId).toMatch(/^[\w-]{20,}$/u);
  expect(contextOf('$asked', '@a:x').transactionId).toBe(transactionId);
  expect(await notice.run(contextOf('$asked', '@a:x'))).toMatchObject({ sent: transactionId });
});

test('no two targets and no two messages have the same transaction ID', () => {
  const ids = [
    contextOf('$asked', '@a:x'),
    contextOf('$asked', '@b:x'),
    contextOf('$asked', undefined),
    contextOf('$other', '@a:x'),
    contextOf('$asked', '@a:x', 'other'),
  ].map(({ transactionId }) => transactionId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the ID of the homeserver’s job is stored with the outcome', async () => {
  const serverJob = notice.serverJob?.(await notice.run(contextOf('$asked', '@a:x')));
  expect(outcomeOf({ target: '@a:x', audit: 1, status: 'running', tookMs: 5, serverJob })).toEqual({
    status: 'running',
    detail: { took_ms: 5, server_job: 'job-1' },
  });
});
