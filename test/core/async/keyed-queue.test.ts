import { expect, test } from 'vitest';

import { createKeyedQueue } from '../../../src/core/async/keyed-queue.ts';

function createTasks() {
  const events: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    events,
    end: (name: string) => ends.get(name)?.(),
    task: (name: string) => async () => {
      events.push(name);
      const { promise, resolve } = Promise.withResolvers<void>();
      ends.set(name, resolve);
      await promise;
    },
  };
}

const breathe = async () => new Promise((resolve) => setImmediate(resolve));

test('tasks of one key run in order, other keys side by side', async () => {
  const queue = createKeyedQueue();
  const { events, end, task } = createTasks();
  queue.add('a', task('a1'));
  queue.add('a', task('a2'));
  queue.add('b', task('b1'));
  await breathe();
  expect(events).toEqual(['a1', 'b1']);
  end('a1');
  await breathe();
  expect(events).toEqual(['a1', 'b1', 'a2']);
});

test('idle waits for one key, or for all', async () => {
  const queue = createKeyedQueue();
  const { end, task } = createTasks();
  queue.add('a', task('a'));
  queue.add('b', task('b'));
  await breathe();
  const ended: string[] = [];
  const idle = [
    queue.idle('a').then(() => ended.push('a')),
    queue.idle().then(() => ended.push('all')),
  ];
  end('a');
  await breathe();
  expect(ended).toEqual(['a']);
  end('b');
  await Promise.all(idle);
  expect(ended).toEqual(['a', 'all']);
  await queue.idle('never used');
});

test('after a stop, tasks that wait do not start', async () => {
  const queue = createKeyedQueue();
  const { events, end, task } = createTasks();
  queue.add('a', task('a1'));
  queue.add('a', task('a2'));
  await breathe();
  queue.stop();
  end('a1');
  await queue.idle();
  expect(events).toEqual(['a1']);
});
