import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { openBotAccount } from '../../../src/cli/init/bot-account.ts';
import { findHomeserver } from '../../../src/cli/init/find-homeserver.ts';
import { readInitOptions } from '../../../src/cli/init/options.ts';
import { peopleForExisting, peopleForNew } from '../../../src/cli/init/people.ts';
import type { Terminal } from '../../../src/cli/init/terminal.ts';
import { answer, startFaultyServer } from '../../support/faulty-server.ts';
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
    await findHomeserver(
      { url: undefined, adminUrl: undefined },
      { terminal, say: (line) => lines.push(line) },
    ),
  ).toEqual({ url: proxy.url, adminUrl: homeserver().url });
  expect(asked).toEqual([
    'URL of the homeserver, such as https://matrix.example.com',
    'URL where Synapse itself listens, such as http://127.0.0.1:8008',
  ]);
  expect(lines[0]).toContain('does not pass /_synapse/admin on');
});

it('asks for each address again if it is wrong, and says why; the third time is the last', async () => {
  await using proxy = await startStandIn(({ path }) =>
    path.startsWith('/_synapse/') ? { status: 404, body: { error: 'no' } } : undefined,
  );
  const { terminal, asked } = person(
    'matrix.example.com',
    '',
    proxy.url,
    'http://127.0.0.1:1',
    proxy.url,
    homeserver().url,
  );
  const lines: string[] = [];
  const asking = { terminal, say: (line: string) => lines.push(line) };
  expect(await findHomeserver({ url: undefined, adminUrl: undefined }, asking)).toEqual({
    url: proxy.url,
    adminUrl: homeserver().url,
  });
  expect(asked).toHaveLength(6);
  const said = lines.join('\n');
  expect(said).toContain('"matrix.example.com" is not a URL that begins with https://');
  expect(said).toContain('This can’t be left out.');
  expect(said).toContain('Can’t ask for the admin API at http://127.0.0.1:1');
  expect(said).toContain('Check the URL, and that the homeserver runs');
  expect(said).not.toContain('run lawspeaker init again');
  expect(said).toContain(`There is no Synapse admin API at ${proxy.url}.`);

  const stubborn = person('a', 'b', 'c', homeserver().url);
  await expect(
    findHomeserver({ url: undefined, adminUrl: undefined }, { terminal: stubborn.terminal, say }),
  ).rejects.toThrow('"c" is not a URL');
  expect(stubborn.asked).toHaveLength(3);
  // What was given by an option is not asked for.
  const given = person(homeserver().url);
  await expect(
    findHomeserver({ url: 'a', adminUrl: undefined }, { terminal: given.terminal, say }),
  ).rejects.toThrow('"a" is not a URL');
  expect(given.asked).toEqual([]);
});

it('names the address that a homeserver redirects to', async () => {
  await using proxy = await startFaultyServer(
    answer(308, '', { location: `${homeserver().url}/_matrix/client/versions` }),
  );
  const { terminal } = person(proxy.url, homeserver().url);
  const lines: string[] = [];
  const asking = { terminal, say: (line: string) => lines.push(line) };
  const { url } = await findHomeserver({ url: undefined, adminUrl: undefined }, asking);
  expect(url).toBe(homeserver().url);
  expect(lines.slice(0, 2)).toEqual([
    `Can’t find a homeserver at ${proxy.url}: it redirects to ${homeserver().url} (308).`,
    '  If your homeserver answers there, use that address.',
  ]);
});

it('takes a secret from a variable or from a file, and not from both', () => {
  const name = 'LAWSPEAKER_INIT_ADMIN_PASSWORD';
  expect(() =>
    readInitOptions(['--config', configFile], { [name]: 'a', [`${name}_FILE`]: 'b' }),
  ).toThrow(`${name} and ${name}_FILE are both set.`);
});

