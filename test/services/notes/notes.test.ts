import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { createNoteService } from '../../../src/services/notes/note-service.ts';
import { createTagService } from '../../../src/services/notes/tag-service.ts';
import type { Store } from '../../../src/store/store.ts';
import { asEventId, asUserId } from '../../support/homeserver.ts';
import { openTestStore } from '../../support/test-database.ts';

const mallory = asUserId('@mallory:x');
const command = asEventId('$command');
const author = '@ana:x';

let store: Store;
let woken = 0;
const wake = () => {
  woken += 1;
};
beforeEach(async () => {
  store = await openTestStore();
  woken = 0;
});
afterEach(async () => store.close());

describe('tags', () => {
  const service = () => createTagService(store, { wake });
  const set = async (name: string, at: number, expiresAt: number | null = null) =>
    service().set({ subject: mallory, name, author, at, expiresAt }, command);
  const names = async (at: number) => (await service().of(mallory, at)).map(({ name }) => name);

  test('are there from when they are set until they end, to the millisecond', async () => {
    await set('brief', 10, 20);
    expect(await names(19)).toEqual(['brief']);
    expect(await names(20)).toEqual([]);
    await expect(service().remove(mallory, 'brief', 20)).rejects.toThrow('has no tag brief');
    const again = await set('brief', 30, 40);
    expect(again.before).toBeUndefined();
    await service().remove(mallory, 'brief', 35);
    const rows = await store.tags.inOrder(0, 10);
    // A replay sees that it had ended by itself.
    expect(rows.map(({ at, removedAt }) => [at, removedAt])).toEqual([
      [10, 20],
      [30, 35],
    ]);
  });

  test('change only their end if they are there', async () => {
    const first = await set('watched', 10);
    expect((await set('watched', 20)).tag.id).toBe(first.tag.id);
    const longer = await set('watched', 30, 100);
    expect(longer.before).toMatchObject({ id: first.tag.id, expiresAt: null });
    expect(await service().of(mallory, 50)).toMatchObject([{ expiresAt: 100, at: 30 }]);
    expect(woken).toBe(3);
  });

  test('are at most twenty, not counting those that have ended', async () => {
    await set('over', 1, 2);
    for (let at = 0; at < 20; at += 1) {
      await set(`tag-${at}`, 10);
    }
    await expect(set('one-more', 11)).rejects.toThrow('already has 20 tags');
    await set('tag-3', 12, 50);
    await service().remove(mallory, 'tag-4', 13);
    await set('one-more', 14);
    expect(await names(20)).toHaveLength(20);
  });

  test('that a command was setting when it was cut off are found, or not', async () => {
    const tag = { subject: mallory, name: 'watched', expiresAt: null, now: 15 };
    expect(await service().reconcileSet(command, tag)).toBe('not_done');
    await set('watched', 10);
    expect(await service().reconcileSet(command, tag)).toBe('done');
    // It found the tag there; with another end, it has not run.
    const other = asEventId('$other');
    expect(await service().reconcileSet(other, tag)).toBe('done');
    for (const expiresAt of [50, undefined]) {
      expect(await service().reconcileSet(other, { ...tag, expiresAt })).toBe('not_done');
    }
    expect(await service().reconcileRemoved(mallory, 'watched', 20)).toBe('not_done');
    await service().remove(mallory, 'watched', 20);
    expect(await service().reconcileRemoved(mallory, 'watched', 20)).toBe('done');
  });
});

describe('notes', () => {
  const service = () => createNoteService(store, { wake });
  const add = async (text: string) =>
    service().add({ subject: mallory, text, author, at: 10 }, command);

  test('are at most a hundred, and can be removed to make room', async () => {
    const first = await add('first');
    for (let at = 1; at < 100; at += 1) {
      await add(`note ${at}`);
    }
    await expect(add('one more')).rejects.toThrow('already 100 notes');
    await service().remove(mallory, first.id, 20);
    await add('one more');
    await expect(service().restore(mallory, first.id)).rejects.toThrow('already 100 notes');
    const { newest, count } = await service().about(mallory, 2);
    expect(count).toBe(100);
    expect(newest.map(({ text }) => text)).toEqual(['one more', 'note 99']);
  });

  test('are kept when they are removed, the last hundred', async () => {
    const ids: number[] = [];
    for (let at = 0; at < 102; at += 1) {
      const { id } = await add(`note ${at}`);
      await service().remove(mallory, id, 20 + at);
      ids.push(id);
    }
    const [first = 0, second = 0, third = 0] = ids;
    for (const gone of [first, second]) {
      await expect(service().restore(mallory, gone)).rejects.toThrow(`there is no note ${gone}`);
    }
    expect(await service().restore(mallory, third)).toMatchObject({ text: 'note 2' });
    expect((await service().about(mallory, 2)).count).toBe(1);
  });

  test('are removed only from whom they are about', async () => {
    const { id } = await add('about Mallory');
    await expect(service().remove('@eve:x', id, 20)).rejects.toThrow(
      `there is no note ${id} about @eve:x`,
    );
    await expect(service().restore(mallory, id)).rejects.toThrow(`note ${id} is there`);
    expect(await service().reconcileRemoved(mallory, id)).toBe('not_done');
    await service().remove(mallory, id, 20);
    expect(await service().reconcileRemoved(mallory, id)).toBe('done');
    expect(await service().reconcileRestored(mallory, id)).toBe('not_done');
    // Nothing was done to a note about somebody else, or to none.
    expect(await service().reconcileRemoved('@eve:x', id)).toBe('not_done');
    expect(await service().reconcileRemoved(mallory, id + 1)).toBe('not_done');
    await service().restore(mallory, id);
    expect(await service().reconcileRestored(mallory, id)).toBe('done');
    expect(await service().reconcileRestored('@eve:x', id)).toBe('not_done');
    expect(await service().reconcileAdded(command, mallory)).toBe('done');
    expect(await service().reconcileAdded(asEventId('$other'), mallory)).toBe('not_done');
  });
});
