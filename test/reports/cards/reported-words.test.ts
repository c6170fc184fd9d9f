import { afterEach, beforeEach, expect, test } from 'vitest';

import { contentLines } from '../../../src/chat/answers/report-item.ts';
import { render } from '../../../src/matrix/delivery/content.ts';
import { fillIn } from '../../../src/operations/answer/card.ts';
import { fetchDetails } from '../../../src/reports/intake/report-details.ts';
import { readRuleInput } from '../../../src/reports/rules/rule-input.ts';
import { formattedText } from '../../../src/services/reports/formatted-text.ts';
import type { Services } from '../../../src/services/services.ts';
import type { ReportItem } from '../../../src/store/tables/reports/report-items.ts';
import { openReportStore } from '../../support/report-store.ts';
import type { ReportStore } from '../../support/report-store.ts';
import { ruleOf } from '../rules/rule-input.ts';

let queue: ReportStore;
beforeEach(async () => {
  queue = await openReportStore();
});
afterEach(async () => queue[Symbol.asyncDispose]());

const now = Date.UTC(2026, 10, 21, 12, 0);
const pills = ruleOf({ when: { content: { matches: 'cheap pills' } }, alert: true });

type Content = Readonly<Record<string, unknown>>;

const onlyOne = (): never => {
  throw new TypeError('there is only one homeserver');
};

/** An event as its report holds it, and as its room has it by now. */
class Reported {
  readonly #content: Content;
  edit: Content | undefined;
  id = 0;

  constructor(content: Content) {
    this.#content = { msgtype: 'm.text', ...content };
  }

