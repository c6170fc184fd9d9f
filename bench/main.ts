import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { build } from '../dev/build/build.ts';
import { isMet } from './measurement.ts';
import type { Benchmark, Measurement } from './measurement.ts';

/** The benchmarks by name. A benchmark's file has the same name, and is loaded only when it runs. */
const benchmarks: Readonly<Record<string, () => Promise<Benchmark>>> = {
  'at-rest': async () => (await import('./at-rest.ts')).atRest,
  start: async () => (await import('./start.ts')).start,
  'command-line': async () => (await import('./command-line.ts')).commandLine,
  answer: async () => (await import('./answer.ts')).answer,
  rooms: async () => (await import('./rooms.ts')).rooms,
  memory: async () => (await import('./memory.ts')).memory,
  homeservers: async () => (await import('./homeservers.ts')).manyHomeservers,
  'several-processes': async () => (await import('./several-processes.ts')).severalProcesses,
  audit: async () => (await import('./audit.ts')).benchmarkAudit,
  reports: async () => (await import('./reports.ts')).reports,
  bulk: async () => (await import('./bulk.ts')).bulk,
  'bulk-confirmation': async () => (await import('./bulk-confirmation.ts')).bulkConfirmation,
};

const names = Object.keys(benchmarks);
/** They take long, so they run only if they are named, or with `--short`. */
const alone: readonly string[] = ['bulk', 'homeservers', 'several-processes'];

/** What fits into the time that all benchmarks together may take. docs/performance.md also has larger ones. */
const usualSize = { rooms: '100', commands: '800' };

const usage = `Usage: npm run bench -- [--only NAME]… [--short] [--trace] [--rooms N] [--commands N]

  --only NAME   one of ${names.join(', ')};
                all but ${alone.join(', ')} by default
  --short       a few rounds of each, to see that it works; the numbers mean nothing
  --trace       also print where the time of one answer goes
  --rooms N     how many rooms the benchmark of this name makes; ${usualSize.rooms} by default
  --commands N  how many commands come before memory is measured; ${usualSize.commands} by default`;

const folder = fileURLToPath(new URL('results', import.meta.url));

/** @throws Error an option is not valid */
function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      short: { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
      rooms: { type: 'string', default: usualSize.rooms },
      commands: { type: 'string', default: usualSize.commands },
      help: { type: 'boolean', default: false },
    },
  });
  const only = values.only ?? names.filter((name) => !alone.includes(name) || values.short);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new Error(`There is no benchmark ${unknown}.`);
  }
  const rooms = readNumber('--rooms', values.rooms);
  const commands = readNumber('--commands', values.commands);
  return { ...values, rooms, commands, only };
}

function readNumber(option: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/u.test(text)) {
    throw new Error(`${option} needs a number from 1 to 999999, not ${text}.`);
  }
  return Number(text);
}

function row({ what, unit, ...measured }: Measurement): string[] {
  const met = isMet({ what, unit, ...measured });
  const goal = Object.entries(measured.goal ?? {}).map(([name, limit]) => `${name} ≤ ${limit}`);
  return [
    what,
    unit,
    ...[measured.median, measured.p95, measured.max].map(written),
    goal.join(', '),
    met === undefined ? '' : met ? 'met' : 'NOT MET',
  ];
}

function written(value: number | undefined): string {
  return value === undefined ? '' : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Lines with columns as wide as their longest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows
    .map((cells) => cells.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

async function main(): Promise<void> {
  const { only, help, ...options } = readOptions();
  const { short } = options;
  if (help) {
    console.log(usage);
    return;
  }
  // The benchmarks measure the build, which is what users run.
  process.env['LAWSPEAKER_TEST_PROGRAM'] ??= await build(
    fileURLToPath(new URL('../dist', import.meta.url)),
  );
  const measured: (readonly [string, Promise<readonly Measurement[]>])[] = [];
  for (const name of only) {
    const begin = performance.now();
    const benchmark = await benchmarks[name]?.();
    const outcome = (await benchmark?.(options)) ?? [];
    measured.push([name, 'measured' in outcome ? outcome.measured : Promise.resolve(outcome)]);
    console.error(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  }
  const each = measured.map(async ([benchmark, all]) =>
    (await all).map((one) => ({ benchmark, ...one })),
  );
  const results = (await Promise.all(each)).flat();
  const head = ['what', 'unit', 'median', 'p95', 'max', 'goal', 'verdict'];
  console.log(table([head, ...results.map(row)]));
  if (short) {
    return;
  }
  await mkdir(folder, { recursive: true });
  const machine = { node: process.version, cpu: os.cpus()[0]?.model, cores: os.cpus().length };
  const file = `${folder}/latest.json`;
  await writeFile(file, JSON.stringify({ machine, results }, null, 2));
  console.error(`bench/results/latest.json has the same numbers.`);
}

try {
  await main();
} catch (error) {
  console.error(error);
  console.error(`\n${usage}`);
  process.exitCode = 1;
}
process.exit();
