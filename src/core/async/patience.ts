/**
 * Waits for `promise`, but no longer than `patienceMs`.
 *
 * @returns whether the promise was still pending then
 * @throws what the promise rejects with, if it does so in time
 */
export async function isLate(promise: Promise<unknown>, patienceMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), patienceMs);
  });
  try {
    return await Promise.race([promise.then(() => false), late]);
  } finally {
    clearTimeout(timer);
  }
}
