import ms from 'ms';

const unit = { s: 's', m: 'm', h: 'h', d: 'd', w: 'w' } as const;

/** Reads `30s 5m 1h 7d 2w` into milliseconds; undefined for anything else. */
export function readDuration(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,5})([smhdw])$/u.exec(text);
  return match === null
    ? undefined
    : ms(`${Number(match[1])}${unit[match[2] as keyof typeof unit]}`);
}

/** The shortest exact way to write a duration that `readDuration` reads. */
export function writeDuration(durationMs: number): string {
  for (const [name, size] of [
    ['w', 604_800_000],
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
  ] as const) {
    if (durationMs >= size && durationMs % size === 0) {
      return `${durationMs / size}${name}`;
    }
  }
  return `${Math.max(1, Math.round(durationMs / 1000))}s`;
}
