import { TargetError, UnreachableError } from '../../src/core/errors.ts';
import type { AtHomeserver } from '../../src/operations/at-homeserver.ts';
import { openLockServer } from './lock-server.ts';

export const here = 'localhost';
export const there = 'two.example';

/** A bot before two homeservers that know the same people and share what is changed. */
export async function openTwoHomeservers() {
  const server = await openLockServer();
  const { context } = server.bot;
  let configured: readonly string[] = [];
  const both = {
    server,
    isTwoAway: false,
    /** What the services of the other one do in another way. */
    servicesThere: {} as Partial<AtHomeserver['services']>,

    /** The bot starts again with these homeservers. */
    configure(...names: readonly string[]): void {
      configured = names;
      Object.assign(context, {
        settings: {
          ...context.settings,
          homeservers: names.map((serverName) => ({ name: serverName, serverName })),
        },
      });
    },
  };
  both.configure(here, there);
  Object.assign(context, {
    atHomeserver(serverName: string): AtHomeserver {
      if (!configured.includes(serverName)) {
        throw new TargetError('unknown', `${serverName} is not among my homeservers any more`);
      }
      return {
        services: { ...context.services, ...both.servicesThere },
        settings: { ...context.settings, serverName },
        findSimilar: context.findSimilar,
        resolveAlias: context.resolveAlias,
        async findAccount(user) {
          if (both.isTwoAway) {
            throw new UnreachableError('none', 'does not answer', false);
          }
          return context.findAccount(user);
        },
      };
    },
  });
  return both;
}
