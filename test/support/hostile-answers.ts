import * as fc from 'fast-check';
import { z } from 'zod';

import { anyJson, anyNumber, hostileText } from './hostile.ts';

/** The part of JSON Schema that zod writes for answers. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
}

/** IDs that the answers' schemas let through; their rest is anybody's. */
function textLike(pattern: string | undefined): fc.Arbitrary<string> {
  const sigil = /^\^\\?([@!$])/u.exec(pattern ?? '')?.[1];
  if (sigil === undefined) {
    return hostileText;
  }
  return fc
    .oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom('mallory', 'root').map((name) => `@${name}:localhost`),
      },
      { weight: 2, arbitrary: hostileText },
    )
    .map((text) =>
      sigil === '@' ? `@${text.replaceAll(/[@:]/gu, '')}:localhost` : `${sigil}x${text}`,
    );
}

function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) {
    return fc.oneof(...schema.anyOf.map(fitting));
  }
  if (schema.enum !== undefined) {
    return fc.constantFrom(...schema.enum);
  }
  if ('const' in schema) {
    return fc.constant(schema.const);
  }
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type: string) => fitting({ ...schema, type })));
  }
  switch (schema.type) {
    case 'object':
      return objectLike(schema);
    case 'array':
      return fc.array(fitting(schema.items ?? {}), { maxLength: 3 });
    case 'string':
      return textLike(schema.pattern);
    case 'number':
    case 'integer':
      return fc.oneof(fc.nat(2_000_000_000_000), anyNumber);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case undefined:
    default:
      return anyJson;
  }
}

function objectLike({ properties, required = [], additionalProperties }: JsonSchema) {
  if (properties === undefined) {
    return fc.dictionary(
      hostileText,
      typeof additionalProperties === 'object' ? fitting(additionalProperties) : anyJson,
      { maxKeys: 3 },
    );
  }
  return fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, fitting(one)])),
    { requiredKeys: [...required] },
  );
}

const known = new WeakMap<z.ZodType, fc.Arbitrary<unknown>>();

/** Answers that the schema takes, holding what strangers may have written. */
export function answersFor(schema: z.ZodType): fc.Arbitrary<unknown> {
  const before = known.get(schema);
  if (before !== undefined) {
    return before;
  }
  const made = fitting(
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema,
  );
  known.set(schema, made);
  return made;
}
