import * as fc from 'fast-check';

const isNightly = process.env['LAWSPEAKER_TEST_PROFILE'] === 'nightly';

/** So many cases, always the same ones; at night many more, and others each time. */
export const fuzzing = {
  numRuns: isNightly ? 100_000 : 5_000,
  ...(isNightly ? {} : { seed: 20_261_121 }),
  // Shrinking a story of the store would not end.
  endOnFailure: true,
} as const;

/** Names the failing case by what finds it again, and shows the beginning of it. */
export function report<Case>(run: fc.RunDetails<Case>): void {
  if (run.failed) {
    const { seed, counterexamplePath, counterexample, errorInstance } = run;
    throw new Error(
      `seed ${seed}, path ${counterexamplePath}: ${String(errorInstance)}\n${JSON.stringify(counterexample).slice(0, 2000)}`,
      { cause: errorInstance },
    );
  }
}

export const fuzzTimeoutMs = isNightly ? 3_600_000 : 180_000;

/** Half a surrogate pair, null bytes, bidi controls, what has no width, and letters that look alike. */
const oddities = [
  '\uD800',
  '\uDC00x',
  '\u0000',
  '\u202E',
  '\u2066',
  '\u200B',
  '\u200D',
  '\uFEFF',
  '\u00A0',
  '\u2028',
  '\u{E0041}',
  'ſ',
  'K',
  'İ',
  '！',
  'а', // Cyrillic
  '👩‍👩‍👧',
  '\u0301'.repeat(50),
];

const markup = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><b>',
  "'/><a href='javascript:x'>",
  '</code></strong></td></table>',
  '&lt;b&gt;&#60;',
  '<!--',
  ']]>',
  '[x](https://evil.example)',
  '`code`',
  '<a href="https://matrix.to/#/@mallory:localhost">x</a>',
  '<a href="https://matrix.to/#/%40mallory%3Alocalhost">!deactivate</a>',
  '<mx-reply>!deactivate @mallory:localhost</mx-reply>',
  `${'<b>'.repeat(300)}x`,
];

const words = [
  '@mallory:localhost',
  '@ana:localhost',
  '@lawspeaker:localhost',
  '@root:localhost',
  '@nobody:elsewhere.example',
  'mallory',
  '!room:localhost',
  '#alias:localhost',
  '--reason',
  '--reason=\uD800\u0000',
  '--dry-run',
  '--override-protection',
  '--all',
  '--limit=9',
  '--__proto__=1',
  '--format=json',
  '--from-file',
  '—erase',
  '“',
  '"',
  "'",
  '\\',
  '\n',
  ' ',
  'constructor',
  '__proto__',
  'yes',
  'no!',
  'syt_c2VjcmV0_AbCdEfGhIjKl',
  '--password=hunter2',
];

/**
 * Any code point but half a surrogate pair: fast-check's own `binary`, without the table of all of them
 * that it makes first.
 */
const character = fc
  .integer({ min: 0, max: 0x10ffff - 0x800 })
  .map((at) => String.fromCodePoint(at < 0xd800 ? at : at + 0x800));

/** Text of somebody who means harm. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: character, maxLength: 30 }) },
  {
    weight: 4,
    arbitrary: fc
      .array(
        fc.oneof(
          fc.constantFrom(...oddities),
          fc.constantFrom(...markup),
          fc.constantFrom(...words),
          fc.string({ maxLength: 8 }),
        ),
        { maxLength: 6 },
      )
      .map((parts) => parts.join('')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...oddities, ...words, 'a'), fc.constantFrom(10, 300, 3000))
      .map(([text, times]) => text.repeat(times).slice(0, 40_000)),
  },
);

/** A line that is, or nearly is, a command. */
export function commandLine(names: readonly string[]): fc.Arbitrary<string> {
  const prefix = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('!', ' !', '\n!') },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        '',
        '！',
        '\u200B!',
        '! ',
        '!!',
        '> !',
        '\u202E!',
        'lawspeaker: ',
        '@lawspeaker:localhost ',
      ),
    },
  );
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom('dеactivate', 'DEACTIVATE', 'constructor', 'K') },
  );
  const argument = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: hostileText },
  );
  return fc
    .tuple(prefix, name, fc.array(argument, { maxLength: 4 }))
    .map(([before, command, rest]) => `${before}${[command, ...rest].join(' ')}`);
}

/** Stands for nesting deeper than a recursive walk survives, the tests' own walks included. */
const deepMark = /"DEEP(\d+)"/gu;
const deep = fc.constantFrom('DEEP50', 'DEEP400', 'DEEP20000');

/** The JSON text of a value. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    deepMark,
    (_, depth: string) => `${'[{"x":'.repeat(Number(depth))}1${'}]'.repeat(Number(depth))}`,
  );
}

/** The value as it arrives from a server. */
export function received(value: unknown): unknown {
  return JSON.parse(jsonText(value)) as unknown;
}

const number = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, -0, -1, 0.5, 1e308, -1e308, 5e-324, 2 ** 53, -(2 ** 53), 9e15, -9e15),
);

/** Any JSON at all. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 10, arbitrary: fc.jsonValue({ maxDepth: 2, stringUnit: character }) },
  { weight: 20, arbitrary: hostileText },
  { weight: 10, arbitrary: number },
  { weight: 10, arbitrary: fc.constantFrom(null, true, {}, [], '', { __proto__: null }) },
  { weight: 1, arbitrary: deep },
);

export const anyNumber = number;

/** Mostly what it should be, and now and then anything. */
export function mostly<Value>(good: fc.Arbitrary<Value>, weight = 9): fc.Arbitrary<unknown> {
  return fc.oneof({ weight, arbitrary: good }, { weight: 1, arbitrary: anyJson });
}

/** Mostly not there at all. */
export function seldom(value: fc.Arbitrary<unknown>, weight = 12): fc.Arbitrary<unknown> {
  return fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}
