import { expect, test } from 'vitest';

import type { Homeserver } from '../../src/app/homeserver.ts';
import { createHomeservers } from '../../src/app/homeservers.ts';
import type { WatchHomeserverOptions } from '../../src/app/other-homeservers/watch.ts';
import { TargetError } from '../../src/core/errors.ts';
import type { HomeserverServices } from '../../src/services/services.ts';

test('nothing waits for a homeserver that is not in the configuration any more', () => {
  const first = { serverName: 'one.example' } as Homeserver;
  const homeservers = createHomeservers(first, () => ({}) as HomeserverServices, {
    ...({} as WatchHomeserverOptions),
    config: { otherHomeservers: [] },
  });
  expect(homeservers.get('one.example').serverName).toBe('one.example');
  // An UnreachableError would be tried again and again.
  expect(() => homeservers.get('two.example')).toThrow(TargetError);
  expect(() => homeservers.get('two.example')).toThrow('two.example is not among my homeservers');
});
