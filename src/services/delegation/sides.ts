import { localpartOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { UserDetail } from '../../homeserver/admin/users.ts';
import type { MasId } from '../../homeserver/mas/json-api.ts';
import type { MasUser } from '../../homeserver/mas/users.ts';

/** What MAS and Synapse say about an account. They may differ while MAS tells Synapse, or for good. */
export interface Sides {
  /** Null: MAS does not know the account. */
  readonly mas: {
    readonly id: MasId;
    readonly admin: boolean;
    readonly locked: boolean;
    readonly deactivated: boolean;
  } | null;
  /** Null: Synapse does not know the account. */
  readonly synapse: {
    readonly admin: boolean;
    readonly locked: boolean;
    readonly deactivated: boolean;
  } | null;
}

/** An account of a homeserver that delegates accounts. */
export interface DelegatedAccount extends UserDetail {
  readonly sides: Sides;
}

/**
 * Merges what both say into one account. MAS decides who can log in, so MAS takes precedence: Synapse's
 * column `admin`, and a lock or deactivation in Synapse alone, have no effect on people's sessions.
 *
 * @param isAdmin whether the account, or one of its sessions, has admin rights at MAS
 */
export function bothSides(
  user: UserId,
  synapse: UserDetail | undefined,
  mas: MasUser | undefined,
  isAdmin: boolean,
): DelegatedAccount | undefined {
  if (synapse === undefined && mas === undefined) {
    return undefined;
  }
  const sides: Sides = {
    mas:
      mas === undefined
        ? null
        : {
            id: mas.id,
            admin: isAdmin,
            locked: mas.lockedAt !== null,
            deactivated: mas.deactivatedAt !== null,
          },
    synapse:
      synapse === undefined
        ? null
        : { admin: synapse.admin, locked: synapse.locked, deactivated: synapse.deactivated },
  };
  return {
    ...(synapse ?? unknownToSynapse(user, mas)),
    admin: isAdmin,
    ...(sides.mas === null ? {} : { locked: sides.mas.locked, deactivated: sides.mas.deactivated }),
    sides,
  };
}

function unknownToSynapse(user: UserId, mas: MasUser | undefined): UserDetail {
  return {
    name: user,
    displayname: localpartOf(user),
    avatarUrl: null,
    admin: false,
    deactivated: false,
    erased: false,
    locked: false,
    suspended: false,
    shadowBanned: false,
    isGuest: false,
    userType: null,
    appserviceId: null,
    creationTs: mas?.createdAt ?? null,
    lastSeenTs: null,
    consentVersion: null,
    consentTs: null,
    threepids: [],
    externalIds: [],
  };
}

/** Whether Synapse shows what MAS says, so that no change at MAS is still to arrive. */
export function agree({ mas, synapse }: Sides): boolean {
  return (
    mas === null ||
    synapse === null ||
    (mas.locked === synapse.locked && mas.deactivated === synapse.deactivated)
  );
}
