import { describe, expect, it } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { makeRoomAdmin, reconcileRoomAdmin } from '../../../src/services/rooms/room-power.ts';
import { asRoomId } from '../../support/homeserver.ts';

const room = asRoomId('!room:x');
const owner = '@owner:x';
const vera = '@vera:x' as UserId;

interface Room {
  powers: Record<string, number>;
  members?: readonly string[];
  joinRule?: string;
  veraIs?: string;
}

/** A homeserver with one room, and what its `make_room_admin` does. */
function api(
  { powers, members = [owner], joinRule = 'invite', veraIs }: Room,
  makeAdmin: () => void = () => undefined,
): AdminApi {
  const contents: Record<string, object> = {
    'm.room.power_levels': { users: powers },
    'm.room.create': { room_version: '11' },
    'm.room.join_rules': { join_rule: joinRule },
  };
  return {
    events: {
      state: async (_: string, type: string) => [
        { type, stateKey: '', sender: owner, content: contents[type] },
      ],
    },
    rooms: {
      members: async () => ({ members, total: members.length }),
      makeAdmin: async () => makeAdmin(),
    },
    users: {
      memberships: async () => (veraIs === undefined ? [] : [{ roomId: room, membership: veraIs }]),
    },
  } as unknown as AdminApi;
}

const make = async (on: AdminApi) => makeRoomAdmin(on, room, vera, 'x');
const reconciled = async (state: Room) => reconcileRoomAdmin(api(state), room, vera, 'x');

describe('makeRoomAdmin', () => {
  const refused = new HomeserverError(403, 'M_FORBIDDEN', 'POST');

  it('tells a refused invitation from a refused change of power', async () => {
    const powers: Record<string, number> = { [owner]: 100 };
    const refuse = () => {
      throw refused;
    };
    await expect(make(api({ powers }, refuse))).rejects.toBe(refused);
    const given = api({ powers }, () => {
      powers[vera] = 100;
      throw refused;
    });
    expect(await make(given)).toMatchObject({ plan: { level: 100 }, notInvited: refused });
    // They had the power before, so nothing was changed.
    await expect(make(api({ powers }, refuse))).rejects.toBe(refused);
  });

  it('does not claim that nothing was changed if it can’t find out', async () => {
    const on: AdminApi = api({ powers: { [owner]: 100 } }, () => {
      on.rooms.members = async () => {
        throw new UnreachableError('GET', 'did not answer', false);
      };
      throw refused;
    });
    await expect(make(on)).rejects.toMatchObject({
      advice: 'The user may have the power all the same. Check before you retry.',
    });
  });

  it('refuses banned users', async () => {
    await expect(make(api({ powers: { [owner]: 100 }, veraIs: 'ban' }))).rejects.toThrow('banned');
  });
});

describe('reconcileRoomAdmin', () => {
  it('compares with the members of this server alone', async () => {
    const powers = { '@gone:x': 100, '@far:y': 100, [owner]: 50, [vera]: 50 };
    expect(await reconciled({ powers, veraIs: 'invite' })).toBe('done');
    expect(await reconciled({ powers: { ...powers, [vera]: 40 } })).toBe('not_done');
    expect(await reconciled({ powers: { [owner]: 50 }, members: [owner, vera] })).toBe('not_done');
    expect(await reconciled({ powers, members: ['@far:y'] })).toBe('unknowable');
  });

  it('counts on an invitation only where it is needed', async () => {
    const powers = { [owner]: 100, [vera]: 100 };
    expect(await reconciled({ powers })).toBe('unknowable');
    expect(await reconciled({ powers, veraIs: 'leave' })).toBe('unknowable');
    expect(await reconciled({ powers, joinRule: 'public' })).toBe('done');
    expect(await reconciled({ powers, members: [owner, vera], veraIs: 'join' })).toBe('done');
  });
});
