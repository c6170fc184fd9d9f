import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openStore } from '../../../../src/store/store.ts';
import type { Store } from '../../../../src/store/store.ts';
import { createTestDatabase } from '../../../support/test-database.ts';
import type { TestDatabase } from '../../../support/test-database.ts';

let database: TestDatabase;
let store: Store;
let asked = 0;

beforeEach(async () => {
  database = await createTestDatabase();
  store = await openStore(database.place);
});

afterEach(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
});

const ana = '@ana:x';
const ben = '@ben:x';

async function ask(requester = ana, expiresAt = 1000) {
  asked += 1;
  return store.transaction(async ({ confirmations }) =>
    confirmations.ask({
      invocation: '{"command":"deactivate"}',
      command: 'deactivate',
      requester,
      eventId: `$command${asked}`,
      roomId: '!r',
      danger: 'destructive',
      createdAt: 1,
      expiresAt,
    }),
  );
}

const decide = async (
  id: number,
  state: 'confirmed' | 'cancelled' | 'expired' = 'confirmed',
  by: { user: string; eventId: string } | null = { user: ben, eventId: '$yes' },
) =>
  store.transaction(async ({ confirmations }) =>
    confirmations.decide(id, state, by ?? undefined, 5),
  );

describe('a confirmation', () => {
  test('is found by its code, however it is typed, and by its command', async () => {
    const confirmation = await ask();
    expect(confirmation).toMatchObject({
      requester: ana,
      state: 'pending',
      decidedBy: null,
      invocation: '{"command":"deactivate"}',
    });
    expect(confirmation.code).toMatch(/^[2346789A-HJKMNP-RT-Z]{4}$/u);
    expect(await store.confirmations.byCode(confirmation.code)).toEqual(confirmation);
    expect(await store.confirmations.byCode(confirmation.code.toLowerCase())).toEqual(confirmation);
    expect(await store.confirmations.byEvent(confirmation.eventId)).toEqual(confirmation);
    expect(await store.confirmations.byCode('%')).toBeUndefined();
    expect(await store.confirmations.byEvent('$other')).toBeUndefined();
  });

  test('of two that had one code the later is found', async () => {
    const older = await ask();
    await decide(older.id, 'expired', null);
    const later = await ask();
    // Four characters: sooner or later a code comes again.
    await database.execute(`UPDATE operations SET code = '${older.code}' WHERE id = ${later.id}`);
    expect(await store.confirmations.byCode(older.code)).toMatchObject({
      id: later.id,
      state: 'pending',
    });
  });

  test('one command asks once', async () => {
    const confirmation = await ask();
    await expect(
      store.confirmations.ask({ ...confirmation, roomId: '!r', createdAt: 2 }),
    ).rejects.toThrow('the database failed');
  });

  test('is decided once, of many at once, and says by whom', async () => {
    const { id, eventId } = await ask();
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, at) =>
        decide(id, at % 2 === 0 ? 'confirmed' : 'cancelled', {
          user: `@u${at}:x`,
          eventId: `$${at}`,
        }),
      ),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
    const winner = results.indexOf(true);
    const decided = await store.confirmations.byEvent(eventId);
    expect(decided).toMatchObject({
      state: winner % 2 === 0 ? 'confirmed' : 'cancelled',
      decidedBy: `@u${winner}:x`,
      decisionEventId: `$${winner}`,
    });
    expect(await store.confirmations.byDecisionEvent(`$${winner}`)).toEqual(decided);
    expect(await store.confirmations.pending()).toEqual([]);
  });

  test('that nobody answered expires by nobody', async () => {
    const { id, code } = await ask();
    expect(await decide(id, 'expired', null)).toBe(true);
    expect(await decide(id, 'confirmed')).toBe(false);
    expect(await store.confirmations.byCode(code)).toMatchObject({
      state: 'expired',
      decidedBy: null,
      decisionEventId: null,
    });
  });

  test('whose time is up can be cancelled, and not confirmed', async () => {
    // Decided at 5.
    const [over, open] = [await ask(ana, 5), await ask(ana, 6)];
    expect(await decide(over.id, 'confirmed')).toBe(false);
    expect(await decide(over.id, 'cancelled')).toBe(true);
    expect(await decide(open.id, 'confirmed')).toBe(true);
  });

  test('that is not there can’t be decided', async () => {
    expect(await decide(999)).toBe(false);
  });

  test('is still pending if its decision is rolled back', async () => {
    const { id } = await ask();
    await expect(
      store.transaction(async ({ confirmations }) => {
        await confirmations.decide(id, 'confirmed', { user: ben, eventId: '$yes' }, 5);
        throw new Error('the intent could not be written');
      }),
    ).rejects.toThrow('the intent');
    expect(await decide(id)).toBe(true);
  });

  test('waits with the others, the next to expire first', async () => {
    const late = await ask(ana, 3000);
    const soon = await ask(ben, 1000);
    const between = await ask(ana, 2000);
    const ids = async (who?: string) =>
      (await store.confirmations.pending(who)).map(({ id }) => id);
    expect(await ids()).toEqual([soon.id, between.id, late.id]);
    expect(await ids(ana)).toEqual([between.id, late.id]);
    expect(await ids('@nobody:x')).toEqual([]);
  });

  test('no two that are open have one code', async () => {
    const confirmations = [];
    for (let at = 0; at < 300; at += 1) {
      confirmations.push(await ask());
    }
    expect(new Set(confirmations.map(({ code }) => code)).size).toBe(300);
  });

  test('survives a restart', async () => {
    const confirmation = await ask();
    await store.close();
    store = await openStore(database.place);
    expect(await store.confirmations.byCode(confirmation.code)).toEqual(confirmation);
    expect(await decide(confirmation.id)).toBe(true);
  });
});

