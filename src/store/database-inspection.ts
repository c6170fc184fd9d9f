/** What is found in a database that is only looked at. */
export interface DatabaseInspection {
  /** The next start creates a missing database, and updates an older one. */
  readonly state: 'missing' | 'older' | 'current';
  /** The named values that survive a restart; empty if there are none yet. */
  readonly syncState: ReadonlyMap<string, string>;
}
