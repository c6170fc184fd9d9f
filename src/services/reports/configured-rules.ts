/** Tags that a rule asks for: one of `anyOf`, and none of `noneOf`. */
interface TagCondition {
  readonly anyOf?: readonly string[] | undefined;
  readonly noneOf?: readonly string[] | undefined;
}

/** A rule of the configuration, as far as commands tell of it. */
export interface ConfiguredRule {
  readonly name: string;
  /** Its mode; `alert` if it only calls the people on call. */
  readonly effect: 'observe' | 'propose' | 'act' | 'alert';
  /** Of the reported sender. */
  readonly tags: TagCondition | undefined;
  /** Of the room of the report. */
  readonly roomTags: TagCondition | undefined;
}
