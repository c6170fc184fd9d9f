import { request as httpRequest } from 'node:http';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { hourMs, minuteMs } from '../../src/core/duration.ts';
import { contentOf } from '../../src/services/reports/reported-content.ts';
import { fillWeek } from '../support/page-content.ts';
import { ana, asking, ben, openPage, vic } from '../support/page.ts';
import type { TestPage } from '../support/page.ts';

let page: TestPage;
beforeEach(async () => {
  page = await openPage();
});
afterEach(async () => page[Symbol.asyncDispose]());

const pathOf = (url: string) => new URL(url).pathname;

/** Asks with headers that `fetch` doesn't let anybody set. */
async function askRaw(
  path: string,
  headers: Readonly<Record<string, string>>,
  method = 'GET',
): Promise<{ status: number; text: string; cookie: string; transportSecurity: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: page.port, path, headers, method },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            cookie: response.headers['set-cookie']?.[0] ?? '',
            transportSecurity: String(response.headers['strict-transport-security']),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end();
  });
}

describe('a link', () => {
  test('opens the page once the button is pressed, however often it was looked at before', async () => {
    const { url } = page.linkFor(ana);
    for (const method of ['GET', 'GET', 'HEAD', 'GET']) {
      const preview = await page.ask(pathOf(url), { method });
      expect(preview.status).toBe(200);
      expect(preview.headers.get('set-cookie')).toBeNull();
      expect(preview.headers.get('cache-control')).toBe('no-store');
    }
    const opened = await page.ask(pathOf(url), { method: 'POST' });
    expect(opened.status).toBe(303);
    expect(opened.headers.get('location')).toBe('/');
    const [name, rest = ''] = (opened.headers.get('set-cookie') ?? '').split(/=(.*)/u);
    // Another bot on this machine has another port, and would get the same cookie.
    expect(name).toBe(`lawspeaker-${page.port}`);
    expect(rest).toMatch(/^[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=28800$/u);
    const again = await page.ask(pathOf(url), { method: 'POST' });
    expect(again.status).toBe(403);
    expect(again.headers.get('set-cookie')).toBeNull();
    expect(again.text).toContain('<code>!open</code>');
  });

  test('looks the same before it is used, after it, and if it never was one', async () => {
    const { url } = page.linkFor(ana);
    const before = await page.ask(pathOf(url));
    await page.ask(pathOf(url), { method: 'POST' });
    const after = await page.ask(pathOf(url));
    const invented = pathOf(url).replace(/.$/u, (last) => (last === 'A' ? 'B' : 'A'));
    const never = await page.ask(invented);
    expect(after.text).toBe(before.text);
    expect(never.text.replaceAll(invented, '')).toBe(before.text.replaceAll(pathOf(url), ''));
  });

  test('does not open the page for somebody who has lost their role since', async () => {
    const { url } = page.linkFor(ben);
    page.roles.delete(ben);
    const { status, headers } = await page.ask(pathOf(url), { method: 'POST' });
    expect(status).toBe(403);
    expect(headers.get('set-cookie')).toBeNull();
    page.roles.set(ben, 'moderator');
    expect((await page.ask(pathOf(url), { method: 'POST' })).status).toBe(403);
  });

  test('after 10 wrong ones, a network is told so, and valid ones go on working', async () => {
    const wrong = `/open/${'A'.repeat(43)}`;
    const from = (network: string) => ({
      method: 'POST',
      headers: { 'x-forwarded-for': network },
    });
    for (let number = 0; number < 10; number += 1) {
      expect((await page.ask(wrong, from('203.0.113.7'))).status).toBe(403);
    }
    expect((await page.ask(wrong, from('203.0.113.7'))).status).toBe(429);
    expect((await page.ask(wrong, from('203.0.113.8'))).status).toBe(403);
    // Others may come from the same network, such as that of a proxy.
    const { url } = page.linkFor(ana);
    expect((await page.ask(pathOf(url), from('203.0.113.7'))).status).toBe(303);
    page.clock.now += 10 * minuteMs;
    expect((await page.ask(wrong, from('203.0.113.7'))).status).toBe(403);
  });

  test('that is used is recorded before anybody sees anything, and never without', async () => {
    const { url } = page.linkFor(ben);
    await page.ask(pathOf(url));
    expect(page.openings).toEqual([]);
    await page.ask(pathOf(url), { method: 'POST' });
    expect(page.openings).toEqual([{ user: ben, askedBy: asking }]);
    await page.ask(pathOf(url), { method: 'POST' });
    expect(page.openings).toHaveLength(1);

    page.record.fault = new Error('the disk is full');
    const { url: other } = page.linkFor(ben);
    const { status, headers } = await page.ask(pathOf(other), { method: 'POST' });
    expect({ status, cookie: headers.get('set-cookie') }).toEqual({ status: 500, cookie: null });
    // Ben has one session: the first.
    expect(page.web.closeFor(ben)).toBe(1);
  });

  test('is not written to the log', async () => {
    const { url } = page.linkFor(ana);
    const cookie = await page.logIn(ana);
    await page.ask(pathOf(url), { method: 'POST' });
    await page.ask('/', { cookie });
    const log = page.logged.join('\n');
    expect(log).toContain('a session of the page began');
    expect(log).not.toContain(pathOf(url).slice('/open/'.length));
    expect(log).not.toContain(cookie.split('=')[1]);
  });
});

describe('a session', () => {
  test('shows the page', async () => {
    const cookie = await page.logIn(ana);
    const { status, text } = await page.ask('/', { cookie });
    expect(status).toBe(200);
    expect(text).toContain('<title>Overview · Lawspeaker</title>');
    expect(text).toContain('@ana:example.com');
  });

  test.each(['/', '/reports', '/reports/1', '/operations', '/operations/1', '/audit', '/audit/1'])(
    'is needed for %s',
    async (path) => {
      await fillWeek(page.store, page.clock.now);
      const name = `lawspeaker-${page.port}`;
      for (const cookie of [undefined, `${name}=`, `${name}=${'A'.repeat(43)}`]) {
        const { status, text } = await page.ask(path, cookie === undefined ? {} : { cookie });
        expect(status).toBe(401);
        expect(text).not.toMatch(/mallory|ben:example|spam/u);
      }
    },
  );

  test('ends when its owner logs out, in this browser alone', async () => {
    const [here, there] = [await page.logIn(ana), await page.logIn(ana)];
    const { status, headers } = await page.ask('/logout', { method: 'POST', cookie: here });
    expect(status).toBe(303);
    expect(headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await page.ask('/', { cookie: here })).status).toBe(401);
    expect((await page.ask('/', { cookie: there })).status).toBe(200);
  });

  test('of a thief ends when its owner logs out everywhere', async () => {
    const { url } = page.linkFor(ana);
    const stolen = await page.ask(pathOf(url), { method: 'POST' });
    const [thief = ''] = (stolen.headers.get('set-cookie') ?? '').split(';', 1);
    const late = await page.ask(pathOf(url), { method: 'POST' });
    expect(late.text).toContain('If you have not used this link yourself');
    const [cookie, bens] = [await page.logIn(ana), await page.logIn(ben)];
    expect((await page.ask('/', { cookie })).text).toContain('action="/logout/everywhere"');
    const { url: unused } = page.linkFor(ana);
    const { status, headers } = await page.ask('/logout/everywhere', { method: 'POST', cookie });
    expect(status).toBe(303);
    expect(headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await page.ask('/', { cookie })).status).toBe(401);
    expect((await page.ask('/', { cookie: thief })).status).toBe(401);
    expect((await page.ask(pathOf(unused), { method: 'POST' })).status).toBe(403);
    expect((await page.ask('/', { cookie: bens })).status).toBe(200);
    // Without a session, nothing is ended.
    await page.ask('/logout/everywhere', { method: 'POST', cookie: thief });
    expect((await page.ask('/', { cookie: bens })).status).toBe(200);
  });

  test('of a thief ends when its owner types !open --close', async () => {
    const [thief, bens] = [await page.logIn(ana), await page.logIn(ben)];
    const { url: unused } = page.linkFor(ana);
    expect(page.web.closeFor(ana)).toBe(1);
    expect((await page.ask('/', { cookie: thief })).status).toBe(401);
    const used = await page.ask(pathOf(unused), { method: 'POST' });
    expect(used.status).toBe(403);
    expect(used.text).toContain('<code>!open --close</code>');
    expect((await page.ask('/', { cookie: bens })).status).toBe(200);
  });

  test('ends at once when its owner has lost the role or left, and does not come back', async () => {
    const cookie = await page.logIn(ben);
    expect((await page.ask('/audit', { cookie })).status).toBe(200);
    page.roles.delete(ben);
    expect((await page.ask('/audit', { cookie })).status).toBe(401);
    page.roles.set(ben, 'moderator');
    expect((await page.ask('/audit', { cookie })).status).toBe(401);
  });

  test('ends after an hour without use', async () => {
    const cookie = await page.logIn(ana);
    page.clock.now += hourMs;
    expect((await page.ask('/', { cookie })).status).toBe(401);
  });

  test('of another site is not ended, nor is a link used from there', async () => {
    const cookie = await page.logIn(ana);
    const { url } = page.linkFor(ana);
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      // From a sandboxed frame, or by a redirect.
      { origin: 'null' },
    ]) {
      for (const path of ['/logout', '/logout/everywhere', pathOf(url)]) {
        const { status, text } = await page.ask(path, { method: 'POST', cookie, headers });
        expect(status).toBe(403);
        expect(text).toContain('Another site sent this form');
      }
    }
    expect((await page.ask('/', { cookie })).status).toBe(200);
    const ours = { origin: page.origin };
    expect((await page.ask(pathOf(url), { method: 'POST', headers: ours })).status).toBe(303);
  });
});

