import { randomInt } from 'node:crypto';

/** Without letters and digits that are taken for one another when read aloud or from paper. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
const groups = 4;
const groupLength = 5;

/** A new password of some 99 bits, such as `k7mqd-x4a9z-bh2wn-p6ruc`. */
export function generatePassword(): string {
  return Array.from({ length: groups }, () =>
    Array.from({ length: groupLength }, () => alphabet.charAt(randomInt(alphabet.length))).join(''),
  ).join('-');
}
