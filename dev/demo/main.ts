import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { styleText } from 'node:util';

import { SetupError } from '../../src/core/errors.ts';
import { startBotProcess } from '../room/bot-process.ts';
import type { BotProcess } from '../room/bot-process.ts';
import { Moderator } from '../room/moderator.ts';
import type { Answer } from '../room/moderator.ts';
import { startHomeserver } from '../synapse/homeserver.ts';
import type { Homeserver } from '../synapse/homeserver.ts';
import { setScene } from './scene.ts';
import type { Scene } from './scene.ts';

const isInteractive = process.stdin.isTTY;

/** What was started, to be ended in the opposite order, however the demo ends. */
const undo: (() => Promise<unknown>)[] = [];

async function cleanUp(): Promise<void> {
  for (const step of undo.splice(0).reverse()) {
    await step().catch((error: unknown) => console.error(error));
  }
}

function progress(line: string): void {
  console.error(styleText('dim', line));
}

interface Stage {
  readonly homeserver: Homeserver;
  readonly scene: Scene;
  readonly bot: BotProcess;
  readonly moderator: Moderator;
}

async function raiseStage(): Promise<Stage> {
  const homeserver = await startHomeserver({ onProgress: progress });
  undo.push(async () => homeserver.stop());
  progress('Making users, rooms and a reported message…');
  const scene = await setScene(homeserver);
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-demo-'));
  undo.push(async () => rm(folder, { recursive: true, force: true }));
  progress('Starting the bot…');
  const bot = await startBotProcess(folder, {
    homeserver: { url: homeserver.url, accessToken: scene.bot.account.accessToken },
    managementRoom: scene.room,
    database: { path: path.join(folder, 'lawspeaker.db') },
  });
  undo.push(async () => bot.stop());
  const moderator = await new Moderator(scene.moderator, scene.room).look();
  undo.push(async () => moderator.lookAway());
  return { homeserver, scene, bot, moderator };
}

function show(answer: Answer, isEdit: boolean): void {
  const [first = '', ...rest] = answer.body.split('\n');
  const heading = styleText('bold', first);
  console.log(`${isEdit ? styleText('dim', '(edited) ') : ''}${heading}`);
  rest.forEach((line) => console.log(`  ${line}`));
  console.log();
}

/** One command a line from a pipe: waits for each answer, prints it. */
async function readPiped({ moderator }: Stage): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== '') {
      console.log(styleText('cyan', `ana> ${line}`));
      const event = await moderator.say(line);
      if (isCommand(line)) {
        show(await moderator.answerTo(event), false);
      }
    }
  }
}

function isCommand(line: string): boolean {
  return /^\s*(?:![\p{L}]|@?lawspeaker[:,\s])/iu.test(line);
}

/** The terminal as the moderator's room: lines are sent, what the bot says is shown as it comes. */
async function readTerminal({ moderator, homeserver, scene }: Stage): Promise<void> {
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
  console.log(
    `  Or with a client of your own: ${homeserver.url}, user ana, password ${scene.moderator.account.password}`,
  );
  console.log('Try !help, !user mallory, !deactivate mallory --erase. End with Ctrl-D.\n');
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
  const [first = '', ...rest] = String(replacement?.body ?? event.content['body']).split('\n');
  process.stdout.write('\r\u001B[K');
  console.log(
    `${replacement === undefined ? '' : styleText('dim', '(edited) ')}${styleText('bold', first)}`,
  );
  rest.forEach((line) => console.log(`  ${line}`));
  console.log();
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void cleanUp().then(() => process.exit(signal === 'SIGINT' ? 130 : 1));
  });
}

try {
  const stage = await raiseStage();
  await (isInteractive ? readTerminal(stage) : readPiped(stage));
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
} finally {
  await cleanUp();
}
process.exit();
