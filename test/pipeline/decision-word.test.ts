import { expect, test } from 'vitest';

import { decisionWordIn } from '../../src/pipeline/decision-word.ts';
import type { Message } from '../../src/pipeline/message.ts';

const reply = (text: string) =>
  decisionWordIn({ kind: 'message', text, replyTo: '$question' } as Message);

test.each([
  ['yes', 'confirm'],
  [' Yes! ', 'confirm'],
  ['CONFIRM', 'confirm'],
  ['no.', 'cancel'],
  ['cancel', 'cancel'],
])('%j as a reply is %s', (text, decision) => {
  expect(reply(text)).toBe(decision);
});

test.each(['constructor', '__proto__', 'toString', 'yes please', 'yеs', 'y', ''])(
  '%j as a reply decides nothing',
  (text) => {
    expect(reply(text)).toBeUndefined();
  },
);

test('a word that replies to nothing decides nothing', () => {
  const message = { kind: 'message', text: 'yes', replyTo: undefined };
  expect(decisionWordIn(message as Message)).toBeUndefined();
});