describe('who may see what', () => {
  beforeEach(async () => fillWeek(page.store, page.clock.now));

  test('a viewer sees reports and what runs, as in the room, and not the audit log', async () => {
    const cookie = await page.logIn(vic);
    const statuses: Record<string, number> = {};
    for (const path of [
      '/',
      '/reports',
      '/reports/1',
      '/operations',
      '/operations/1',
      '/operations/2',
      '/audit',
      '/audit/1',
    ]) {
      statuses[path] = (await page.ask(path, { cookie })).status;
    }
    expect(statuses).toEqual({
      '/': 200,
      '/reports': 200,
      '/reports/1': 200,
      '/operations': 200,
      '/operations/1': 200,
      // It has ended, so it is part of the record.
      '/operations/2': 403,
      '/audit': 403,
      '/audit/1': 403,
    });
    const { text } = await page.ask('/', { cookie });
    expect(text).not.toContain('/audit');
    expect((await page.ask('/operations', { cookie })).text).not.toContain('All operations');
    expect((await page.ask('/operations/2', { cookie })).text).toContain(
      'This operation has ended',
    );
  });

  test('a viewer sees how far an operation is, as in the room, and not what became of each target', async () => {
    const viewers = await page.ask('/operations/1', { cookie: await page.logIn(vic) });
    expect(viewers.text).toContain('<dt>Progress</dt>');
    expect(viewers.text).not.toMatch(/the homeserver answered 502|@spam7:example.com/u);
    const moderators = await page.ask('/operations/1', { cookie: await page.logIn(ben) });
    expect(moderators.text).toContain('the homeserver answered 502');
    expect(moderators.text).toContain('@spam7:example.com');
  });

  test('a moderator sees all of it', async () => {
    const cookie = await page.logIn(ben);
    for (const path of ['/', '/reports/1', '/operations/2', '/audit', '/audit/1']) {
      expect((await page.ask(path, { cookie })).status).toBe(200);
    }
  });

  test('the roles that the configuration gives to commands count', async () => {
    const cookie = await page.logIn(vic);
    page.commandRoles.set('audit', 'viewer').set('report', 'admin');
    expect((await page.ask('/audit/1', { cookie })).status).toBe(200);
    expect((await page.ask('/reports/1', { cookie })).status).toBe(403);
    expect((await page.ask('/reports', { cookie })).status).toBe(200);
    page.commandRoles.set('open', 'moderator');
    expect((await page.ask('/reports', { cookie })).status).toBe(401);
  });

  test('a role that was lowered counts at the next request', async () => {
    const cookie = await page.logIn(ben);
    expect((await page.ask('/audit', { cookie })).status).toBe(200);
    page.roles.set(ben, 'viewer');
    expect((await page.ask('/audit', { cookie })).status).toBe(403);
  });
});

