import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How often to look whether the bot has become quiet. */
const lookMs = 10_000;
/** Of the time between two looks: a bot at rest computes less, a command alone takes as much. */
const quietShare = 0.01;

/**
 * Keeps the heap near what is in use, instead of what is fastest: V8 lets the old objects grow to three times
 * what is alive before it looks for garbage, and doubles the space for new ones up to 64 MB under load. A bot that
 * waits for a homeserver can't use that speed. Each time it has been at work and is quiet again, it returns
 * what it doesn't need to the system.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=40');
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as (options: object) => void;
  stopGrowth();
  let isQuiet = true;
  let before = process.cpuUsage();
  setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    const wasQuiet = isQuiet;
    isQuiet = (user + system) / 1000 < lookMs * quietShare;
    if (isQuiet && !wasQuiet) {
      // Others keep the pages that they have freed. Takes about a tenth of a second.
      collectGarbage({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      // The space for new objects is now smaller than work needs: it may grow until the next look that sees work.
      setFlagsFromString('--semi-space-growth-factor=2');
    } else if (!isQuiet) {
      stopGrowth();
    }
  }, lookMs).unref();
}

/** What the space for new objects has grown to is enough. */
function stopGrowth(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
