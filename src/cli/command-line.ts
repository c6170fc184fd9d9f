import { parseArgs } from 'node:util';

import { UsageError } from '../core/errors.ts';
import { nearest } from '../core/text.ts';

const filterOptions = [
  'by',
  'target',
  'command',
  'operation',
  'status',
  'text',
  'since',
  'until',
] as const;
const optionNames = [...filterOptions, 'limit', 'format'] as const;
const moveOptions = ['from', 'to'] as const;
const reportOptions = [...moveOptions, 'format', 'hide-below'] as const;
type OptionName = (typeof optionNames)[number] | (typeof reportOptions)[number];

/** The commands, with their options and what follows their names. */
const commands: Readonly<
  Record<
    string,
    {
      readonly options?: readonly (OptionName | 'json' | 'offline' | 'yes')[];
      readonly operand?: string;
    }
  >
> = {
  start: {},
  'check-config': { options: ['json'] },
  'audit verify': { options: ['offline'] },
  'rules test': { options: ['since'] },
  'audit list': { options: optionNames },
  'audit export': { options: optionNames },
  report: { options: reportOptions },
  backup: { operand: 'FILE' },
  restore: { operand: 'FILE' },
  'move-database': { options: moveOptions },
  forget: { operand: 'USER', options: ['yes'] },
  healthcheck: {},
};

/** A command line that was read. */
export interface CommandLine {
  readonly command: string;
  readonly configFile: string;
  /** What follows the command's name, or what help is about; empty if it takes nothing. */
  readonly operand: string;
  readonly options: Readonly<Partial<Record<OptionName, string>>> & {
    readonly json?: boolean;
    readonly yes?: boolean;
    readonly offline?: boolean;
  };
}

/** @throws UsageError it is not valid */
export function readCommandLine(argv: readonly string[]): CommandLine {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', default: 'config/lawspeaker.yaml' },
        by: { type: 'string' },
        target: { type: 'string' },
        command: { type: 'string' },
        operation: { type: 'string' },
        status: { type: 'string' },
        text: { type: 'string' },
        since: { type: 'string' },
        until: { type: 'string' },
        limit: { type: 'string' },
        format: { type: 'string' },
        from: { type: 'string' },
        to: { type: 'string' },
        'hide-below': { type: 'string' },
        json: { type: 'boolean' },
        yes: { type: 'boolean' },
        offline: { type: 'boolean' },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? firstSentence(error.message) : 'usage');
  }
  const { values, positionals } = parsed;
  const { config: configFile, help, version, ...options } = values;
  if (help || version) {
    const [operand = ''] = positionals;
    return { command: help ? 'help' : 'version', configFile, operand, options: {} };
  }
  const { name, operand } = nameIn(positionals);
  const stray = Object.keys(options).find((option) => !takes(name, option));
  if (stray !== undefined) {
    const takers = Object.keys(commands).filter((other) => takes(other, stray));
    throw new UsageError(`--${stray} can only be used with ${takers.join(', ')}.`);
  }
  return { command: name, configFile, operand, options };
}

/** What follows in Node's own texts is about other mistakes. */
function firstSentence(text: string): string {
  return text.replace(/(?:\n|(?<=\.) To specify)[\s\S]*/u, '');
}

function takes(name: string, option: string): boolean {
  return commands[name]?.options?.some((one) => one === option) === true;
}

function nameIn(positionals: readonly string[]): { name: string; operand: string } {
  const written = positionals.join(' ');
  if (written === '') {
    throw new UsageError('No command given.');
  }
  const [first = '', operand, ...surplus] = positionals;
  const wanted = Object.hasOwn(commands, first) ? commands[first]?.operand : undefined;
  if (wanted !== undefined) {
    if (operand === undefined || operand === '' || surplus.length > 0) {
      throw new UsageError(`${first} needs one ${wanted}.`);
    }
    return { name: first, operand };
  }
  if (!Object.hasOwn(commands, written)) {
    const names = Object.keys(commands);
    const ofGroup = names.flatMap((name) =>
      name.startsWith(`${written} `) ? name.slice(written.length + 1) : [],
    );
    if (ofGroup.length > 0) {
      throw new UsageError(`${written} needs one of: ${ofGroup.join(', ')}.`);
    }
    const meant = nearest(written, [...names, 'init']);
    throw new UsageError(
      `Unknown command: ${written}.${meant === undefined ? '' : ` Did you mean ${meant}?`}`,
    );
  }
  return { name: written, operand: '' };
}