describe('filters', () => {
  beforeEach(async () => fillWeek(page.store, page.clock.now));

  const entriesIn = (text: string) => text.match(/href="\/audit\/\d+"/gu)?.length ?? 0;

  test.each([
    ['', 50],
    ['text=crypto', 13],
    ['text=crypto&by=ben', 13],
    ['text=crypto&by=ana', 0],
    ['by=rule:fresh-account', 13],
    ['target=@eve:example.com&since=1d', 4],
    ['command=redact&status=partial', 13],
    ['until=2026-11-26', 16],
    ['before=5', 2],
  ])('?%s finds %i entries', async (query, number) => {
    const cookie = await page.logIn(ben);
    const { status, text } = await page.ask(`/audit?${query}`, { cookie });
    expect({ status, entries: entriesIn(text) }).toEqual({ status: 200, entries: number });
  });

  test.each([
    ['/audit?text=%21%21', 'The search has no words.'],
    ['/audit?since=soon', 'soon is not a valid date.'],
    ['/audit?target=%23lobby:example.com', 'Give the ID of the room'],
    ['/audit?status=fine', 'status is none of done, failed'],
    ['/reports?state=new', 'state is none of open, claimed'],
    ['/reports?sender=%21room', 'is not a user'],
  ])('%s is wrong, and the page says so beside the filters', async (path, words) => {
    const cookie = await page.logIn(ben);
    const { status, text } = await page.ask(path, { cookie });
    expect(status).toBe(400);
    expect(/role="alert">\s*([^<]*)/u.exec(text)?.[1]).toContain(words);
    expect(text).toContain('<title>Error: ');
    expect(text).toContain('<form class="filters"');
    // Nothing was looked for.
    expect(text).not.toMatch(/<table|No matching/u);
  });

  test.each([
    ['/audit?since=soon&by=@ben:example.com', 'since'],
    ['/audit?status=fine', 'status'],
    ['/audit?text=%21%21', 'text'],
    ['/reports?sender=%21room', 'sender'],
  ])('of %s, the field %s is marked as wrong, and no other', async (path, field) => {
    const { text } = await page.ask(path, { cookie: await page.logIn(ben) });
    const controls = text.match(/<(?:input|select)\s[^>]*>/gu) ?? [];
    const wrong = controls.filter((control) =>
      /aria-invalid="true"\s+aria-describedby="fault"/u.test(control),
    );
    expect(wrong.map((control) => /name="(\w+)"/u.exec(control)?.[1])).toEqual([field]);
    expect(text).toContain('id="fault"');
  });

  test('whoever only confirmed is named, too', async () => {
    const { text } = await page.ask('/audit?by=@ben:example.com&status=failed', {
      cookie: await page.logIn(ben),
    });
    const rows = text.match(/data-title="By">[\s\S]*?<\/td>/gu) ?? [];
    expect(rows).toHaveLength(13);
    for (const row of rows) {
      expect(row.replaceAll(/<[^>]*>/gu, '')).toContain(
        '@ana:example.com confirmed by @ben:example.com',
      );
    }
  });

  test('a page within a section is not said to be the page of the section', async () => {
    const cookie = await page.logIn(ben);
    const current = async (path: string) =>
      /aria-current="(\w+)"/u.exec((await page.ask(path, { cookie })).text)?.[1];
    expect(await current('/reports')).toBe('page');
    expect(await current('/reports/1')).toBe('true');
  });

  test('a list goes on where the page before ended', async () => {
    const cookie = await page.logIn(ben);
    const seen: string[] = [];
    let path = '/audit?by=@ben:example.com';
    for (let number = 0; number < 3 && path !== ''; number += 1) {
      const { text } = await page.ask(path, { cookie });
      seen.push(...[...text.matchAll(/href="\/audit\/(\d+)"/gu)].map(([, id = '']) => id));
      path = /href="([^"]*)"\s+rel="next"/u.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    }
    expect(path).toBe('');
    // Two of five were asked for by ben, and two confirmed by him.
    expect(seen).toHaveLength(4 * 13);
    expect(new Set(seen).size).toBe(4 * 13);
    expect(seen.map(Number)).toEqual(seen.map(Number).toSorted((one, other) => other - one));
  });
});

