import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { masStartLimitMs } from '../../dev/mas/delegated-homeserver.ts';
import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { askAndConfirm } from '../support/confirmed.ts';
import { idOf } from '../support/homeserver.ts';
import { cardOf, startReportServer } from '../support/report-room.ts';
import type { ReportServer } from '../support/report-room.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { startSecondDelegated } from '../support/second-homeserver.ts';
import type { SecondDelegated } from '../support/second-homeserver.ts';

// The first homeserver keeps its accounts itself, and the second one delegates them.
let one: ReportServer;
let two: SecondDelegated;
// They report what others write.
let veraHere: MatrixUser;
let veraThere: MatrixUser;
let room: TestRoom;

beforeAll(async () => {
  [one, two] = await Promise.all([startReportServer(0), startSecondDelegated()]);
  [veraHere, veraThere] = await Promise.all([one.newUser('vera'), two.newUser('vera')]);
  room = await openRoom(
    {
      reports: {
        enabled: true,
        maxCardsPerMinute: 100,
        rules: [
          {
            name: 'pills',
            when: {
              content: { matches: 'cheap pills' },
              sender: 'local',
              // Both are that old by then.
              reporterAccountAge: { atLeast: '1s' },
            },
            then: ['shadow-ban {sender}', 'lock {sender}'],
            mode: 'act',
          },
        ],
      },
    },
    { server: one.homeserver, others: [two.entry], timing: { pollIntervalMs: 500 } },
  );
}, masStartLimitMs);

afterAll(async () => {
  await room?.close();
  await Promise.all([one?.stop(), two?.stop()]);
});

describe('an account of the homeserver with MAS', () => {
  test('is deactivated at MAS, and reactivated there', async () => {
    const mallory = await two.newUser('mallory');
    const { outcome } = await askAndConfirm(room.ben, `!deactivate ${mallory.userId}`);
    expect(outcome.field.status).toBe('done');
    expect((await two.atMas(mallory)).deactivatedAt).not.toBeNull();
    expect(await two.api.users.get(idOf(mallory))).toMatchObject({ deactivated: true });

    const back = await room.ben.ask(`!reactivate ${mallory.userId}`);
    expect(back.field.status).toBe('done');
    expect((await two.atMas(mallory)).deactivatedAt).toBeNull();
  });

  test('is deactivated together with one of the other', async () => {
    const [here, there] = await Promise.all([one.newUser('mallory'), two.newUser('mallory')]);
    const line = `!deactivate ${here.userId} ${there.userId}`;
    const { outcome } = await askAndConfirm(room.ben, line);
    expect(outcome.field.status).toBe('done');
    expect(await one.api.users.get(idOf(here))).toMatchObject({ deactivated: true });
    expect((await two.atMas(there)).deactivatedAt).not.toBeNull();
  });

  test('gets a new password at MAS, which ends its sessions', async () => {
    const mallory = await two.newUser('mallory');
    const { outcome } = await askAndConfirm(room.ana, `!reset-password ${mallory.userId}`);
    expect(outcome.field.status).toBe('done');
    await expect(mallory.createRoom()).rejects.toMatchObject({ status: 401 });
  });

  test('can’t be shadow-banned, unlike one of the other', async () => {
    const [here, there] = await Promise.all([one.newUser('mallory'), two.newUser('mallory')]);
    const refused = await room.ben.ask(`!shadow-ban ${there.userId}`);
    expect(refused.field.status).toBe('failed');
    expect(refused.body).toContain('shadow-banning has no effect');
    expect((await room.ben.ask(`!shadow-ban ${here.userId}`)).field.status).toBe('done');
    expect((await one.api.users.get(idOf(here))).shadowBanned).toBe(true);
  });
});

test('a token is made, shown and deleted at MAS', async () => {
  const token = `two-${Date.now()}`;
  const created = await room.ana.ask(`!create-token --token ${token} --uses 3 --on two`);
  expect(created.field.status).toBe('done');
  expect(await two.tokens.findByText(token)).toMatchObject({ valid: true, usageLimit: 3 });
  expect((await room.ana.ask(`!token ${token} --on two`)).body).toContain('3');
  // The other homeserver does not know it.
  expect((await room.ana.ask(`!token ${token}`)).field.status).toBe('failed');
  await askAndConfirm(room.ana, `!delete-token ${token} --on two`);
  expect(await two.tokens.findByText(token)).toMatchObject({ valid: false });
});

test('!status names the version of MAS', async () => {
  const { body } = await room.ana.ask('!status');
  expect(body).toMatch(/^two\.example: Synapse \S+, accounts by MAS \S+$/mu);
});

describe('a report', () => {
  /** A message that somebody reports; the room is public, and theirs. */
  async function reported(sender: MatrixUser, reporter: MatrixUser, body: string) {
    const lobby = await sender.createRoom({ preset: 'public_chat', name: 'Lobby' });
    await reporter.join(lobby);
    const event = await sender.sendText(lobby, body);
    await reporter.reportEvent(lobby, event, { reason: 'spam' });
    return event;
  }

  test('has a card that offers what works on its homeserver', async () => {
    const mallory = await two.newUser('mallory');
    const [here, there] = await Promise.all([
      reported(await one.newUser('mallory'), veraHere, 'spam on one'),
      reported(mallory, veraThere, 'spam on two'),
    ]);
    const [cardHere, cardThere] = await Promise.all([
      cardOf(room.ana, here),
      cardOf(room.ana, there),
    ]);
    expect(cardHere.body).toContain('👻 shadow-ban');
    expect(cardThere.body).toContain('🔨 deactivate');
    expect(cardThere.body).not.toContain('shadow-ban');

    await room.ben.user.react(room.id, cardThere.event, '🔨');
    const confirmation = await room.ben.until('the confirmation', () =>
      room.ben.inThread(cardThere.event).find(({ field }) => field.status === 'pending'),
    );
    await room.ben.user.react(room.id, confirmation.event, '✅');
    await room.ben.outcomeOf(confirmation, 'done');
    expect((await two.atMas(mallory)).deactivatedAt).not.toBeNull();
  });

  test('has a rule do what works on its homeserver, and nothing that does not', async () => {
    const [here, there] = await Promise.all([one.newUser('mallory'), two.newUser('mallory')]);
    const [, event] = await Promise.all([
      reported(here, veraHere, 'cheap pills on one'),
      reported(there, veraThere, 'cheap pills on two'),
    ]);
    await expect.poll(async () => (await one.api.users.get(idOf(here))).shadowBanned).toBe(true);
    const card = await cardOf(room.ana, event);
    const locked = await room.ana.until('the lock', () =>
      room.ana.inThread(card.event).find(({ field }) => field.command === 'lock'),
    );
    expect(locked.field.status).toBe('done');
    expect((await two.atMas(there)).lockedAt).not.toBeNull();
    const failed = room.ana.inThread(card.event).filter(({ field }) => field.status === 'failed');
    expect(failed).toEqual([]);
  });
});
