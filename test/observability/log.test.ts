import { spawnSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { redactText } from '../../src/observability/log.ts';

const source = new URL('../../src/observability/log.ts', import.meta.url).href;

/** What reaches standard error of a process that logs. */
function logged(statements: string, format: 'json' | 'pretty' = 'json', level = 'info'): string {
  const program = `
    import { createLog } from ${JSON.stringify(source)};
    const log = await createLog({ level: '${level}', format: '${format}' });
    ${statements}
    log.info('the end');`;
  const { stderr, stdout, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  );
  expect(stdout).toBe('');
  expect(status).toBe(0);
  return stderr;
}

interface Line {
  readonly msg: string;
  readonly level: string;
  readonly err?: Record<string, unknown>;
}

const linesOf = (output: string) =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

const secret = 'syt_bWFsbG9yeQ_KJhGfDsAqWeRtYuIoP_0aBcDe';

/** Every way in which a token could come near the log. */
const ways = {
  'as a field': `log.info({ accessToken: 'hunter2' }, 'x')`,
  'as a field of the API': `log.info({ access_token: 'hunter2' }, 'x')`,
  'as a password': `log.info({ password: 'hunter2', new_password: 'hunter2', newPassword: 'hunter2' }, 'x')`,
  'as a header': `log.info({ headers: { authorization: 'hunter2' } }, 'x')`,
  'as a header of a request': `log.info({ request: { headers: { Authorization: 'Bearer hunter2' } } }, 'x')`,
  'deep inside': `log.info({ a: { b: { c: { d: { accessToken: 'hunter2' } } } } }, 'x')`,
  'in a list': `log.info({ all: [{ token: 'hunter2' }] }, 'x')`,
  'in a list deep inside': `log.info({ a: { b: [{ c: { password: 'hunter2' } }] } }, 'x')`,
  'in a child': `log.child({ token: 'hunter2' }).info('x')`,
  'in a URL': `log.info('GET /sync?access_token=hunter2&since=s1')`,
  'in a URL that is a field': `log.info({ url: 'https://x/sync?since=s1&access_token=hunter2' }, 'x')`,
  'in the message': `log.info({}, 'Authorization: Bearer hunter2')`,
  'in the message alone': `log.info('sent Bearer hunter2')`,
  'put into the message': `log.info('sent %s', 'Bearer hunter2')`,
  'put into the message as JSON': `log.info('sent %j', { access_token: 'hunter2' })`,
  'as JSON in the message': `log.info(JSON.stringify({ access_token: 'hunter2' }))`,
  'as JSON in a field': `log.info({ body: JSON.stringify({ password: 'hunter2' }) }, 'x')`,
  'in an error': `log.error({ err: new Error('refused: Bearer hunter2') }, 'x')`,
  'in an error alone': `log.error(new Error('refused: Bearer hunter2'))`,
  'in an error’s stack': `const e = new Error('x'); e.stack = 'at https://x?access_token=hunter2'; log.error({ err: e }, 'x')`,
  'in an error’s fields': `log.error({ err: Object.assign(new Error('x'), { options: { headers: { authorization: 'hunter2' } }, token: 'hunter2', key: 'hunter2' }) }, 'x')`,
  'in an error’s cause': `log.error({ err: new Error('x', { cause: new Error('hunter2') }) }, 'x')`,
  'in an error under another name': `log.error({ error: Object.assign(new Error('x'), { options: { headers: { authorization: 'Bearer hunter2' } } }) }, 'x')`,
  'in what is thrown and no error': `log.error({ err: 'Bearer hunter2' }, 'x')`,
} as const;

describe('a secret never reaches the log', () => {
  test.each(['json', 'pretty'] as const)('by name or form, as %s', (format) => {
    for (const [way, statement] of Object.entries(ways)) {
      expect(statement).toContain('hunter2');
      expect(way).not.toBe('');
    }
    // One process for all: each says where it is.
    const program = Object.entries(ways)
      .map(([way, statement]) => `{ ${statement}; log.info(${JSON.stringify(`after: ${way}`)}); }`)
      .join('\n');
    const output = logged(program, format);
    const leaks = Object.keys(ways).filter((way, at, all) => {
      const from = at === 0 ? 0 : output.indexOf(`after: ${all[at - 1] ?? ''}`);
      return output.slice(from, output.indexOf(`after: ${way}`)).includes('hunter2');
    });
    expect(leaks).toEqual([]);
    expect(output).toContain('the end');
  });

  test('Synapse’s tokens by their form alone, wherever they stand', () => {
    const output = logged(`
      const secret = '${secret}';
      log.info(secret);
      log.info({ anything: secret }, 'x');
      log.info({ a: { b: { c: { d: { e: [secret] } } } } }, 'x');
      log.info({ [secret]: 1 }, 'x');
      log.info('%s', secret);
      log.info({ mas: 'mct_abcDEF123_x', url: 'https://x/' + secret + '/y' }, 'x');
      log.error(new Error('x ' + secret));
      log.info('a line\\n' + secret + '\\nand\\nBearer KJhGf');
      log.error({ err: new Error(secret) }, secret);
    `);
    expect(output).not.toContain('KJhGf');
    expect(output).not.toContain('mct_abc');
    expect(linesOf(output).at(-1)?.msg).toBe('the end');
  });
});

describe('what remains', () => {
  test('is one line of JSON each, with what is no secret', () => {
    const lines = linesOf(
      logged(`
        log.info({ user: '@a:x', took: 5, quote: 'a "b" \\\\ c' }, 'said "Bearer hunter2" to them');
        log.warn({ tokens: 3, room: '!r:x' }, 'counted');
        log.info({ request: 'Bearer a', after: 'kept' }, 'two\\nlines');
      `),
    );
    expect(lines[0]).toMatchObject({ user: '@a:x', took: 5, quote: 'a "b" \\ c' });
    expect(lines[0]?.msg).toMatch(/^said "\[redacted\]"? to them$/u);
    expect(lines[1]).toMatchObject({ tokens: 3, room: '!r:x', msg: 'counted', level: 'warn' });
    expect(lines[2]).toMatchObject({ after: 'kept', msg: 'two\nlines' });
  });

  test('an error has its name, message and stack, and nothing else', () => {
    const [one, two] = linesOf(
      logged(`
        class OddError extends Error { name = 'OddError'; code = 'x'; }
        log.error({ err: new OddError('it broke', { cause: new Error('why') }) }, 'failed');
        log.error({ err: 'thrown text' }, 'failed');
      `),
    );
    expect(Object.keys(one?.err ?? {}).sort()).toEqual(['message', 'stack', 'type']);
    expect(one?.err).toMatchObject({ type: 'OddError', message: 'it broke' });
    expect(one?.err?.['stack']).toContain('it broke\n    at ');
    expect(two?.err).toEqual({ message: 'thrown text' });
  });

  test('is as loud as it was set', () => {
    const lines = linesOf(logged(`log.debug('quiet'); log.warn('loud');`));
    expect(lines.map(({ msg }) => msg)).toEqual(['loud', 'the end']);
    expect(logged(`log.error('x');`, 'json', 'silent')).toBe('');
  });
});

test('redactText', () => {
  expect(redactText(`a ${secret} b`)).toBe('a [redacted] b');
  expect(redactText('?access_token=abc&x=1')).toBe('?access_token=[redacted]&x=1');
  expect(redactText('Bearer abc.def-ghi rest')).toBe('[redacted] rest');
  expect(redactText('nothing here, bearers of news')).toBe('nothing here, bearers of news');
});
