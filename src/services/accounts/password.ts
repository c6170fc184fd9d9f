import { randomInt } from 'node:crypto';

/** Without letters and digits that people confuse when they hear or read them. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
const groups = 4;
const groupLength = 5;

/** A new password of about 99 bits, such as `k7mqd-x4a9z-bh2wn-p6ruc`. */
export function generatePassword(): string {
  return Array.from({ length: groups }, () =>
    Array.from({ length: groupLength }, () => alphabet.charAt(randomInt(alphabet.length))).join(''),
  ).join('-');
}
