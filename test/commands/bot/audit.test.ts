import { expect, test } from 'vitest';

import audit from '../../../src/commands/bot/audit.ts';
import undo from '../../../src/commands/bot/undo.ts';

const context = { now: Date.now(), prefix: '!' };

test.for(['12', '#12', '12.', '#12,', '12;'])('audit and undo read the entry %s', (word) => {
  expect(() => audit.check?.({ what: word }, context)).not.toThrow();
  expect(() => undo.check?.({ entry: word }, context)).not.toThrow();
});

test.for(['0', '12a', 'twelve', '1.2'])('neither audit nor undo reads %s as an entry', (word) => {
  expect(() => audit.check?.({ what: word }, context)).toThrow(`\`${word}\` is`);
  expect(() => undo.check?.({ entry: word }, context)).toThrow(`\`${word}\` is`);
});

test.for([{ by: '@ben:x' }, { text: 'nonsense' }, { limit: 3 }])(
  'an entry is shown by its number alone: %o is refused',
  (flags) => {
    expect(() => audit.check?.({ what: '64', ...flags }, context)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('it takes no flags') as string,
        advice: expect.stringContaining('`!audit 64` shows the entry') as string,
      }) as Error,
    );
  },
);

test.for([
  ['exprot', 'export'],
  ['VERFY', 'verify'],
])('audit %s is taken for %s', ([typed, meant]) => {
  expect(() => audit.check?.({ what: typed }, context)).toThrow(
    expect.objectContaining({
      advice: expect.stringContaining(`Did you mean \`${meant}\`?`) as string,
    }) as Error,
  );
});
