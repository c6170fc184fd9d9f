import { expect, test } from 'vitest';

import { readCommandLine } from '../../src/cli/command-line.ts';
import { UsageError } from '../../src/core/errors.ts';

const read = (line: string) => readCommandLine(line.split(' ').filter(Boolean));

test.each([
  ['start', { command: 'start', configFile: 'config/lawspeaker.yaml' }],
  ['check-config --json', { command: 'check-config', options: { json: true } }],
  ['check-config -c other.yaml', { command: 'check-config', configFile: 'other.yaml' }],
  ['audit verify', { command: 'audit verify', options: {} }],
  [
    'audit list --by @ana:x --limit=5 --config x.yaml',
    { command: 'audit list', options: { by: '@ana:x', limit: '5' }, configFile: 'x.yaml' },
  ],
  ['--format csv audit export', { command: 'audit export', options: { format: 'csv' } }],
  ['rules test --since 7d', { command: 'rules test', options: { since: '7d' } }],
  ['backup a.db', { command: 'backup', operand: 'a.db' }],
  ['backup --config x.yaml a.db', { command: 'backup', operand: 'a.db', configFile: 'x.yaml' }],
  ['restore a.db', { command: 'restore', operand: 'a.db' }],
  [
    'move-database --to postgres://x/y --from a.db',
    { command: 'move-database', options: { to: 'postgres://x/y', from: 'a.db' } },
  ],
  ['healthcheck -c x.yaml', { command: 'healthcheck', configFile: 'x.yaml' }],
  ['--help', { command: 'help' }],
  ['audit list --help', { command: 'help', operand: 'audit' }],
  ['--version', { command: 'version' }],
])('%s', (line, expected) => {
  expect(read(line)).toMatchObject(expected);
});

test.each([
  ['', 'No command given.'],
  ['strat', 'Unknown command: strat. Did you mean start?'],
  ['audit lst', 'Unknown command: audit lst. Did you mean audit list?'],
  ['audit', 'audit needs one of: verify, list, export.'],
  ['audit verify now', 'Unknown command: audit verify now.'],
  ['constructor', 'Unknown command: constructor.'],
  ['backup', 'backup needs one FILE.'],
  ['backup a b', 'backup needs one FILE.'],
  ['restore', 'restore needs one FILE.'],
  ['move-database a.db', 'Unknown command: move-database a.db.'],
  ['start --to a.db', '--to can only be used with report, move-database.'],
  ['healthcheck now', 'Unknown command: healthcheck now.'],
  ['start --since 7d', '--since can only be used with rules test, audit list, audit export.'],
  ['rules test --by @ana:x', '--by can only be used with audit list, audit export.'],
  ['audit verify --limit 3', '--limit can only be used with audit list'],
  ['start --konfig x', "Unknown option '--konfig'."],
  ['audit list --by', 'argument missing'],
])('%j is refused: %s', (line, reason) => {
  let fault: unknown;
  try {
    read(line);
  } catch (error) {
    fault = error;
  }
  expect(fault).toBeInstanceOf(UsageError);
  const { message } = fault as UsageError;
  expect(message).toContain(reason);
  expect(message).not.toMatch(/\n|To specify/u);
});
