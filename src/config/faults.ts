import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter, Node } from 'yaml';

import { SetupError } from '../core/errors.ts';

type KeyPath = readonly PropertyKey[];

/** What is wrong with one value of the configuration. */
export interface Fault {
  readonly path: KeyPath;
  readonly message: string;
}

/** Where the values of a configuration come from. */
export interface Places {
  readonly file: string;
  /** `line 7`, or the environment variable that sets the value; undefined if neither does. */
  of(path: KeyPath): string | undefined;
}

/** An error with one line for each fault, naming the key and its place. */
export function faultsError(places: Places | undefined, faults: readonly Fault[]): SetupError {
  const lines = faults.map(({ path, message }) => {
    const place = places?.of(path);
    return `  ${path.join('.')}: ${message}${place === undefined ? '' : ` (${place})`}`;
  });
  return new SetupError(
    [`${places?.file ?? 'The configuration'} has errors:`, ...lines].join('\n'),
    'config/example.yaml documents every key.',
  );
}

/**
 * Finds the places of values in a YAML file.
 *
 * @param environment the environment variables that override the file, by key
 */
export function placesIn(
  file: string,
  document: Document.Parsed,
  counter: LineCounter,
  environment: ReadonlyMap<string, string>,
): Places {
  return {
    file,
    of(path) {
      const variable = environment.get(path.join('.'));
      if (variable !== undefined) {
        return variable;
      }
      const offset = offsetOf(document, path);
      return offset === undefined ? undefined : `line ${counter.linePos(offset).line}`;
    },
  };
}

/** The offset of a value's key. For a missing key, that of its nearest parent. */
function offsetOf(document: Document, path: KeyPath): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const name of path) {
    const [place, next] = step(resolved(document, node), name);
    if (place === undefined) {
      break;
    }
    offset = place.range?.[0] ?? offset;
    node = next;
  }
  return offset;
}

/** The node of a member's key, and the member. */
function step(node: unknown, name: PropertyKey): [Node | undefined, unknown] {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(name));
    return [isScalar(pair?.key) ? pair.key : undefined, pair?.value];
  }
  const item: unknown = isSeq(node) ? node.items[Number(name)] : undefined;
  return [isAlias(item) || isScalar(item) || isMap(item) || isSeq(item) ? item : undefined, item];
}

function resolved(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}
