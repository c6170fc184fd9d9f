import { expect, test } from 'vitest';

import { generatePassword } from '../../../src/services/accounts/password.ts';

test('a password has four groups of five, without look-alikes, and never comes twice', () => {
  const passwords = Array.from({ length: 500 }, generatePassword);
  for (const password of passwords) {
    expect(password).toMatch(/^(?:[a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/u);
  }
  expect(new Set(passwords).size).toBe(passwords.length);
});
