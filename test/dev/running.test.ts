import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import packageJson from '#package' with { type: 'json' };

import { program } from '../../dev/room/bot-process.ts';
import { synapseVersion } from '../../dev/synapse/install.ts';
import { readCommandLine } from '../../src/cli/command-line.ts';
import { environmentName, loadConfig, scalarKeys } from '../../src/config/load.ts';
import { configSections } from '../../src/config/schema.ts';
import { openStore } from '../../src/store/store.ts';

const run = promisify(execFile);
const has = (tool: string) => spawnSync(tool, ['--version']).error === undefined;

let folder: string;
/** The `lawspeaker` command, in a folder with a configuration and a database. */
let command: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-running-'));
  await mkdir(path.join(folder, 'bin'));
  command = path.join(folder, 'bin', 'lawspeaker');
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  await chmod(command, 0o755);
  await mkdir(path.join(folder, 'config'));
  await writeFile(
    path.join(folder, 'config', 'lawspeaker.yaml'),
    'homeserver: { url: "http://127.0.0.1:1", accessToken: syt_x }\nmanagementRoom: "!a:b"\n',
    { mode: 0o600 },
  );
  const store = await openStore(path.join(folder, 'data', 'lawspeaker.db'));
  await store.close();
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

describe.each([
  { page: 'docs/running.md', lines: 20, run: 7 },
  { page: 'docs/audit.md', lines: 4, run: 4 },
  { page: 'docs/privacy.md', lines: 2, run: 0 },
])('$page', ({ page, ...expected }) => {
  /** The lines of each shell block, and whether the text above it says that no test runs them. */
  async function blocks() {
    const text = await readFile(page, 'utf8');
    return [...text.matchAll(/(?<above>[^\n]*(?:\n[^\n]+)*)\n\n```sh\n(?<code>.*?)^```/gmsu)].map(
      ({ groups }) => ({
        isRun: !/^[_*]Not run by a test/mu.test(groups?.['above']?.split('\n\n').at(-1) ?? ''),
        lines: (groups?.['code'] ?? '').replaceAll('\\\n', '').trim().split('\n'),
      }),
    );
  }

  it('has command lines that the program understands', async () => {
    const all = (await blocks()).flatMap(({ lines }) => lines);
    const ours = all.flatMap((line) => {
      const found =
        /^(?:sudo -u lawspeaker )?lawspeaker (.+)$/u.exec(line) ??
        /lawspeaker\.js (.+)$/u.exec(line) ??
        /^npm run lawspeaker -- (.+)$/u.exec(line) ??
        /^docker (?:compose )?run .* lawspeaker ([a-z-]+(?: [\w/]+\.db)?)$/u.exec(line);
      return found === null ? [] : [found[1] ?? ''];
    });
    expect(ours.length).toBeGreaterThanOrEqual(expected.lines);
    ours.forEach((line) => readCommandLine(line.replaceAll(/\$\([^)]*\)/gu, 'X').split(' ')));
  });

  it('has command lines that work, if it does not say that no test runs them', async () => {
    const lines = (await blocks()).filter(({ isRun }) => isRun).flatMap((block) => block.lines);
    expect(lines.length).toBeGreaterThanOrEqual(expected.run);
    for (const line of lines) {
      const { stdout } = await run('sh', ['-ec', line], {
        cwd: folder,
        env: { ...process.env, PATH: `${path.dirname(command)}:${process.env['PATH'] ?? ''}` },
      });
      expect({ line, stdout }).not.toEqual({ line, stdout: '' });
    }
  }, 60_000);
});

describe('the Dockerfile', () => {
  it('names this version, a Node that is new enough, and files that exist', async () => {
    const text = await readFile('Dockerfile', 'utf8');
    expect(text).toContain(`ARG VERSION=${packageJson.version}\n`);
    const node = /^ARG NODE_IMAGE=node:(\d+)\.\d+\.\d+-/mu.exec(text)?.[1];
    expect(`>=${node}`).toBe(packageJson.engines.node);
    const copied = [...text.matchAll(/^COPY (?:--chown=\S+ )?([^-\n]\S*(?: \S+)*) \S+$/gmu)]
      .flatMap(([, files = '']) => files.split(' '))
      .filter((file) => file !== '.');
    expect(copied).toEqual(expect.arrayContaining(['package-lock.json', 'config/example.yaml']));
    await Promise.all(copied.map(async (file) => readFile(file)));
  });

  it('ends as an ordinary user, without a build, with a health check', async () => {
    const text = await readFile('Dockerfile', 'utf8');
    const last = text.slice(text.lastIndexOf('\nFROM '));
    expect(last).toContain('\nUSER 1000:1000\n');
    expect(last).toContain('CMD ["node", "dist/lawspeaker.js", "healthcheck"]');
    expect(last).not.toMatch(/\bnpm\b|\bapt/u);
  });

  it.skipIf(!has('hadolint'))('passes hadolint (skipped if it is not installed)', async () => {
    expect(await run('hadolint', ['Dockerfile'])).toMatchObject({ stdout: '' });
  });
});

