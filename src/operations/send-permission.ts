/** Whether the bot can send messages to the management room. While it can't, it starts nothing. */
export interface SendPermission {
  /** Why it can't; undefined if it can. */
  whyMissing(): string | undefined;
  /** Resolves when it can: true, or false if the bot is stopping and must start nothing. */
  granted(): Promise<boolean>;
}
