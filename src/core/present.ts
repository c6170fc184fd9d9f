/** The same properties; those that may be undefined become optional. */
export type Present<Properties extends object> = {
  [Key in keyof Properties as undefined extends Properties[Key] ? never : Key]: Properties[Key];
} & {
  [Key in keyof Properties as undefined extends Properties[Key] ? Key : never]?: Exclude<
    Properties[Key],
    undefined
  >;
};

/**
 * The properties that are not undefined: `{ id, ...present({ note }) }` has no `note` if there is none.
 * For objects where an undefined property and a missing one differ.
 */
export function present<Properties extends object>(properties: Properties): Present<Properties> {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== undefined),
  ) as Present<Properties>;
}
