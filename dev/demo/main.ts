import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { styleText } from 'node:util';

import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';
import { SetupError } from '../../src/core/errors.ts';
import type { UserId } from '../../src/core/ids.ts';
import { commandLineIn } from '../../src/operations/parse/command-line.ts';
import { startDelegatedHomeserver } from '../mas/delegated-homeserver.ts';
import { registerAtMas } from '../mas/register.ts';
import { startStandIn } from '../mas/stand-in.ts';
import { startBotProcess } from '../room/bot-process.ts';
import type { BotProcess } from '../room/bot-process.ts';
import { Moderator } from '../room/moderator.ts';
import { startHomeserver } from '../synapse/homeserver.ts';
import type { Homeserver } from '../synapse/homeserver.ts';
import { MatrixUser } from '../synapse/matrix-user.ts';
import type { RegisterOptions } from '../synapse/matrix-user.ts';
import { setScene } from './scene.ts';
import type { Scene } from './scene.ts';

const isInteractive = process.stdin.isTTY;

/** How long to wait for an answer to a line that is not a command. */
const chatPatienceMs = 3_000;

/** Stops what was started, last one first, however the demo ends. */
const undo: (() => Promise<unknown>)[] = [];

async function cleanUp(): Promise<void> {
  for (const step of undo.splice(0).reverse()) {
    await step().catch((error: unknown) => console.error(error));
  }
}

function progress(line: string): void {
  console.error(styleText('dim', line));
}

interface Demo {
  readonly homeserver: Homeserver;
  readonly scene: Scene;
  readonly bot: BotProcess;
  readonly moderator: Moderator;
}

/** A homeserver, how people get accounts there, and what the bot's configuration has besides. */
interface Place {
  readonly homeserver: Homeserver;
  readonly settings: object;
  register(account: RegisterOptions): Promise<MatrixUser>;
}

async function startPlace(): Promise<Place> {
  if (!process.argv.includes('--mas')) {
    const homeserver = await startHomeserver({ onProgress: progress });
    undo.push(async () => homeserver.stop());
    const register = async (account: RegisterOptions) => MatrixUser.register(homeserver, account);
    return { homeserver, settings: {}, register };
  }
  progress('Starting Synapse with a stand-in for the Matrix Authentication Service…');
  const delegated = await startDelegatedHomeserver(startStandIn);
  undo.push(async () => delegated.stop());
  const { homeserver, mas } = delegated;
  return {
    homeserver,
    settings: { mas: { url: mas.url, ...mas.client } },
    register: async (account) => registerAtMas(delegated, account),
  };
}

async function start(): Promise<Demo> {
  const { homeserver, settings, register } = await startPlace();
  progress('Creating users, rooms and a reported message…');
  const scene = await setScene(register);
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-demo-'));
  undo.push(async () => rm(folder, { recursive: true, force: true }));
  progress('Starting the bot…');
  const bot = await startBotProcess(folder, {
    homeserver: { url: homeserver.url, accessToken: scene.bot.account.accessToken },
    ...settings,
    managementRoom: scene.room,
    database: { path: path.join(folder, 'lawspeaker.db') },
  });
  undo.push(async () => bot.stop());
  const moderator = await new Moderator(scene.moderator, scene.room).look();
  undo.push(async () => moderator.lookAway());
  return { homeserver, scene, bot, moderator };
}

function print(body: string, isEdit: boolean): void {
  const [first = '', ...rest] = body.split('\n');
  console.log(`${isEdit ? styleText('dim', '(edited) ') : ''}${styleText('bold', first)}`);
  rest.forEach((line) => console.log(`  ${line}`));
  console.log();
}

/** Reads a message per line from a pipe, and waits for each answer. */
async function readPiped({ moderator, scene }: Demo): Promise<void> {
  const registry = createRegistry(await loadCommands());
  const context = { registry, settings: { prefix: '!', botUser: scene.bot.userId as UserId } };
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') {
      continue;
    }
    console.log(styleText('cyan', `ana> ${line}`));
    const event = await moderator.say(line);
    const answer = moderator.answerTo(event);
    const isCommand = commandLineIn(line, context) !== undefined;
    // The bot also answers other lines, such as the code of a confirmation or a `yes`.
    const first = isCommand
      ? await answer
      : await Promise.race([answer.catch(() => undefined), delay(chatPatienceMs)]);
    if (first !== undefined) {
      print(first.body, false);
    }
  }
}

/** Makes the terminal the moderator's room: sends each line, and shows the bot's messages as they arrive. */
async function readTerminal({ moderator, homeserver, scene }: Demo): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const prompt = () => {
    terminal.setPrompt(styleText('cyan', 'ana> '));
    terminal.prompt(true);
  };
  const shown = new Set<string>();
  const showNew = () => {
    for (const event of moderator.events) {
      if (!shown.has(event.event_id)) {
        shown.add(event.event_id);
        showEvent(event, scene.bot.userId);
        prompt();
      }
    }
  };
  moderator.follow(showNew);
  console.log(`\n${styleText('bold', 'You are Ana, a moderator, in the management room.')}`);
  scene.people.forEach((line) => console.log(`  ${line}`));
  // The stand-in for MAS gives nobody a password.
  if (scene.moderator.account.password !== '') {
    console.log(
      `  Or use your own client: ${homeserver.url}, user ana, password ${scene.moderator.account.password}`,
    );
  }
  console.log('Try !help, !user mallory, !deactivate mallory --erase. Press Ctrl-D to exit.\n');
  prompt();
  for await (const line of terminal) {
    if (line.trim() !== '') {
      await moderator.say(line);
    }
    prompt();
  }
}

function showEvent(
  event: { sender: string; type: string; content: Record<string, unknown> },
  bot: string,
): void {
  if (event.sender !== bot || event.type !== 'm.room.message') {
    return;
  }
  const replacement = event.content['m.new_content'] as { body?: string } | undefined;
  process.stdout.write('\r\u001B[K');
  print(String(replacement?.body ?? event.content['body']), replacement !== undefined);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void cleanUp().then(() => process.exit(signal === 'SIGINT' ? 130 : 1));
  });
}

try {
  const demo = await start();
  await (isInteractive ? readTerminal(demo) : readPiped(demo));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
} finally {
  await cleanUp();
}
process.exit();
