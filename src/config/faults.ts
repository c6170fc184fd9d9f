import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter, Node } from 'yaml';

import { SetupError } from '../core/errors.ts';

export type KeyPath = readonly PropertyKey[];

/** What is wrong with one value of the configuration. */
export interface Fault {
  readonly path: KeyPath;
  readonly message: string;
}

/** Where the values of a configuration were written. */
export interface Places {
  readonly file: string;
  /** `line 7`, or the variable of the environment that sets it; undefined where it stands nowhere. */
  of(path: KeyPath): string | undefined;
}

/** One line a fault, naming key and place. */
export function faultsError(places: Places | undefined, faults: readonly Fault[]): SetupError {
  const lines = faults.map(({ path, message }) => {
    const place = places?.of(path);
    return `  ${path.join('.')}: ${message}${place === undefined ? '' : ` (${place})`}`;
  });
  return new SetupError(
    [`${places?.file ?? 'The configuration'} can’t be used:`, ...lines].join('\n'),
    'config/example.yaml documents every key.',
  );
}

/**
 * Where values stand in a YAML file.
 *
 * @param environment the variables that override the file, by key
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

/** Where a value's key stands, or what of it there is: a key that is missing belongs to its parent. */
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

/** The node that names a member, and the member. */
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
