/** Waits until no other transaction writes. The end of the transaction releases it. */
export const writeLock = `SELECT pg_advisory_xact_lock(hashtextextended('lawspeaker write ' || current_schema(), 0))`;
