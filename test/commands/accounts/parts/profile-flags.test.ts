import { describe, expect, it } from 'vitest';

import { checkProfile, readEmail } from '../../../../src/commands/accounts/parts/profile-flags.ts';
import { UsageError } from '../../../../src/core/errors.ts';

describe('an e-mail address', () => {
  it('is read in lower case, as Synapse stores it', () => {
    expect(readEmail('Boss.X+tag@Corp.example').address).toBe('boss.x+tag@corp.example');
  });

  it.each([
    'boß.x@corp.example',
    'bo\u017Fs.x@corp.example',
    'o\uFB01ce@corp.example',
    'boss.x@corp.example\u001C',
    'boss.x@corp.example\u001F',
    '\u0085boss.x@corp.example',
    'boss\u00ADx@corp.example',
    'BOSS.\u212A@corp.example',
    'boss@corp.example@x',
    'nobody',
  ])('that Synapse would make into another one is refused: %j', (email) => {
    expect(() => readEmail(email)).toThrow(UsageError);
    expect(() => {
      checkProfile({ email: [email], phone: [], externalId: [] });
    }).toThrow(UsageError);
  });
});
