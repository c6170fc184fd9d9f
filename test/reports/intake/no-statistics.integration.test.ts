import { get } from 'node:http';

import { expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { freePort } from '../../support/free-port.ts';
import { uniqueLocalpart } from '../../support/homeserver.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { cardOf } from '../../support/report-room.ts';
import { openRoom } from '../../support/room.ts';

/** Status and text of a page of the bot's own. */
async function page(url: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      response
        .toArray()
        .then((chunks) =>
          resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }),
        )
        .catch(reject);
    }).on('error', reject);
  });
}

it('a Synapse without room statistics works, and that it lists no reports is said everywhere until it does', async () => {
  const homeserver = await startOwnHomeserver({ stats: { enabled: false } });
  const listen = `127.0.0.1:${await freePort()}`;
  const room = await openRoom(
    { reports: { enabled: true }, http: { listen } },
    { server: homeserver, timing: { pollIntervalMs: 200, reportTroubleMs: 500 } },
  );
  try {
    const { ana } = room;
    const [mallory, vera] = await Promise.all(
      ['mallory', 'vera'].map(async (name) =>
        MatrixUser.register(homeserver, { localpart: uniqueLocalpart(name) }),
      ),
    );
    if (mallory === undefined || vera === undefined) {
      throw new TypeError('nobody is there');
    }
    const lobby = await vera.createRoom({ preset: 'public_chat', name: 'Lobby' });
    await mallory.join(lobby);
    const spam = await mallory.sendText(lobby, 'spam');
    await vera.reportEvent(lobby, spam, { reason: 'spam' });

    const alert = await ana.until('the alert', () =>
      ana.unasked().find(({ body }) => body.includes('keeps no room statistics')),
    );
    expect(alert.body).toContain('stats.enabled: true');
    expect(await highlightsOf(ana.user)).toContain(alert.event);
    expect((await ana.ask('!status')).body).toMatch(
      /^⚠️ Reports can’t be read, for .*keeps no room statistics.*stats\.enabled: true/u,
    );
    expect(await page(`http://${listen}/health/ready`)).toMatchObject({
      status: 503,
      text: expect.stringContaining('stats.enabled: true') as string,
    });

    // What needs no statistics works.
    const shown = await ana.ask(`!room ${lobby}`);
    expect(shown.field.status).toBe('done');
    expect(shown.body).toContain('members not counted');
    expect((await ana.ask('!rooms')).field.status).toBe('done');
    expect((await ana.ask(`!joined-rooms ${vera.userId}`)).field.status).toBe('done');
    expect(
      (await ana.ask(`!redact https://matrix.to/#/${lobby}/${spam} --dry-run`)).field.status,
    ).toBe('dry_run');

    await homeserver.restart(() => undefined, { stats: { enabled: true } });
    await cardOf(ana, spam);
    await ana.until('the all-clear', () =>
      ana.unasked().find(({ body }) => body.startsWith('✅ Reports can be read again')),
    );
    expect((await page(`http://${listen}/health/ready`)).status).toBe(200);
  } finally {
    await room.close();
    await homeserver.stop();
  }
});
