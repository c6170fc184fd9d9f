import { roles } from '../../chat/command/declaration.ts';
import type { Registry, Role } from '../../chat/command/declaration.ts';
import { leastDangerOf, roleFor } from '../../chat/command/properties.ts';
import type { UserId } from '../../core/ids.ts';

/** Who has which role in the management room at this moment. */
export interface RoomRoles {
  of(user: UserId): Role | undefined;
  needed(command: string, byDeclaration: Role): Role;
}

/** Somebody who looks at the page. */
export interface Viewer {
  readonly user: UserId;
  readonly role: Role;
  /** Whether they may use this command in the room: the page shows nothing else. */
  may(command: string): boolean;
}

/** A person with the role that they have now; undefined if they may not see the page. */
export function viewerOf(
  { roles: room, registry }: { readonly roles: RoomRoles; readonly registry: Registry },
  user: UserId,
): Viewer | undefined {
  const role = room.of(user);
  const may = (name: string) => {
    const command = registry.find(name);
    return (
      role !== undefined &&
      command !== undefined &&
      roles.indexOf(role) >=
        roles.indexOf(room.needed(command.name, roleFor(command, leastDangerOf(command))))
    );
  };
  return role !== undefined && may('open') ? { user, role, may } : undefined;
}
