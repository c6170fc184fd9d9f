/**
 * Begins a transaction that writes. What it reads after it has waited for the lock must be what is committed by then,
 * whatever `default_transaction_isolation` is.
 */
export const beginWriting = 'BEGIN ISOLATION LEVEL READ COMMITTED';

/** Waits until no other transaction writes. The end of the transaction releases it. */
export const writeLock = `SELECT pg_advisory_xact_lock(hashtextextended('lawspeaker write ' || current_schema(), 0))`;