describe('every answer', () => {
  test('lets nothing run, and nothing be loaded from elsewhere', async () => {
    const cookie = await page.logIn(ana);
    const { url } = page.linkFor(ana);
    const style = /\/style\.\w+\.css/u.exec((await page.ask('/', { cookie })).text)?.[0] ?? '';
    for (const path of [
      '/',
      '/reports',
      '/nothing',
      pathOf(url),
      style,
      '/icon.svg',
      '//evil.example/',
    ]) {
      const { headers, text } = await page.ask(path, { cookie });
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      );
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('strict-origin');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(text).not.toMatch(/<script|<iframe|\bon\w+=|style="|https?:\/\/(?!www\.w3\.org)/u);
    }
    expect((await page.ask(style)).headers.get('content-type')).toBe('text/css; charset=utf-8');
  });

  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is refused', async (method) => {
    const { status, headers } = await page.ask('/', { method });
    expect({ status, allow: headers.get('allow') }).toEqual({
      status: 405,
      allow: 'GET, HEAD, POST',
    });
  });

  test('a form can be sent to nothing else', async () => {
    const cookie = await page.logIn(ana);
    for (const path of ['/', '/reports', '/audit/1']) {
      const { status, headers, text } = await page.ask(path, { method: 'POST', cookie });
      expect({ status, allow: headers.get('allow') }).toEqual({ status: 405, allow: 'GET, HEAD' });
      expect(text).toContain('This page is read-only.');
    }
    for (const path of ['/open', '/open/short', '/nothing']) {
      expect((await page.ask(path, { method: 'POST', cookie })).status).toBe(404);
    }
  });

  test('no address leads to another site, or breaks anything', async () => {
    const cookie = await page.logIn(ana);
    for (const path of [
      '/\\evil.example/',
      '/.//evil.example/',
      '/\\[',
      '/\\%',
      '/\\@',
      '/\\x:99999',
      '/%2f%2f-evil.example/',
      '/reports/0',
      '/reports/99999999999999999999',
      '/audit/1/2',
      '/__proto__',
      '/constructor',
      `/${'x'.repeat(4000)}`,
      `/reports?sender=${'x'.repeat(3000)}`,
      '/reports?state=__proto__',
      '/audit?before=-1&since=%00&by=%F0%9F',
    ]) {
      const { status, text } = await askRaw(path, { host: new URL(page.origin).host, cookie });
      expect([200, 400, 404]).toContain(status);
      expect(text).not.toMatch(/(?:href|action)="(?:\/\/|\/\\|https?:)/u);
      const stranger = await askRaw(path, { host: new URL(page.origin).host });
      expect([400, 401]).toContain(stranger.status);
      expect(stranger.text).not.toMatch(/(?:href|action)="(?:\/\/|\/\\|https?:)/u);
    }
    expect(page.logged.join('\n')).not.toContain('could not be shown');
  });
});

