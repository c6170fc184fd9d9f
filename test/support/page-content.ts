import { hourMs, minuteMs } from '../../src/core/duration.ts';
import { contentOf } from '../../src/services/reports/reported-content.ts';
import type { Store } from '../../src/store/store.ts';

/** What somebody writes who wants to break out of the page, or to look like a part of it. */
const hostile = `</details><script>alert(1)</script><img src=x onerror="alert(2)">\u202Egnp.exe" onmouseover='alert(3)' &lt;`;

const room = '!room:example.com';

/** Fills the database as a week of moderation does. `now` is its end. */
export async function fillWeek(store: Store, now: number): Promise<void> {
  await fillReports(store, now);
  // Operations refer to audit entries.
  await fillAudit(store, now);
  await fillOperations(store, now);
}

async function fillReports(store: Store, now: number): Promise<void> {
  const reported = [
    {
      sender: '@mallory:example.com',
      reasons: ['crypto scam', 'crypto scam', 'spam'],
      body: 'Double your coins today: https://evil.example/win\nSend 0.1 and get 0.2 back!',
    },
    { sender: '@eve:other.example', reasons: ['harassment'], body: 'You should leave this room.' },
    { sender: '@trent:example.com', reasons: [hostile], body: hostile },
    { sender: '@oscar:example.com', reasons: [null], body: 'مرحبا بالعالم' },
  ];
  let reportId = 0;
  for (const [at, { sender, reasons, body }] of reported.entries()) {
    const subject = `$event${at}`;
    for (const [person, reason] of reasons.entries()) {
      reportId += 1;
      const receivedTs = now - (at * 5 + 1) * hourMs + person * minuteMs;
      await store.transaction(async ({ reports }) =>
        reports.add(
          {
            kind: 'event',
            reportId,
            receivedTs,
            subject,
            reporter: `@rita${person}:example.com`,
            reason,
            score: null,
            roomId: '!lobby:example.com',
            roomName: '#lobby:example.com',
            sender,
          },
          receivedTs,
          { isBacklog: false, isQuiet: false },
        ),
      );
    }
    const content = contentOf({
      type: 'm.room.message',
      origin_server_ts: now - (at * 5 + 2) * hourMs,
      content: { msgtype: 'm.text', body },
    });
    await store.transaction(async ({ reportWork }) =>
      reportWork.setDetails(at + 1, {
        sender,
        senderCreatedAt: now - 30 * hourMs,
        content: JSON.stringify(content),
      }),
    );
  }
  await store.transaction(async ({ reportItems }) => {
    await reportItems.move(
      2,
      { state: 'claimed', by: '@ben:example.com', isShown: true },
      now - 4 * hourMs,
    );
    await reportItems.move(
      4,
      { state: 'resolved', by: '@ana:example.com', note: 'warned them', isShown: true },
      now - 2 * hourMs,
    );
  });
}

const invocation = (command: string, given: object, reason?: string) =>
  JSON.stringify({
    command,
    arguments: given,
    dryRun: false,
    actor: { kind: 'person', user: '@ben:example.com' },
    origin: { event: '$asked', room },
    ...(reason === undefined ? {} : { reason }),
  });

async function fillOperations(store: Store, now: number): Promise<void> {
  const started = { actor: '@ben:example.com', roomId: room, danger: 'destructive' };
  await store.transaction(async ({ operations, operationTargets, confirmations, timers }) => {
    const accounts = Array.from({ length: 120 }, (_, at) => `@spam${at}:example.com`);
    const bulk =
      (await operations.start(
        {
          ...started,
          command: 'deactivate',
          eventId: '$bulk',
          invocation: invocation('deactivate', { accounts, erase: true }, 'spam wave'),
        },
        now - 6 * minuteMs,
      )) ?? 0;
    await operationTargets.add(
      bulk,
      accounts.map((target, position) => ({ target, position, step: 0 })),
    );
    for (let position = 0; position < 70; position += 1) {
      const state = position % 23 === 5 ? 'failed' : 'done';
      await operationTargets.set(
        bulk,
        { position, step: 0 },
        { state, ...(state === 'failed' ? { detail: 'the homeserver answered 502' } : {}) },
      );
    }
    const done =
      (await operations.start(
        {
          ...started,
          command: 'shadow-ban',
          eventId: '$done',
          invocation: invocation('shadow-ban', { accounts: ['@mallory:example.com'] }),
        },
        now - 3 * hourMs,
      )) ?? 0;
    await operationTargets.add(done, [{ target: '@mallory:example.com', position: 0, step: 0 }]);
    await operationTargets.set(done, { position: 0, step: 0 }, { state: 'done', intent: 1 });
    await operations.end(done, 'done', now - 3 * hourMs + 900);
    await timers.add({
      line: 'unshadow-ban @mallory:example.com',
      runAt: now + 21 * hourMs,
      askedBy: '@ben:example.com',
      intentId: 1,
      eventId: '$done',
      roomId: room,
      createdAt: now - 3 * hourMs,
    });
    await confirmations.ask({
      invocation: invocation('deactivate', { accounts: ['@trent:example.com'] }, 'raid'),
      command: 'deactivate',
      requester: '@ben:example.com',
      eventId: '$asks',
      roomId: room,
      danger: 'destructive',
      createdAt: now - minuteMs,
      expiresAt: now + 9 * minuteMs,
    });
  });
}

async function fillAudit(store: Store, now: number): Promise<void> {
  const entries = [
    ['shadow-ban', '@mallory:example.com', '@ben:example.com', 'done', 'crypto scam'],
    [
      'suspend',
      '@eve:example.com',
      'rule:fresh-account',
      'done',
      'rule fresh-account: 5 people say spam',
    ],
    ['deactivate', '@bridge-bot:example.com', '@ben:example.com', 'protected', null],
    ['redact', '!lobby:example.com', '@ana:example.com', 'partial', 'raid'],
    ['lock', '@trent:example.com', '@ana:example.com', 'failed', hostile],
  ] as const;
  for (let round = 0; round < 13; round += 1) {
    for (const [at, [command, target, actor, status, reason]] of entries.entries()) {
      const time = now - (13 - round) * 6 * hourMs + at * 30 * minuteMs;
      await store.transaction(async ({ auditLog }) => {
        const intent = {
          actor,
          command,
          arguments: { accounts: [target] },
          target,
          reason,
          eventId: round === 0 && at === 0 ? '$done' : `$e${round}-${at}`,
          roomId: room,
        };
        if (status === 'protected') {
          await auditLog.refuse(intent, { status }, time);
          return;
        }
        const id = await auditLog.begin(
          { ...intent, confirmer: actor.startsWith('@a') ? '@ben:example.com' : null },
          time,
        );
        await auditLog.finish(id, { status, detail: { took_ms: 310 } }, time + 310);
      });
    }
  }
}
