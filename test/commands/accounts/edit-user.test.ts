import assert from 'node:assert/strict';

import { expect, test } from 'vitest';

import { dangerOf } from '../../../src/chat/command/properties.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import { registry } from '../../support/fuzz-bot.ts';

test.for([
  ['--displayname Mallory', 'change'],
  ['--clear-email --clear-phone --clear-external-id', 'change'],
  ['--email m@example.com', 'destructive'],
  ['--phone +447470274584', 'destructive'],
  ['--external-id idp:mallory', 'destructive'],
  ['--email m@example.com --admin', 'critical'],
] as const)('edit-user with %s is %s: a way into an account is confirmed', ([flags, danger]) => {
  const command = registry.find('edit-user');
  assert.ok(command);
  const context = { serverName: 'localhost', now: 0, prefix: '!' };
  const { values } = readArguments(command, tokenize(`@mallory:localhost ${flags}`), context);
  expect(dangerOf(command, values)).toBe(danger);
});