describe('the page tells what is wrong', () => {
  test('with the bot in the management room', async () => {
    const cookie = await page.logIn(vic);
    expect((await page.ask('/', { cookie })).text).toContain('Lawspeaker is connected');
    page.room.whyUnableToSend = 'it needs the power level 50';
    const { text } = await page.ask('/', { cookie });
    expect(text).not.toContain('Lawspeaker is connected');
    expect(text).toContain('can’t speak in the management room: it needs the power level 50.');
  });

  test('with the audit log, if a part of it was lost', async () => {
    await fillWeek(page.store, page.clock.now);
    const foundAt = Date.UTC(2026, 10, 27, 9);
    const lost = { foundAt, lastMessageAt: foundAt, lastKept: 50, lastShown: 900 };
    await page.store.dataLoss.set(lost);
    const cookie = await page.logIn(ben);
    expect((await page.ask('/', { cookie })).text).toContain('the audit log lacks #51 to #900');
    const gone = await page.ask('/audit/900', { cookie });
    expect(gone.status).toBe(404);
    expect(gone.text).toContain('Audit entry #900 was lost');
    expect((await page.ask('/audit/901', { cookie })).text).toContain('There is nothing here');
    expect((await page.ask('/audit/61', { cookie })).text).toContain(
      'An older entry had the same number.',
    );
    expect((await page.ask('/audit/1', { cookie })).text).not.toContain('An older entry');
  });
});

