import type { z } from 'zod';

import { nearest } from '../core/text.ts';

/**
 * What is wrong with a value, in plain words: the schema's own messages have precedence. Never shows the
 * value, which may be a secret.
 */
export const plainErrors: z.core.$ZodErrorMap = (issue) => {
  const { code } = issue;
  if (code === 'invalid_type') {
    return typeMessage(issue.expected, issue.input);
  }
  if (code === 'invalid_value') {
    return oneOfMessage(issue.values.map(String), issue.input);
  }
  if (code === 'too_small') {
    return issue.origin === 'string'
      ? 'must not be empty'
      : `must be at least ${issue.minimum}${unitOf(issue.origin)}`;
  }
  return code === 'too_big' ? `must be at most ${issue.maximum}${unitOf(issue.origin)}` : undefined;
};

function typeMessage(expected: string, input: unknown): string {
  switch (expected) {
    case 'string':
      return typeof input === 'number' || typeof input === 'boolean'
        ? 'must be text: put it in quotes'
        : `must be text, not ${kindOf(input)}`;
    case 'int':
      return 'must be a whole number';
    case 'number':
      return isQuoted(input, /^-?\d+(?:\.\d+)?$/u)
        ? 'must be a number: leave the quotes out'
        : 'must be a number';
    case 'boolean':
      return isQuoted(input, /^(?:true|false)$/u)
        ? 'must be true or false: leave the quotes out'
        : 'must be true or false';
    case 'array':
      return `must be a list, such as [a, b], not ${kindOf(input)}`;
    default:
      return `must have keys below it, not ${kindOf(input)}`;
  }
}

function isQuoted(input: unknown, pattern: RegExp): boolean {
  return typeof input === 'string' && pattern.test(input);
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) {
    return 'a list';
  }
  return typeof input === 'object' ? 'keys and values' : 'a single value';
}

function oneOfMessage(values: readonly string[], input: unknown): string {
  const guess = typeof input === 'string' ? nearest(input, values) : undefined;
  const [last = '', ...others] = values.toReversed();
  const list = others.length === 0 ? last : `${others.toReversed().join(', ')} or ${last}`;
  return `must be ${list}${guess === undefined ? '' : ` (did you mean ${guess}?)`}`;
}

function unitOf(origin: string): string {
  return origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
}
