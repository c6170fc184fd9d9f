import { createHash, hash as hashOnce, randomBytes } from 'node:crypto';

import type { Selectable } from 'kysely';
import { z } from 'zod';

import type { AuditLogTable } from '../../schema.ts';

/*
 * How the rows of the audit log are chained. docs/audit.md documents it, with a verifier in another language.
 *
 * A row of form 2 hashes commitments to the fields that can name or quote people, so that their texts can be
 * forgotten and the chain still verifies. Rows of form 1 are from before that: their hash is over the texts. The
 * first row of form 2 also hashes the commitments to all rows of form 1, so that they can be forgotten, too.
 */

/** The fields that can name or quote people. */
export const personalFields = [
  'actor',
  'confirmer',
  'arguments',
  'target',
  'reason',
  'detail',
] as const;

export type PersonalField = (typeof personalFields)[number];

export type AuditRow = Selectable<AuditLogTable>;
/** A row before it is chained. */
export type UnchainedRow = Omit<AuditRow, 'id' | 'form' | 'salts' | 'previous_hash' | 'hash'>;
/** What a hash of form 2 is made of. */
type SaltedRow = UnchainedRow & Pick<AuditRow, 'salts'>;

/** The previous hash of the first row. */
export const genesis = '0'.repeat(64);

const sha256 = (text: string) => hashOnce('sha256', text, 'hex');

const saltBytes = 16;
/** Random bytes for the next salts: asking the system for each takes longer than hashing the row. */
let random = Buffer.alloc(0);

/** A salt for a row: 32 hexadecimal digits. */
function newSalt(): string {
  if (random.length === 0) {
    random = randomBytes(256 * saltBytes);
  }
  const salt = random.toString('hex', 0, saltBytes);
  random = random.subarray(saltBytes);
  return salt;
}

/** Once something of a row was forgotten: salts for the fields that are left, commitments to the others. */
interface OpenedSalts {
  readonly salts: Partial<Record<PersonalField, string>>;
  readonly commitments: Partial<Record<PersonalField, string>>;
}

/** Whether something of the row was forgotten. */
const hasForgotten = ({ salts }: Pick<AuditRow, 'salts'>) => salts?.startsWith('{') === true;

const digest = z.string().regex(/^[0-9a-f]{64}$/u);
const digests = z.partialRecord(z.enum(personalFields), digest);
/** A field has a salt or a commitment, never both: what follows a salt of another length could be moved into it. */
const openedForm = z
  .strictObject({ salts: digests, commitments: digests })
  .refine(({ salts, commitments }) => !Object.keys(salts).some((field) => field in commitments));

/** The salt of one field. It doesn't tell those of the others. */
const saltOf = (rowSalt: string, field: PersonalField) => sha256(`${rowSalt}${field}`);

/** @throws SyntaxError, z.ZodError somebody has written something else */
function openedSalts(salts: string | null): OpenedSalts {
  if (salts?.startsWith('{') === true) {
    return openedForm.parse(JSON.parse(salts));
  }
  return {
    salts: Object.fromEntries(personalFields.map((field) => [field, saltOf(salts ?? '', field)])),
    commitments: {},
  };
}

function commitment(row: SaltedRow, field: PersonalField, opened?: OpenedSalts): string | null {
  const forgotten = opened?.commitments[field];
  if (forgotten !== undefined) {
    return forgotten;
  }
  const value = row[field];
  if (value === null) {
    return null;
  }
  const salt = opened === undefined ? saltOf(row.salts ?? '', field) : opened.salts[field];
  return sha256(`${salt}${value}`);
}

/** All fields of a row, with commitments for those that can name or quote people, as JSON. */
function committed(row: SaltedRow): string {
  const opened = hasForgotten(row) ? openedSalts(row.salts) : undefined;
  return JSON.stringify([
    row.kind,
    row.intent_id,
    row.at,
    commitment(row, 'actor', opened),
    commitment(row, 'confirmer', opened),
    row.command,
    commitment(row, 'arguments', opened),
    commitment(row, 'target', opened),
    commitment(row, 'reason', opened),
    row.event_id,
    row.room_id,
    row.status,
    commitment(row, 'detail', opened),
    row.item_id,
  ]);
}

/** Whether a field had a text that was forgotten. */
export function hasForgottenField(row: Pick<AuditRow, 'salts'>, field: PersonalField): boolean {
  try {
    return openedSalts(row.salts).commitments[field] !== undefined;
  } catch {
    // Somebody has written other salts: `verify` finds that.
    return false;
  }
}

/** The SHA-256 of the previous hash and the row's fields: a hash of form 2. */
export function chainHash(previousHash: string, row: SaltedRow): string {
  return sha256(`${previousHash}${committed(row)}`);
}

/** Chains a row, in form 2. */
export function chained(
  previousHash: string,
  row: UnchainedRow,
  salts = newSalt(),
): UnchainedRow & Pick<AuditRow, 'form' | 'salts' | 'previous_hash' | 'hash'> {
  const salted = { ...row, salts };
  return {
    ...salted,
    form: 2,
    previous_hash: previousHash,
    hash: chainHash(previousHash, salted),
  };
}

