import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How often to look how much the bot computes. */
const lookMs = 2000;
/** Of the time between two looks: a command or two take less. */
const busyShare = 0.1;
/** A bot at rest computes less, a command alone takes as much. */
const quietShare = 0.01;
/** After so many quiet looks, the bot is at rest. */
const quietLooks = 5;
/** The space for new objects that a bot at work has, in bytes. A smaller one costs a tenth of its computing time. */
const spaceAtWork = 8 << 20;

/**
 * Keeps the heap near what is in use, instead of what is fastest: V8 lets the old objects grow to three times
 * what is alive before it looks for garbage, and doubles the space for new ones up to 32 MB under load. A bot that
 * waits for a homeserver can't use that speed. Each time it has been at work and is at rest again, it returns
 * what it doesn't need to the system.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=40');
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as (options: object) => void;
  let quietFor = 0;
  let isGrown = false;
  let before = process.cpuUsage();
  setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    const share = (user + system) / 1000 / lookMs;
    quietFor = share < quietShare ? quietFor + 1 : 0;
    if (quietFor === quietLooks) {
      // Others keep the pages that they have freed. Takes about a tenth of a second.
      collectGarbage({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      isGrown = false;
    } else if (share > busyShare && !isGrown) {
      growSpaceForNew();
      isGrown = true;
    }
  }, lookMs).unref();
}

/** More rounds than it takes. */
const maxRounds = 20;

/** Lets the space for new objects grow to what work needs, and no further. Takes about ten milliseconds. */
function growSpaceForNew(): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  for (let round = 0; round < maxRounds && spaceForNew() < spaceAtWork; round += 1) {
    // V8 doubles it when enough of what is new is still in use.
    Array.from({ length: 20_000 }, (_, at) => ({ at }));
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

function spaceForNew(): number {
  return getHeapSpaceStatistics().find((one) => one.space_name === 'new_space')?.space_size ?? 0;
}
