import { LineCounter, isAlias, isScalar, parseDocument, visit } from 'yaml';
import type { Document, Node, YAMLError } from 'yaml';

import { SetupError } from '../core/errors.ts';
import { placesIn } from './faults.ts';
import type { Places } from './faults.ts';
import { readConfigFile } from './read-file.ts';

/** The keys and values of a configuration file, before they are checked. */
export interface Written {
  readonly written: Record<string, unknown>;
  placesWith(environment: ReadonlyMap<string, string>): Places;
}

/**
 * Reads a YAML file of keys and values.
 *
 * @throws SetupError it can't be read, or is not valid YAML; with line and column, and what to do
 */
export function readYaml(file: string): Written {
  const text = readConfigFile(file);
  const counter = new LineCounter();
  const document = parseDocument(text, { logLevel: 'error', lineCounter: counter });
  const mistake = findMistake(document, text);
  if (mistake !== undefined) {
    throw notValid(file, counter, mistake);
  }
  let value: unknown;
  try {
    value = (document.toJS() as unknown) ?? {};
  } catch {
    // The library refuses aliases that multiply.
    throw notValid(file, counter, { offset: undefined, what: 'too many aliases', advice: quotes });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SetupError(
      `${file} must consist of keys and values.`,
      'Write each setting as in config/example.yaml, with a space after the colon.',
    );
  }
  return {
    written: value as Record<string, unknown>,
    placesWith: (environment) => placesIn(file, document, counter, environment),
  };
}

interface Mistake {
  /** Where it is in the text; undefined if that is not known. */
  readonly offset: number | undefined;
  readonly what: string;
  readonly advice: string;
}

const quotes = "Put the value in single quotes, such as '@bot:example.com'.";
const indentation =
  'Keys that belong together start in the same column, and the keys below them two columns further right.';

function findMistake(document: Document.Parsed, text: string): Mistake | undefined {
  const [error] = document.errors;
  if (error !== undefined) {
    return explained(error, document, text);
  }
  // No key takes a type or an alias of nothing: these are values without quotes.
  const tag = document.warnings.find(({ code }) => code === 'TAG_RESOLVE_FAILED');
  if (tag !== undefined) {
    return { offset: tag.pos[0], what: 'a value that starts with !', advice: quotes };
  }
  const alias = findNode(document, (node) => isAlias(node) && node.resolve(document) === undefined);
  return alias && { offset: alias.range?.[0], what: 'a value that starts with *', advice: quotes };
}

/** The usual mistakes, by the library's code. */
const usual: Readonly<Partial<Record<YAMLError['code'], Omit<Mistake, 'offset'>>>> = {
  TAB_AS_INDENT: {
    what: 'a tab at the start of the line',
    advice: 'YAML allows only spaces there. Replace each tab with spaces.',
  },
  BAD_ALIAS: { what: 'a value that starts with & or *', advice: quotes },
  DUPLICATE_KEY: {
    what: 'a key that is there twice',
    advice: 'Delete one of them, or write their values below one.',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    what: 'a value with a colon and a space in it, or with keys below it',
    advice: `If the value contains a colon, put it in single quotes. ${indentation}`,
  },
  BAD_INDENT: { what: 'wrong indentation', advice: indentation },
  MULTIPLE_DOCS: { what: 'a second document', advice: 'Delete the line --- between them.' },
  BAD_DQ_ESCAPE: {
    what: String.raw`a \ in double quotes`,
    advice: 'Put the value in single quotes instead.',
  },
};

function explained(error: YAMLError, document: Document, text: string): Mistake {
  const { code, message } = error;
  const [offset] = error.pos;
  if (code === 'BAD_SCALAR_START') {
    return { offset, what: `a value that starts with ${text[offset]}`, advice: quotes };
  }
  if (/closing ["']quote/u.test(message)) {
    // The error is where the text ends; people look for the quote that opened it.
    const opened = findNode(document, (node) => isScalar(node) && node.range?.[1] === offset);
    return {
      offset: opened?.range?.[0] ?? offset,
      what: 'a quote that is not closed',
      advice: 'Put the same quote at the end of the value.',
    };
  }
  return {
    offset,
    ...(usual[code] ?? {
      what: saidBy(error),
      advice: 'Values that start with ! # @ or * need quotes.',
    }),
  };
}

/** The library's words, without the place and without what the file contains, which may be a secret. */
function saidBy({ message }: YAMLError): string {
  const [first = ''] = message.split('\n', 1);
  return first.replace(/ at line \d.*$/u, '').replace(/: .*$/u, '');
}

function findNode(document: Document, isWanted: (node: Node) => boolean): Node | undefined {
  let found: Node | undefined;
  visit(document, {
    Node(_, node) {
      if (!isWanted(node)) {
        return undefined;
      }
      found = node;
      return visit.BREAK;
    },
  });
  return found;
}

function notValid(file: string, counter: LineCounter, { offset, what, advice }: Mistake) {
  const { line, col } = counter.linePos(offset ?? 0);
  const place = offset === undefined ? '' : `line ${line}, column ${col}: `;
  return new SetupError(`${file} is not valid YAML: ${place}${what}.`, advice);
}
