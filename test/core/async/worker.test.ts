import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createWorker } from '../../../src/core/async/worker.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const dayMs = 86_400_000;

test('works when woken', async () => {
  const work = vi.fn(async () => undefined);
  const worker = createWorker({ work, onError: vi.fn() });
  expect(work).not.toHaveBeenCalled();
  worker.wake();
  expect(work).toHaveBeenCalledOnce();
  await worker.stop();
});

test('woken while it works, it works once more, and not twice at a time', async () => {
  const first = Promise.withResolvers<void>();
  const work = vi.fn(async () => first.promise);
  const worker = createWorker({ work, onError: vi.fn() });
  worker.wake();
  worker.wake();
  worker.wake();
  expect(work).toHaveBeenCalledOnce();
  first.resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(work).toHaveBeenCalledTimes(2);
});

test('works at the earliest time it was asked for', async () => {
  const work = vi.fn(async () => undefined);
  const worker = createWorker({ work, onError: vi.fn() });
  worker.wakeIn(5000);
  worker.wakeIn(1000);
  worker.wakeAt(Date.now() + 3000);
  await vi.advanceTimersByTimeAsync(999);
  expect(work).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(work).toHaveBeenCalledOnce();
});

test('a time that has passed means now', async () => {
  const work = vi.fn(async () => undefined);
  createWorker({ work, onError: vi.fn() }).wakeAt(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledOnce();
});

test('waits for longer than a timer of Node can', async () => {
  const work = vi.fn(async () => undefined);
  createWorker({ work, onError: vi.fn() }).wakeIn(40 * dayMs);
  await vi.advanceTimersByTimeAsync(40 * dayMs - 1);
  expect(work).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledOnce();
});

test('a fault does not end the worker, which can be told to try again', async () => {
  const work = vi.fn(async () => Promise.reject(new Error('failed')));
  const onError = vi.fn(() => worker.wakeIn(1000));
  const worker = createWorker({ work, onError });
  worker.wake();
  await vi.advanceTimersByTimeAsync(2500);
  expect(work).toHaveBeenCalledTimes(3);
  expect(onError).toHaveBeenCalledTimes(3);
});

test('stopping waits for the work in progress, and nothing follows', async () => {
  const first = Promise.withResolvers<void>();
  const work = vi.fn(async (_signal: AbortSignal) => first.promise);
  const worker = createWorker({ work, onError: vi.fn() });
  worker.wake();
  worker.wake();
  worker.wakeIn(10);
  const stopped = vi.fn();
  const stopping = worker.stop().then(stopped);
  expect(work.mock.calls[0]?.[0].aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(100);
  expect(stopped).not.toHaveBeenCalled();
  first.resolve();
  await stopping;
  worker.wake();
  worker.wakeIn(0);
  await vi.advanceTimersByTimeAsync(100);
  expect(work).toHaveBeenCalledOnce();
});
