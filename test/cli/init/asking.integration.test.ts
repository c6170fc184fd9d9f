import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { openBotAccount } from '../../../src/cli/init/bot-account.ts';
import { findHomeserver } from '../../../src/cli/init/find-homeserver.ts';
import { readInitOptions } from '../../../src/cli/init/options.ts';
import type { Terminal } from '../../../src/cli/init/terminal.ts';
import {
  adminApi,
  asUserId,
  homeserver,
  newUser,
  uniqueLocalpart,
} from '../../support/homeserver.ts';
import { startStandIn } from '../../support/stand-in.ts';

/** Somebody who answers, one answer for each question, in order. */
function person(...answers: readonly string[]) {
  const left = [...answers];
  const asked: string[] = [];
  const terminal: Terminal = {
    async ask(question) {
      asked.push(question);
      return left.shift() ?? '';
    },
    async askSecret(question) {
      asked.push(`secret: ${question}`);
      return left.shift() ?? '';
    },
  };
  return { terminal, asked };
}

const say = () => undefined;

let folder: string;
let configFile: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-init-'));
  configFile = path.join(folder, 'lawspeaker.yaml');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

it('asks for the homeserver, and for its admin API if a proxy hides it', async () => {
  await using proxy = await startStandIn(({ path }) =>
    path.startsWith('/_synapse/') ? { status: 404, body: { error: 'no' } } : undefined,
  );
  const { terminal, asked } = person(`${proxy.url}/`, homeserver().url);
  const lines: string[] = [];
  expect(
    await findHomeserver({ url: undefined, adminUrl: undefined }, terminal, (line) =>
      lines.push(line),
    ),
  ).toEqual({ url: proxy.url, adminUrl: homeserver().url });
  expect(asked).toEqual([
    'URL of the homeserver, such as https://matrix.example.com',
    'URL where Synapse itself listens, such as http://127.0.0.1:8008',
  ]);
  expect(lines[0]).toContain('does not pass /_synapse/admin on');
});

/** Opens the bot's account while somebody answers the questions about it. */
async function account(botName: string, ...answers: readonly string[]) {
  const { terminal, asked } = person(...answers);
  const { url } = homeserver();
  const options = readInitOptions(['--bot-name', botName, '--config', configFile], {});
  const context = { options, place: { url, adminUrl: url }, terminal, say };
  const { bot, admin } = await openBotAccount(context, undefined);
  await admin?.close();
  return { bot, admin, asked };
}

it('asks for an admin’s password, and for that of a bot that exists', async () => {
  const [admin, existing] = await Promise.all([newUser('admin', { admin: true }), newUser('bot')]);
  const opened = await account(
    existing.account.localpart,
    admin.account.localpart,
    admin.account.password,
    existing.account.password,
  );
  expect(opened.bot.userId).toBe(existing.userId);
  expect(opened.admin?.userId).toBe(admin.userId);
  expect(opened.asked).toEqual([
    'User name of a server admin (or press Enter to use a token)',
    `secret: Password of ${admin.account.localpart} (not shown)`,
    `secret: The account ${existing.userId} exists already. Its password (not shown)`,
  ]);
  expect((await adminApi().users.get(asUserId(existing.userId))).admin).toBe(true);
});

it('takes a token instead, or the registration secret', async () => {
  const admin = await newUser('admin', { admin: true });
  const byToken = await account(uniqueLocalpart('bot'), '', admin.account.accessToken);
  expect(byToken.admin?.userId).toBe(admin.userId);
  const bySecret = await account(uniqueLocalpart('bot'), '', '', homeserver().sharedSecret);
  expect(bySecret.admin).toBeUndefined();
  expect(bySecret.asked.filter((question) => question.startsWith('secret: '))).toHaveLength(2);
  await expect(account(uniqueLocalpart('bot'), '', '', '')).rejects.toThrow(
    'Missing: --admin-user',
  );
});

it('does not take the admin’s own account for the bot', async () => {
  const admin = await newUser('admin', { admin: true });
  const { localpart, password } = admin.account;
  await expect(account(localpart, localpart, password)).rejects.toThrow(
    `${admin.userId} is the account whose rights you use.`,
  );
  // Its session was ended again.
  expect(await adminApi().devices.list(asUserId(admin.userId))).toHaveLength(1);
});