test('an audit entry about a report leads to it', async () => {
  const at = page.clock.now;
  const entry = await page.store.transaction(async ({ auditLog }) =>
    auditLog.begin(
      {
        actor: ben,
        command: 'dismiss',
        arguments: { items: [3] },
        target: '3',
        eventId: '$dismiss',
        roomId: '!room:example.com',
      },
      at,
    ),
  );
  const cookie = await page.logIn(ben);
  for (const path of ['/audit', `/audit/${entry}`]) {
    expect((await page.ask(path, { cookie })).text).toContain('<a href="/reports/3">#3</a>');
  }
});

test('of many earlier reports about somebody, the newest are shown, and how many there are', async () => {
  for (let number = 1; number <= 14; number += 1) {
    await page.store.transaction(async ({ reports, reportWork }) => {
      await reports.add(
        {
          kind: 'event',
          reportId: number,
          receivedTs: page.clock.now - 20 + number,
          subject: `$event${number}`,
          reporter: '@rita:example.com',
          reason: 'spam',
          score: null,
          roomId: '!lobby:example.com',
          roomName: 'Lobby',
          sender: '@mallory:example.com',
        },
        page.clock.now,
        { isBacklog: false, isQuiet: false },
      );
      const content = contentOf({
        type: 'm.room.message',
        origin_server_ts: page.clock.now,
        content: { msgtype: 'm.text', body: 'x'.repeat(60_000) },
      });
      await reportWork.setDetails(number, { content: JSON.stringify(content) });
    });
  }
  const cookie = await page.logIn(vic);
  const { text } = await page.ask('/reports/14', { cookie });
  expect(text).toContain('The latest 10 of 13');
  const [, earlier = ''] = text.split('id="earlier"');
  expect([...earlier.matchAll(/href="\/reports\/(\d+)"/gu)].map(([, id]) => id)).toEqual([
    '13',
    '12',
    '11',
    '10',
    '9',
    '8',
    '7',
    '6',
    '5',
    '4',
  ]);
  const [item] = await page.store.reportItems.search({}, { limit: 1 });
  const { newest } = await page.store.reportItems.earlier(item ?? { id: 0, sender: null });
  expect(JSON.stringify(newest).length).toBeLessThan(2000);
});

test('a list of reports asks for all of their main reasons at once', async () => {
  await fillWeek(page.store, page.clock.now);
  const asked = vi.spyOn(page.store.reports, 'mainReasons');
  const read = vi.spyOn(page.store.reports, 'ofItem');
  const { text } = await page.ask('/reports?state=all', { cookie: await page.logIn(vic) });
  expect(text.replaceAll(/<[^>]*>/gu, '')).toMatch(/“crypto scam”\s+by 2 people\s/u);
  expect(text).toContain('“harassment”');
  expect(text).toContain('none given');
  expect(asked).toHaveBeenCalledTimes(1);
  expect(read).not.toHaveBeenCalled();
});