interface Service {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly [name: string]: unknown;
}

it('compose.yaml names releases, and gives the bot a read-only root and no privileges', async () => {
  const file = parse(await readFile('docs/deploy/compose.yaml', 'utf8')) as {
    services: Readonly<Record<'postgres' | 'synapse' | 'lawspeaker', Service>>;
    volumes: object;
    configs: Readonly<Record<string, { content: string }>>;
  };
  const { postgres, synapse, lawspeaker } = file.services;
  expect(postgres.image).toMatch(/:\d+\.\d+-/u);
  expect(synapse.image.split(':')[1]).toBe(`v${synapseVersion}`);
  expect(lawspeaker).toMatchObject({
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
  });
  expect(parse(file.configs['synapse-database']?.content ?? '')).toMatchObject({
    database: { name: 'psycopg2', args: { host: 'postgres', user: 'synapse' } },
  });
  const settings = scalarKeys().map(({ key }) => environmentName(key));
  expect(settings).toEqual(expect.arrayContaining(Object.keys(lawspeaker.environment)));
});

it('several-processes.compose.yaml gives each process the same PostgreSQL', async () => {
  const read = async (name: string) =>
    parse(await readFile(`docs/deploy/${name}`, 'utf8')) as {
      services: Readonly<Record<string, Service>>;
      volumes: object;
    };
  const [base, added] = await Promise.all([
    read('compose.yaml'),
    read('several-processes.compose.yaml'),
  ]);
  const { 'lawspeaker-postgres': postgres, lawspeaker, ...others } = added.services;
  expect(postgres?.image).toBe(base.services['postgres']?.image);
  expect(Object.keys(others)).toEqual(['lawspeaker-2', 'lawspeaker-3']);
  const names = Object.keys({ ...base.services, ...added.services });
  for (const another of Object.values(others)) {
    expect(another).toEqual({
      ...lawspeaker,
      extends: { file: 'compose.yaml', service: 'lawspeaker' },
    });
    expect(names).toEqual(expect.arrayContaining(Object.keys(another['depends_on'] as object)));
    const { LAWSPEAKER_DATABASE_URL: url = '' } = another.environment;
    const database = { url: url.replace(/\$\{\w+\}/u, 'secret') };
    expect(configSections.shape.database.parse(database)).toMatchObject(database);
    expect(new URL(database.url).hostname).toBe('lawspeaker-postgres');
  }
  expect(Object.keys(added.volumes)).toEqual(['lawspeaker-postgres']);
});

it('kubernetes.yaml runs one bot, with probes that exist and a valid configuration', async () => {
  const documents = parseAllDocuments(await readFile('docs/deploy/kubernetes.yaml', 'utf8'), {
    version: '1.1',
  }).map((document) => document.toJS() as Readonly<Record<string, unknown>>);
  expect(documents.map(({ kind }) => kind)).toEqual([
    'Secret',
    'PersistentVolumeClaim',
    'Deployment',
  ]);
  const [secret, , deployment] = documents;
  const config = secret?.['stringData'] as Readonly<Record<string, string>> | undefined;
  const file = path.join(folder, 'kubernetes.yaml');
  await writeFile(file, config?.['lawspeaker.yaml'] ?? '', { mode: 0o600 });
  // The token in the file is the placeholder, which the bot refuses.
  const environment = { LAWSPEAKER_HOMESERVER_ACCESS_TOKEN: 'syt_x' };
  expect(loadConfig(file, environment).homeserver.url).toBe('http://synapse:8008');
  expect(deployment).toMatchObject({
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      template: {
        spec: {
          securityContext: { runAsNonRoot: true, runAsUser: 1000 },
          containers: [
            {
              image: `registry.example.com/lawspeaker:${packageJson.version}`,
              livenessProbe: { httpGet: { path: '/health/live', port: 'http' } },
              readinessProbe: { httpGet: { path: '/health/ready', port: 'http' } },
              securityContext: { readOnlyRootFilesystem: true },
            },
          ],
        },
      },
    },
  });
});

describe.skipIf(!has('systemd-analyze'))(
  'lawspeaker.service (skipped if systemd-analyze is not installed)',
  () => {
    /** The unit, with a program that exists here. */
    let unit: string;
    beforeAll(async () => {
      unit = path.join(folder, 'lawspeaker.service');
      const text = await readFile('docs/deploy/lawspeaker.service', 'utf8');
      await writeFile(unit, text.replace('/usr/bin/lawspeaker', process.execPath));
    });

    it('is valid', async () => {
      const { stderr } = await run('systemd-analyze', ['verify', '--man=no', unit]);
      expect(stderr).toBe('');
    });

    it('exposes little of the machine', async () => {
      const { stdout } = await run('systemd-analyze', ['security', '--offline=yes', unit]);
      expect(stdout).toMatch(/Overall exposure level for lawspeaker\.service: [01]\.\d/u);
    });
  },
);
