import { existsSync } from 'node:fs';

import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { fillWeek } from '../support/page-content.ts';
import { ana, ben, openPage } from '../support/page.ts';
import type { TestPage } from '../support/page.ts';
import { weakTexts } from '../support/weak-texts.ts';

const chromiumFile = [
  process.env['LAWSPEAKER_TEST_CHROMIUM'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((file) => file !== '' && existsSync(file));

const patience = { timeout: 30_000, interval: 50 };

const paths = [
  '/',
  '/reports',
  '/reports?state=all',
  '/reports/3',
  '/operations',
  '/operations/1',
  '/audit',
  '/audit?status=failed&since=2d',
  '/audit?since=never',
  '/audit/9',
  '/nothing',
] as const;

describe.skipIf(chromiumFile === undefined)(
  'in Chromium (skipped if it is not installed: Debian’s chromium)',
  // A busy machine takes long to start it.
  { timeout: 60_000 },
  () => {
    let page: TestPage;
    let browser: Browser;
    let context: BrowserContext | undefined;
    /** What must not happen, whatever a page shows. */
    let trouble: string[];

    beforeAll(async () => {
      page = await openPage();
      await fillWeek(page.store, page.clock.now);
      browser = await chromium.launch({
        executablePath: chromiumFile ?? '',
        // It only opens our own pages.
        chromiumSandbox: false,
      });
    }, 60_000);
    afterEach(async () => {
      await context?.close();
      context = undefined;
    });
    afterAll(async () => {
      await browser.close();
      await page[Symbol.asyncDispose]();
    });

    /** A new browser with an empty tab. */
    async function openTab(options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
      trouble = [];
      context = await browser.newContext(options);
      const tab = await context.newPage();
      tab.on('dialog', (dialog) => trouble.push(`dialog ${dialog.message()}`));
      tab.on('console', (message) => {
        // Chromium says so about pages whose status is not 200.
        if (!message.text().startsWith('Failed to load resource: the server responded')) {
          trouble.push(message.text());
        }
      });
      tab.on('request', (request) => {
        if (!request.url().startsWith(page.origin)) {
          trouble.push(request.url());
        }
      });
      return tab;
    }

    async function titled(tab: Page, title: string): Promise<void> {
      await expect.poll(async () => tab.title(), patience).toBe(`${title} · Lawspeaker`);
    }

    /** Clicks, and waits for the page with this title. */
    async function click(what: Locator, title: string): Promise<void> {
      await what.click();
      await titled(what.page(), title);
    }

    async function logIn(tab: Page, user = ana): Promise<void> {
      await tab.goto(page.linkFor(user).url);
      await click(tab.getByRole('button', { name: 'Open' }), 'Overview');
    }

    it('without JavaScript: open the link, look around, filter, and log out', async () => {
      const tab = await openTab({ javaScriptEnabled: false });
      /** Waits for a list with so many rows, the titles among them. */
      const rows = async (number: number) => {
        await expect.poll(async () => tab.getByRole('row').count(), patience).toBe(number);
      };
      const { url } = page.linkFor(ana);
      await tab.goto(url);
      await click(tab.getByRole('button', { name: 'Open' }), 'Overview');
      expect(tab.url()).toBe(`${page.origin}/`);

      const sections = tab.getByRole('navigation', { name: 'Sections' });
      await click(sections.getByRole('link', { name: 'Reports' }), 'Reports');
      await tab.getByLabel('State').selectOption('resolved');
      await tab.getByRole('button', { name: 'Filter' }).click();
      await rows(2);
      await click(tab.getByRole('link', { name: '#4' }), 'Report #4');
      const message = tab.getByText('مرحبا بالعالم');
      expect(await message.isVisible()).toBe(false);
      await tab.getByText('Show what it says').click();
      expect(await message.isVisible()).toBe(true);

      await click(sections.getByRole('link', { name: 'Audit log' }), 'Audit log');
      await tab.getByLabel('Words').fill('people spam');
      await tab.getByLabel('Target').fill('@eve:example.com');
      await tab.getByLabel('By').fill('rule:fresh-account');
      await tab.getByRole('button', { name: 'Filter' }).click();
      await rows(14);
      await tab.getByRole('link', { name: 'Clear' }).click();
      await rows(51);
      await tab.getByRole('link', { name: 'Next page' }).click();
      // 65 entries, 50 on the first page.
      await rows(16);
      await tab.getByRole('link', { name: 'First page' }).click();
      await rows(51);
      await click(tab.getByRole('link', { name: '#116' }), 'Audit entry #116: lock');

      await click(
        tab.getByRole('button', { name: 'Log out', exact: true }),
        'You are not logged in',
      );
      await tab.goto(url);
      await click(tab.getByRole('button', { name: 'Open' }), 'This link doesn’t work any more');
      expect(trouble).toEqual([]);
    });

    it('nothing that strangers wrote runs, loads, or becomes an element', async () => {
      const tab = await openTab();
      await logIn(tab);
      for (const path of paths) {
        await tab.goto(page.origin + path);
        for (const summary of await tab.locator('summary').all()) {
          await summary.click();
        }
        expect(await tab.locator('script, img, iframe, [onerror], [onmouseover]').count()).toBe(0);
      }
      await tab.goto(`${page.origin}/reports/3`);
      expect(await tab.locator('body').textContent()).toContain('<script>alert(1)</script>');
      expect(await tab.locator('body').textContent()).toContain('⟨U+202E⟩');
      expect(await tab.evaluate('document.cookie')).toBe('');
      expect(trouble).toEqual([]);
    });

    it.each(['light', 'dark'] as const)(
      'in %s colors, all text has enough contrast',
      async (colorScheme) => {
        const tab = await openTab({ colorScheme });
        await logIn(tab);
        const ground = await tab.evaluate('getComputedStyle(document.body).backgroundColor');
        expect(ground).toBe(colorScheme === 'light' ? 'rgb(246, 246, 244)' : 'rgb(19, 20, 24)');
        for (const path of paths) {
          await tab.goto(page.origin + path);
          expect({ path, weak: await tab.evaluate<string[]>(weakTexts) }).toEqual({
            path,
            weak: [],
          });
        }
        expect(trouble).toEqual([]);
      },
    );

    it.each([390, 768, 1280])('fits into %i pixels', async (width) => {
      const tab = await openTab({ viewport: { width, height: 844 } });
      await logIn(tab);
      for (const path of paths) {
        await tab.goto(page.origin + path);
        const needed = await tab.evaluate('document.documentElement.scrollWidth');
        expect({ path, needed }).toEqual({ path, needed: width });
      }
      expect(trouble).toEqual([]);
    });

    it('tables are still tables to a screen reader on a phone, which shows them as lists', async () => {
      const tab = await openTab({ viewport: { width: 390, height: 844 } });
      await logIn(tab);
      await tab.goto(`${page.origin}/audit`);
      expect(await tab.getByRole('table', { name: 'Newest entries first' }).count()).toBe(1);
      expect(await tab.getByRole('columnheader', { name: 'Status' }).count()).toBe(1);
      expect(trouble).toEqual([]);
    });

    it('every page has one heading, landmarks, and a name for each table and field', async () => {
      const tab = await openTab();
      await logIn(tab);
      const titles = new Set<string>();
      for (const path of paths) {
        await tab.goto(page.origin + path);
        titles.add(await tab.title());
        expect(await tab.getByRole('heading', { level: 1 }).count()).toBe(1);
        for (const landmark of ['banner', 'main', 'contentinfo'] as const) {
          expect(await tab.getByRole(landmark).count()).toBe(1);
        }
        expect(await tab.getByRole('navigation', { name: 'Sections' }).count()).toBe(1);
        expect(await tab.locator('table:not(:has(> caption))').count()).toBe(0);
        expect(await tab.locator(':is(input, select):not(label *)').count()).toBe(0);
      }
      expect(titles.size).toBeGreaterThan(6);
    });

    it('works with the keyboard: the first stop skips to the content, and the focus is visible', async () => {
      const tab = await openTab();
      await logIn(tab);
      await tab.keyboard.press('Tab');
      const skip = tab.getByRole('link', { name: 'Skip to the content' });
      expect(await skip.boundingBox()).toMatchObject({ x: 0 });
      expect(await tab.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe(
        'solid',
      );
      await tab.keyboard.press('Enter');
      expect(await tab.evaluate('document.activeElement.id')).toBe('main');
      await tab.keyboard.press('Tab');
      expect(
        await tab.evaluate('document.querySelector("main").contains(document.activeElement)'),
      ).toBe(true);
    });

    it('on paper there are no menus and forms', async () => {
      const tab = await openTab();
      await logIn(tab);
      await tab.goto(`${page.origin}/audit`);
      await tab.emulateMedia({ media: 'print', colorScheme: 'dark' });
      expect(await tab.getByRole('navigation').first().isVisible()).toBe(false);
      expect(await tab.getByRole('button').first().isVisible()).toBe(false);
      expect(await tab.getByRole('table').isVisible()).toBe(true);
      expect(await tab.evaluate<string[]>(weakTexts)).toEqual([]);
      // The width of A4 between its margins.
      await tab.setViewportSize({ width: 718, height: 1000 });
      for (const path of paths) {
        await tab.goto(page.origin + path);
        const needed = await tab.evaluate('document.documentElement.scrollWidth');
        expect({ path, needed }).toEqual({ path, needed: 718 });
      }
    });

    it('another site can’t act with the session, and a link there needs one more click', async () => {
      const tab = await openTab();
      await logIn(tab);
      await context?.route('http://elsewhere.example/', async (route) =>
        route.fulfill({
          contentType: 'text/html',
          body: `<form method="post" action="${page.origin}/logout"><button>Win</button></form>
            <a href="${page.origin}/audit">Look</a><iframe src="${page.origin}/"></iframe>`,
        }),
      );
      await tab.goto('http://elsewhere.example/');
      await click(tab.getByRole('button', { name: 'Win' }), 'This came from another site');
      await tab.goto('http://elsewhere.example/');
      expect(await tab.frameLocator('iframe').getByText('Lawspeaker').count()).toBe(0);
      await click(tab.getByRole('link', { name: 'Look' }), 'You are not logged in');
      await click(tab.getByRole('link', { name: 'continue' }), 'Audit log');
    });

    it('somebody who has lost their role sees nothing at the next click', async () => {
      const tab = await openTab();
      await logIn(tab, ben);
      page.roles.delete(ben);
      try {
        await click(
          tab.getByRole('navigation').getByRole('link', { name: 'Audit log' }),
          'You are not logged in',
        );
        await tab.goBack();
        await titled(tab, 'You are not logged in');
        expect(await tab.locator('table').count()).toBe(0);
      } finally {
        page.roles.set(ben, 'moderator');
      }
    });
  },
);