  async report(reporter: string, event = '$said'): Promise<void> {
    this.id = await queue.report({ at: now, event, room: '!lobby:localhost', reporter });
    const eventJson = { type: 'm.room.message', content: this.#content };
    const found = { eventId: event, roomId: '!lobby:localhost', sender: '@mallory:x', eventJson };
    const lastEdit = this.edit && { content: { 'm.new_content': this.edit } };
    const services = {
      reports: { findEventReport: async () => found },
      rooms: {
        findEvent: async () => ({
          event: {
            ...eventJson,
            sender: '@mallory:x',
            originServerTs: now,
            redactedBecause: null,
            lastEdit: lastEdit ?? null,
          },
        }),
      },
      directRooms: { has: async () => false },
    } as unknown as Services;
    const findPerson = async () => ({ createdAt: 0, isRestricted: false });
    const settings = {
      serverName: 'localhost',
      homeservers: [{ name: 'localhost', serverName: 'localhost' }],
    };
    const context = { store: queue.store, services, settings, atHomeserver: onlyOne };
    await fetchDetails(context, findPerson, await this.item(), async () => undefined);
  }

  async item(): Promise<ReportItem> {
    const item = await queue.store.reportItems.get(this.id);
    if (item === undefined) {
      throw new TypeError('no item');
    }
    return item;
  }

  async matches(): Promise<boolean> {
    const facts = await readRuleInput(queue.store, await this.item(), {
      serverNames: ['localhost'],
      now,
    });
    return pills.evaluate(facts).matches;
  }

  async shown() {
    const body = contentLines(await this.item(), { isAskedFor: false });
    return render({ mark: 'ℹ️', title: [], body }, '!');
  }
}

const ana = '@ana:localhost';
const ben = '@ben:localhost';

test('what people see is judged and shown: an edit made before the report', async () => {
  const message = new Reported({ body: 'good morning everybody' });
  message.edit = { msgtype: 'm.text', body: 'buy cheap pills at https://evil.example' };
  await message.report(ana);
  expect(await message.matches()).toBe(true);
  const { html, body } = await message.shown();
  expect(html).toContain('“good morning everybody”');
  // As hidden as the message, and as harmless.
  expect(html).toContain('Edited to: <span data-mx-spoiler>“buy cheap pills at https[:]//evil');
  expect(body).not.toContain('pills');
});

test('what people see is judged and shown: edits made between two reports, also one taken back', async () => {
  const message = new Reported({ body: 'good morning' });
  await message.report(ana);
  expect(await message.matches()).toBe(false);
  message.edit = { body: 'buy cheap pills' };
  await message.report(ben);
  expect(await message.matches()).toBe(true);
  message.edit = { body: 'good morning' };
  await message.report('@cyd:localhost');
  await message.report('@dan:localhost');
  expect(await message.matches()).toBe(true);
  const { html } = await message.shown();
  expect(html.match(/Edited to: /gu)).toHaveLength(2);
});

test('what people see is judged and shown: the formatted text, also of an edit', async () => {
  const message = new Reported({
    body: 'good evening',
    formatted_body: 'buy <b>ch</b>eap&#32;pills',
  });
  await message.report(ana);
  expect(await message.matches()).toBe(true);
  const { html } = await message.shown();
  expect(html).toContain('Shown as: <span data-mx-spoiler>“buy cheap pills”');
  const edited = new Reported({ body: 'good night' });
  edited.edit = { body: 'good night', formatted_body: '<i>buy cheap pills</i>' };
  await edited.report(ana, '$edited');
  expect(await edited.matches()).toBe(true);
  expect((await edited.shown()).html).toContain('Shown as: <span');
});

test('what formatting alone changes is not shown twice', async () => {
  const message = new Reported({
    body: '**no** 1 < 2, [here](https://x.example)',
    formatted_body: '<strong>no</strong> 1 &lt; 2, <a href="https://x.example">here</a>',
  });
  await message.report(ana);
  expect((await message.shown()).html).not.toContain('Shown as');
});

test('spam behind as much filler as an event holds is found', async () => {
  const message = new Reported({ body: `${'lorem '.repeat(10_000)} buy cheap pills` });
  await message.report(ana);
  expect(await message.matches()).toBe(true);
  expect((await message.shown()).html.length).toBeLessThan(1000);
});

test('a message that names several files: all are shown, and none is filled in', async () => {
  const harmless = 'mxc://localhost/harmless';
  const bad = 'mxc://localhost/bad';
  const one = new Reported({
    msgtype: 'm.image',
    body: 'a',
    url: harmless,
    file: { url: harmless },
  });
  await one.report(ana);
  expect(fillIn(await one.item())('media')).toBe(harmless);
  const two = new Reported({ msgtype: 'm.image', body: 'a', url: harmless, file: { url: bad } });
  await two.report(ana, '$two');
  const edited = new Reported({ msgtype: 'm.image', body: 'a', url: harmless });
  edited.edit = { msgtype: 'm.image', body: 'a', url: bad };
  await edited.report(ana, '$edited');
  for (const message of [two, edited]) {
    const { body } = await message.shown();
    expect(body).toContain(harmless);
    expect(body).toContain(bad);
    expect(fillIn(await message.item())('media')).toBeUndefined();
  }
});

test.each([
  ['<a href="https://evil.example/?a=1&amp;b">prize</a>!', 'prize (https://evil.example/?a=1&b)!'],
  ['<a href="https://matrix.to/#/@ana:x">Ana</a>: hi', 'Ana: hi'],
  ['<a href="https://x.example">https://x.example</a>', 'https://x.example'],
  ['<mx-reply>quoted</mx-reply>answer', 'answer'],
  ['b<i title="<>"></i>uy<br>now', 'buy\nnow'],
  ['<a href="https://x.example">open', 'open (https://x.example)'],
])('the text of %j', (html, text) => {
  expect(formattedText(html)).toBe(text);
});

test.each(['<b>', '<a ', '<a href="x">', '<!--', '<mx-reply>', '&amp;', '</a>'])(
  'the text of an event full of %j takes no time',
  (piece) => {
    const html = piece.repeat(65_536 / piece.length);
    const started = performance.now();
    formattedText(html);
    expect(performance.now() - started).toBeLessThan(1000);
  },
);