/** The SHA-256 of the previous hash and the texts of the row's fields: a hash of form 1. */
export function oldChainHash(previousHash: string, row: UnchainedRow): string {
  const fields = [
    row.kind,
    row.intent_id,
    row.at,
    row.actor,
    row.confirmer,
    row.command,
    row.arguments,
    row.target,
    row.reason,
    row.event_id,
    row.room_id,
    row.status,
    row.detail,
    // Added later: rows without it must keep their hash.
    ...(row.item_id === null ? [] : [row.item_id]),
  ];
  return sha256(`${previousHash}${JSON.stringify(fields)}`);
}

/** The SHA-256 of the commitments to all rows of form 1, oldest first. */
export function createOldRowsDigest() {
  const digest = createHash('sha256');
  return {
    add(row: SaltedRow): void {
      digest.update(`${committed(row)}\n`);
    },
    /** What the first row of form 2 has as its previous hash. */
    previousHashAfter(lastHash: string): string {
      return sha256(`${lastHash}${digest.digest('hex')}`);
    },
  };
}

/**
 * Takes texts out of a row, or replaces them, so that the chain still verifies: commitments to them stay.
 *
 * @param texts what to store in place of the fields that are forgotten
 * @returns the columns to update
 */
export function forgetting(
  row: AuditRow,
  texts: Partial<Pick<AuditRow, PersonalField>>,
): Partial<Pick<AuditRow, PersonalField | 'salts'>> {
  const before = openedSalts(row.salts);
  const isForgotten = (field: PersonalField) => texts[field] !== undefined;
  const salts = Object.entries(before.salts).filter(([field]) => !(field in texts));
  const commitments = personalFields.flatMap((field) => {
    const value = isForgotten(field) ? commitment(row, field, before) : before.commitments[field];
    return value === undefined || value === null ? [] : [[field, value] as const];
  });
  return {
    ...texts,
    salts: JSON.stringify({
      salts: Object.fromEntries(salts),
      commitments: Object.fromEntries(commitments),
    }),
  };
}

/** The command whose outcomes say what is left of rows of which something was forgotten. */
export const forgetCommand = 'forget';

/** What is left of a row of which something was forgotten: the SHA-256 of its salts and its personal fields. */
export function leftOf(row: Pick<AuditRow, PersonalField | 'salts'>): string {
  return sha256(JSON.stringify([row.salts, ...personalFields.map((field) => row[field])]));
}

/** Whether a row can vouch for what is left of others. */
export function isForgetOutcome({ kind, command }: Pick<AuditRow, 'kind' | 'command'>): boolean {
  return kind === 'outcome' && command === forgetCommand;
}

/** By the number of a row, what is left of it, as the outcome of `forget` says. */
const leftForm = z.object({ left: z.record(z.string(), digest) });

function leftIn(row: AuditRow): Readonly<Record<string, string>> {
  if (!isForgetOutcome(row) || row.detail === null) {
    return {};
  }
  const detail = leftForm.safeParse(JSON.parse(row.detail));
  return detail.success ? detail.data.left : {};
}

/** Checks rows one after another, from the first one on. */
export function createChainCheck() {
  let previousHash = genesis;
  let previousForm: 1 | 2 | undefined;
  const oldRows = createOldRowsDigest();
  /** What is left of each row of which something was forgotten, as long as no later row vouches for it. */
  const unproven = new Map<string, string>();

  function isIntact({ hash, previous_hash: linked, ...row }: AuditRow): boolean {
    if (row.form === 1) {
      if (previousForm === 2) {
        return false;
      }
      oldRows.add(row);
      return linked === previousHash && (hasForgotten(row) || oldChainHash(linked, row) === hash);
    }
    if (previousForm === 1) {
      previousHash = oldRows.previousHashAfter(previousHash);
    }
    return linked === previousHash && chainHash(linked, row) === hash;
  }

  /** @throws SyntaxError somebody has written what is no JSON */
  function vouch(row: AuditRow): void {
    for (const [id, left] of Object.entries(leftIn(row))) {
      if (unproven.get(id) === left) {
        unproven.delete(id);
      }
    }
  }

  return {
    /** Returns whether the next row is intact. */
    next(row: AuditRow): boolean {
      try {
        if (!isIntact(row)) {
          return false;
        }
        vouch(row);
        if (hasForgotten(row)) {
          unproven.set(String(row.id), leftOf(row));
        }
      } catch (error) {
        // Somebody has written what is no JSON, or other salts.
        if (error instanceof SyntaxError || error instanceof z.ZodError) {
          return false;
        }
        throw error;
      }
      previousHash = row.hash;
      previousForm = row.form;
      return true;
    },
    /** Reads what a row after a changed one vouches for, so that rows before that are not blamed. */
    afterBreak(row: AuditRow): void {
      try {
        vouch(row);
      } catch (error) {
        if (!(error instanceof SyntaxError)) {
          throw error;
        }
      }
    },
    /** The first row of which something was forgotten and no later row vouches for what is left. */
    firstUnproven(): number | undefined {
      const [first] = unproven.keys();
      return first === undefined ? undefined : Number(first);
    },
  };
}

export type ChainCheck = ReturnType<typeof createChainCheck>;
