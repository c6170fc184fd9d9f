/** This many accounts are named in the first lines of a confirmation: a phone shows only these. */
export const maxNamedFirst = 3;

/** `@a:x, @b:x, @c:x and 37 more` */
export function firstOf(names: readonly string[]): string {
  const rest = names.length - maxNamedFirst;
  return `${names.slice(0, maxNamedFirst).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