/** What must be so, kept beside the database. */
interface Model {
  confirmations: {
    id: number;
    code: string;
    requester: string;
    state: string;
    decidedBy: string | null;
  }[];
}

type Step = fc.AsyncCommand<Model, Store>;

class Ask implements Step {
  readonly requester: string;
  constructor(requester: string) {
    this.requester = requester;
  }
  check = () => true;
  async run(model: Model) {
    const { id, code } = await ask(this.requester);
    const open = model.confirmations.filter(({ state }) => state === 'pending');
    assert(
      open.every((confirmation) => confirmation.code !== code),
      'a code that is open twice',
    );
    model.confirmations.push({
      id,
      code,
      requester: this.requester,
      state: 'pending',
      decidedBy: null,
    });
  }
  toString = () => `ask(${this.requester})`;
}

/** Looks up a confirmation by its code and decides it, as people do, or by time. */
class Decide implements Step {
  readonly which: number;
  readonly state: 'confirmed' | 'cancelled' | 'expired';
  readonly by: string | undefined;
  constructor(which: number, state: 'confirmed' | 'cancelled' | 'expired', by: string) {
    this.which = which;
    this.state = state;
    this.by = state === 'expired' ? undefined : by;
  }
  check = (model: Readonly<Model>) => model.confirmations.length > 0;
  async run(model: Model, real: Store) {
    const picked = model.confirmations[this.which % model.confirmations.length];
    const code = picked?.code ?? '';
    // Of several that had this code, the latest is meant.
    const meant = model.confirmations.findLast((confirmation) => confirmation.code === code);
    const found = await real.confirmations.byCode(code.toLowerCase());
    assert.equal(found?.id, meant?.id);
    const by = this.by === undefined ? null : { user: this.by, eventId: '$decides' };
    const first = await decide(found?.id ?? 0, this.state, by);
    assert.equal(first, meant?.state === 'pending');
    if (first && meant !== undefined) {
      meant.state = this.state;
      meant.decidedBy = this.by ?? null;
    }
  }
  toString = () => `${this.state}(${this.which}, ${this.by ?? 'time'})`;
}

class Restart implements Step {
  check = () => true;
  async run() {
    await store.close();
    store = await openStore(database.place);
  }
  toString = () => 'restart';
}

/** What the model says of all confirmations is what the database says. */
class Look implements Step {
  check = () => true;
  async run(model: Model) {
    const open = model.confirmations.filter(({ state }) => state === 'pending');
    const pending = await store.confirmations.pending();
    assert.deepEqual(new Set(pending.map(({ id }) => id)), new Set(open.map(({ id }) => id)));
    for (const { code } of model.confirmations) {
      const latest = model.confirmations.findLast((confirmation) => confirmation.code === code);
      const { id, state, decidedBy, requester } =
        (await store.confirmations.byCode(code)) ?? assert.fail(`nothing has the code ${code}`);
      assert.deepEqual({ id, code, state, decidedBy, requester }, latest);
    }
  }
  toString = () => 'look';
}

test('as a state machine: whatever happens in whatever order, each is decided at most once', async () => {
  const people = fc.constantFrom(ana, ben);
  const steps = fc.commands(
    [
      people.map((who) => new Ask(who)),
      fc
        .tuple(fc.nat(20), fc.constantFrom('confirmed', 'cancelled', 'expired'), people)
        .map(([which, state, by]) => new Decide(which, state, by)),
      fc.constant(new Look()),
      fc.constant(new Restart()),
    ],
    { maxCommands: 25 },
  );
  const run = fc.assert(
    fc.asyncProperty(steps, async (commands) => {
      // One store for all runs: what others asked before is decided first.
      for (const { id } of await store.confirmations.pending()) {
        await decide(id, 'expired', null);
      }
      // Steps reach the store by its variable, since a restart makes another.
      const real = new Proxy(store, {
        get: (_, name) => Reflect.get(store, name) as unknown,
      });
      await fc.asyncModelRun(() => ({ model: { confirmations: [] }, real }), commands);
    }),
    { numRuns: 25 },
  );
  await expect(run).resolves.toBeUndefined();
}, 60_000);
