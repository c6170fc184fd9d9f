/** Whether the bot can speak in the management room. While it can't, nothing is begun. */
export interface SendPermission {
  /** Why it can't; undefined if it can. */
  silence(): string | undefined;
  /** Resolves when it can: true, or false if the bot stops and nothing is to be begun. */
  mayAct(): Promise<boolean>;
}