/** Opens the bot's account while somebody answers the questions about it. */
async function accountWith(args: readonly string[], ...answers: readonly string[]) {
  const { terminal, asked } = person(...answers);
  const { url } = homeserver();
  const options = readInitOptions([...args, '--config', configFile], {});
  const lines: string[] = [];
  const remembered: string[] = [];
  const context = {
    options,
    place: { url, adminUrl: url },
    terminal,
    say: (line: string) => lines.push(line),
    rememberAdmin: (user: string) => remembered.push(user),
  };
  const { bot, admin } = await openBotAccount(context, undefined);
  await admin?.close();
  return { bot, admin, asked, said: lines.join('\n'), remembered };
}

const account = async (botName: string, ...answers: readonly string[]) =>
  accountWith(['--bot-name', botName], ...answers);

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
    `secret: Password of ${admin.account.localpart} (not shown; press Enter to type another user name)`,
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

it('asks again after a wrong name or password of an admin, and says why', async () => {
  const [admin, vic] = await Promise.all([newUser('admin', { admin: true }), newUser('vic')]);
  const { localpart, password } = admin.account;
  const opened = await account(
    uniqueLocalpart('bot'),
    vic.account.localpart,
    vic.account.password,
    localpart,
    'wrong-password',
    password,
  );
  expect(opened.admin?.userId).toBe(admin.userId);
  expect(opened.remembered).toEqual([admin.userId]);
  // After a wrong password, only the password is asked for again: nothing is typed where it is shown.
  expect(opened.asked.map((question) => question.replace(/ \(.*$/u, ''))).toEqual([
    'User name of a server admin',
    `secret: Password of ${vic.account.localpart}`,
    'User name of a server admin',
    `secret: Password of ${localpart}`,
    `secret: Password of ${localpart}`,
  ]);
  expect(opened.said).toContain(`does not accept the password of ${localpart}`);
  expect(opened.said).toContain(`${vic.userId} is not a server admin.`);
  expect(opened.said).not.toContain('wrong-password');
  // The name was given: only the password is asked for again.
  const given = await accountWith(
    ['--bot-name', uniqueLocalpart('bot'), '--admin-user', localpart],
    'wrong-password',
    password,
  );
  expect(given.asked).toEqual(Array(2).fill(`secret: Password of ${localpart} (not shown)`));
});

it('asks for another user name after an empty password, and after what can’t be a user name', async () => {
  const admin = await newUser('admin', { admin: true });
  const { localpart, password } = admin.account;
  const opened = await account(
    uniqueLocalpart('bot'),
    'nobody-at-all',
    'wrong-password',
    '',
    'correct horse battery',
    localpart,
    password,
  );
  expect(opened.admin?.userId).toBe(admin.userId);
  expect(opened.asked.map((question) => question.replace(/ \(.*$/u, ''))).toEqual([
    'User name of a server admin',
    'secret: Password of nobody-at-all',
    'secret: Password of nobody-at-all',
    'User name of a server admin',
    'User name of a server admin',
    `secret: Password of ${localpart}`,
  ]);
  expect(opened.said).toContain('You gave no password.');
  expect(opened.said).toContain('A user name contains no blanks and no ://');
  expect(opened.said).not.toContain('horse');
  expect(() => readInitOptions(['--admin-user', 'https://example.com'], {})).toThrow(
    '--admin-user: A user name contains no blanks and no ://',
  );
  expect(() => readInitOptions(['--bot-name', 'https://example.com:8008'], {})).toThrow(
    '--bot-name: "https://example.com:8008" is not a user name.',
  );
});

it('asks again after a wrong token, secret, or password of the bot', async () => {
  const [admin, existing] = await Promise.all([newUser('admin', { admin: true }), newUser('bot')]);
  const byToken = await account(uniqueLocalpart('bot'), '', 'syt_gone', admin.account.accessToken);
  expect(byToken.said).toContain('does not accept the admin’s access token (M_UNKNOWN_TOKEN)');
  const bySecret = await account(
    uniqueLocalpart('bot'),
    '',
    '',
    'not-the-secret',
    homeserver().sharedSecret,
  );
  expect(bySecret.said).toContain('does not accept the registration secret');
  const { localpart, password } = existing.account;
  const taken = await accountWith(
    ['--bot-name', localpart, '--admin-token', admin.account.accessToken],
    'wrong-password',
    password,
  );
  expect(taken.bot.userId).toBe(existing.userId);
  expect(taken.said).toContain(`does not accept the password of ${existing.userId}`);
});

it('asks for the people of a new room until they exist, with spaces or commas between them', async () => {
  const [ana, ben, vic] = await Promise.all([newUser('ana'), newUser('ben'), newUser('vic')]);
  const { terminal, asked } = person(
    'Ana Example',
    'nobody-at-all',
    `@${ana.account.localpart}`,
    `${ben.userId}, ${vic.account.localpart}`,
  );
  const lines: string[] = [];
  const parts = {
    options: readInitOptions(['--config', configFile], {}),
    admin: undefined,
    asking: { terminal, say: (line: string) => lines.push(line) },
    bot: { userId: asUserId('@bot:localhost') },
    api: adminApi(),
  };
  const { admins, moderators } = await peopleForNew(parts);
  expect(admins).toEqual([ana.account.localpart]);
  expect(moderators).toEqual([ben.userId, vic.account.localpart]);
  expect(asked).toHaveLength(4);
  expect(lines.join('\n')).toContain('"Ana" is not a user ID, such as @ana:example.com.');
  expect(lines.join('\n')).toContain('There is no active account @nobody-at-all:localhost.');
  // “None” is an answer, too.
  const none = person(ana.userId, '');
  expect(await peopleForNew({ ...parts, asking: { terminal: none.terminal, say } })).toEqual({
    admins: [ana.userId],
    moderators: [],
  });
});

it('makes one person admin who is asked for their own user ID', async () => {
  const [ana, ben] = await Promise.all([newUser('ana'), newUser('ben')]);
  const { terminal, asked } = person(`${ana.userId}, ${ben.userId}`, ',', ana.userId, ben.userId);
  const lines: string[] = [];
  expect(
    await peopleForNew({
      options: readInitOptions(['--config', configFile], {}),
      admin: undefined,
      asking: { terminal, say: (line: string) => lines.push(line) },
      bot: { userId: asUserId('@bot:localhost') },
      api: adminApi(),
    }),
  ).toEqual({ admins: [ana.userId], moderators: [ben.userId] });
  expect(asked.slice(0, 3)).toEqual(Array(3).fill('Your own user ID, to invite as admin'));
  expect(asked).toHaveLength(4);
  expect(lines).toContain('Give one user ID: your own.');
});

it('asks for more moderators of a room that exists, once, and only if somebody is there', async () => {
  const ben = await newUser('ben');
  const ask = async (args: readonly string[], terminal: Terminal | undefined) =>
    peopleForExisting({
      options: readInitOptions([...args, '--config', configFile], {}),
      admin: undefined,
      asking: { terminal, say },
      bot: { userId: asUserId('@bot:localhost') },
      api: adminApi(),
    });
  const { terminal, asked } = person(ben.account.localpart);
  expect(await ask([], terminal)).toEqual({ admins: [], moderators: [ben.account.localpart] });
  expect(asked).toEqual([
    'User IDs of more moderators to invite, with spaces or commas between them (or press Enter for none)',
  ]);
  expect(await ask([], person('').terminal)).toEqual({ admins: [], moderators: [] });
  const given = person();
  expect(await ask(['--moderator', ben.userId], given.terminal)).toEqual({
    admins: [],
    moderators: [ben.userId],
  });
  expect(given.asked).toEqual([]);
  expect(await ask([], undefined)).toEqual({ admins: [], moderators: [] });
});
