import { existsSync } from 'node:fs';
import path from 'node:path';

import { createClient } from '../../app/homeserver.ts';
import { createConfiguredRegistry } from '../../app/registry.ts';
import { askHomeserver } from '../../app/setup/homeserver.ts';
import { askSetup } from '../../app/setup/setup.ts';
import type { SetupAnswers } from '../../app/setup/setup.ts';
import { databasePlace } from '../../config/database-place.ts';
import { writeListenAddress } from '../../config/listen.ts';
import { loadConfig, secretFilesOf } from '../../config/load.ts';
import { openSecretFiles } from '../../config/open-files.ts';
import type { Config } from '../../config/schema.ts';
import { orUndefined } from '../../core/errors.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { nativeLibrary } from '../../matrix/crypto/native-library.ts';
import { createMoves } from '../../matrix/room/upgrade.ts';
import { startHttp } from '../../observability/http.ts';
import type { DatabaseInspection } from '../../store/database-inspection.ts';
import { inspectDatabase } from '../../store/database.ts';
import { lockHolder } from '../../store/files/lock.ts';
import { openPlaces } from '../../store/files/private-files.ts';
import { shownPlace } from '../../store/postgres/errors.ts';
import { configuredActions, configuredRules } from '../configured-lines.ts';
import { failed, passed } from './check.ts';
import type { Check } from './check.ts';
import { checkHomeserver } from './homeserver.ts';
import { checkRecord } from './record.ts';
import { describeRoom } from './room.ts';
import { checkWitness } from './witness.ts';

/**
 * Checks a configuration, the files that it names, and the set-up on the homeserver. Changes nothing, except
 * that the bot joins the management room and the witness room.
 */
export async function runChecks(file: string, environment: NodeJS.ProcessEnv): Promise<Check[]> {
  let config: Config;
  try {
    config = loadConfig(file, environment);
    await createConfiguredRegistry(config);
  } catch (error) {
    return [failed('configuration', error)];
  }
  const { check: database, inspection, holder } = await checkDatabase(config);
  const client = createClient(config, new AbortController().signal);
  const answers = ask(config, client, inspection);
  const [rules, actions, http, homeserver, room, others, record, witness] = await Promise.all([
    checkRules(config),
    checkActions(config),
    checkHttp(config, holder),
    checkHomeserver(config, answers),
    checkRoom(config, answers),
    checkOthers(config),
    compareWithRoom(config, client, answers, inspection),
    checkWitness(config, client, answers),
  ]);
  return [
    passed('configuration', `${file}: valid`),
    ...checkFiles(config),
    rules,
    actions,
    database,
    ...record,
    ...checkEncryption(config),
    ...witness,
    http,
    ...homeserver,
    ...room,
    ...others,
  ];
}

function ask(
  config: Config,
  client: ClientApi,
  inspection: DatabaseInspection | undefined,
): SetupAnswers {
  const values = new Map(inspection?.syncState);
  const moves = createMoves({
    get: async (name) => values.get(name),
    // Remembered only for this check.
    async set(name, value) {
      if (value !== undefined) {
        values.set(name, value);
      }
    },
  });
  return askSetup(config, client, moves);
}

/** Whether the room shows what the database lacks. Other checks say why it can't be known. */
async function compareWithRoom(
  { database }: Config,
  client: ClientApi,
  answers: SetupAnswers,
  inspection: DatabaseInspection | undefined,
): Promise<Check[]> {
  const [botUser, setup] = await Promise.all([
    orUndefined(answers.botUser),
    orUndefined(answers.room),
  ]);
  return inspection === undefined || botUser === undefined || setup === undefined
    ? []
    : checkRecord(
        { place: databasePlace(database), state: inspection.state },
        { client, room: setup.room, botUser },
      );
}

function checkFiles(config: Config): Check[] {
  const { encryption, database } = config;
  const warnings = [
    ...openSecretFiles(config),
    ...openPlaces(fileOf(database), encryption.enabled ? [encryption.path] : []),
  ];
  if (warnings.length > 0) {
    return warnings.map(({ message, advice }) => passed('files', message, advice));
  }
  const looked = [
    ...(secretFilesOf(config).length > 0 ? ['secrets'] : []),
    ...(existsSync(fileOf(database) ?? '') ? ['database'] : []),
    ...(encryption.enabled && existsSync(encryption.path) ? ['keys'] : []),
  ];
  return [
    passed(
      'files',
      looked.length === 0
        ? 'no file with secrets, database or keys yet'
        : `${looked.join(', ')}: private`,
    ),
  ];
}