test('whoever asks for very many pages at once gets only some of them', async () => {
  const [cookie, bens] = [await page.logIn(ana), await page.logIn(ben)];
  const release = Promise.withResolvers<void>();
  // As long as this lasts, no page can read anything.
  const busy = page.store.transaction(async () => release.promise);
  const statuses: number[] = [];
  const asked = Array.from({ length: 20 }, async () => {
    const { status, headers } = await page.ask('/', { cookie });
    statuses.push(status);
    return headers.get('retry-after');
  });
  await expect.poll(() => statuses).toEqual(Array.from({ length: 15 }, () => 503));
  const other = page.ask('/', { cookie: bens });
  release.resolve();
  expect((await Promise.all(asked)).filter((after) => after === '1')).toHaveLength(15);
  expect(statuses.filter((status) => status === 200)).toHaveLength(5);
  expect((await other).status).toBe(200);
  await busy;
});

describe('the address', () => {
  test('also serves the probes and the metrics', async () => {
    expect((await page.ask('/health/live')).text).toBe('alive\n');
    expect((await page.ask('/metrics')).text).toBe('up 1\n');
  });

  test('shows no probe through a proxy that passes another name on', async () => {
    for (const forwarding of [
      { 'x-forwarded-for': '203.0.113.7' },
      { forwarded: 'for=203.0.113.7' },
      { via: '1.1 proxy.example' },
    ]) {
      for (const path of ['/metrics', '/health/live', '/health/ready']) {
        const host = `127.0.0.1:${page.port}`;
        expect((await askRaw(path, { host: 'localhost', ...forwarding })).status).toBe(404);
        expect((await askRaw(path, { host })).status).toBe(200);
      }
    }
  });

  test('shows no probe on this machine under a name that somebody else may have rebound', async () => {
    for (const host of ['evil.example', `evil.example:${page.port}`, '127.0.0.1.evil.example']) {
      expect((await askRaw('/metrics', { host })).status).toBe(404);
      expect((await askRaw('/health/ready', { host })).status).toBe(404);
    }
    for (const host of ['127.0.0.1', `localhost:${page.port}`, '[::1]:9090', 'LOCALHOST']) {
      expect((await askRaw('/metrics', { host })).text).toBe('up 1\n');
    }
  });

  test('shows the page only under its own name: no other name may resolve to it', async () => {
    const cookie = await page.logIn(ana);
    const { url } = page.linkFor(ana);
    for (const host of ['evil.example', 'localhost', '127.0.0.1', 'evil.example:9090']) {
      for (const path of ['/', '/reports', pathOf(url)]) {
        expect(await askRaw(path, { host, cookie })).toMatchObject({ status: 404 });
        expect((await askRaw(path, { host, cookie }, 'POST')).status).toBe(404);
      }
    }
    expect((await page.ask(pathOf(url), { method: 'POST' })).status).toBe(303);
  });
});

test('behind a proxy, the cookie is one that only https carries, and the metrics are out of reach', async () => {
  await page[Symbol.asyncDispose]();
  page = await openPage({ publicUrl: 'https://mod.example.com' });
  const { url } = page.linkFor(ana);
  expect(url).toMatch(/^https:\/\/mod\.example\.com\/open\/[\w-]{43}$/u);
  const host = { host: 'mod.example.com' };
  const opened = await askRaw(pathOf(url), host, 'POST');
  expect(opened.status).toBe(303);
  expect(opened.cookie).toMatch(
    /^__Host-lawspeaker=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure; Max-Age=28800$/u,
  );
  const [cookie = ''] = opened.cookie.split(';', 1);
  const shown = await askRaw('/', { ...host, cookie });
  expect(shown).toMatchObject({ status: 200, transportSecurity: 'max-age=31536000' });
  for (const path of ['/metrics', '/health/live', '/health/ready']) {
    expect((await askRaw(path, host)).status).toBe(401);
    expect((await askRaw(path, { ...host, cookie })).status).toBe(404);
    expect((await askRaw(path, {})).status).toBe(200);
  }
  expect((await askRaw('/', { cookie })).status).toBe(404);
});