async function checkRules(config: Config): Promise<Check> {
  try {
    await configuredRules(config);
    const { length } = config.reports.rules;
    return passed(
      'rules',
      `reports.rules: ${length === 0 ? 'none configured' : `${length} valid`}`,
    );
  } catch (error) {
    return failed('rules', error);
  }
}

async function checkActions(config: Config): Promise<Check> {
  try {
    const actions = await configuredActions(config);
    const shown = actions.filter(({ isPossible }) => isPossible);
    const list = shown.map(({ emoji, label }) => `${emoji} ${label}`).join(', ');
    return passed('actions', `reports.actions: ${list || 'cards offer none'}`);
  } catch (error) {
    return failed('actions', error);
  }
}

/** The file of the database; undefined if it is on PostgreSQL. */
function fileOf({ url, path: file }: Config['database']): string | undefined {
  return url === undefined ? file : undefined;
}

interface CheckedDatabase {
  readonly check: Check;
  /** Undefined if it can't be read. */
  readonly inspection?: DatabaseInspection;
  /** Which bot uses it. */
  readonly holder?: string | undefined;
}

async function checkDatabase({ database }: Config): Promise<CheckedDatabase> {
  const { url, path: file } = database;
  // Also if the database itself can't be read.
  const holderOfFile = url === undefined ? lockHolder(`${path.resolve(file)}-lock`) : undefined;
  try {
    const { holder = holderOfFile, ...inspection } =
      url === undefined
        ? { ...inspectDatabase(file), holder: undefined }
        : await inspectServer(url);
    const texts = {
      missing:
        url === undefined
          ? 'does not exist yet (lawspeaker start creates it)'
          : 'has no tables yet (lawspeaker start creates them)',
      older: 'from an older Lawspeaker (lawspeaker start updates it)',
      current: url === undefined ? 'writable' : 'has all tables',
    };
    const used = holder === undefined ? '' : `, and in use by a bot${holder}`;
    const check = passed(
      'database',
      `${shownPlace(databasePlace(database))}: ${texts[inspection.state]}${used}`,
    );
    return { check, inspection, holder };
  } catch (error) {
    return { check: failed('database', error), holder: holderOfFile };
  }
}

async function inspectServer(url: string) {
  const { inspectPostgres } = await import('../../store/postgres/open.ts');
  return inspectPostgres(url);
}

function checkEncryption({ encryption }: Config): Check[] {
  if (!encryption.enabled) {
    return [];
  }
  try {
    nativeLibrary();
    const keys = existsSync(encryption.path)
      ? 'exists'
      : 'does not exist yet (lawspeaker start creates it)';
    return [passed('encryption', `${encryption.path}: ${keys}`)];
  } catch (error) {
    return [failed('encryption', error)];
  }
}

async function checkHttp({ http }: Config, holder: string | undefined): Promise<Check> {
  const { listen } = http;
  if (listen === 'off') {
    return passed('http', 'http.listen: off');
  }
  const written = writeListenAddress(listen);
  try {
    const server = await startHttp(listen, written, {
      deathCause: () => 'this is only a check',
      faults: async () => ['this is only a check'],
      metrics: { contentType: 'text/plain', text: async () => '' },
      onError: () => undefined,
    });
    await server.stop();
    return passed('http', `http.listen: ${written} is free`);
  } catch (error) {
    return holder === undefined
      ? failed('http', error)
      : passed('http', `http.listen: ${written}, in use while the bot runs`);
  }
}

/** What the management room is like. Other checks say why the bot has no account there. */
async function checkRoom(config: Config, answers: SetupAnswers): Promise<Check[]> {
  const botUser = await orUndefined(answers.botUser);
  if (botUser === undefined) {
    return [];
  }
  try {
    return describeRoom(config, botUser, await answers.room);
  } catch (error) {
    return [failed('room', error)];
  }
}

/** The homeservers beside the first. */
async function checkOthers({ otherHomeservers }: Config): Promise<Check[]> {
  const { signal } = new AbortController();
  const checks = await Promise.all(
    otherHomeservers.map(async (entry) =>
      checkHomeserver(entry, askHomeserver(entry, createClient(entry, signal))),
    ),
  );
  return checks.flat();
}
