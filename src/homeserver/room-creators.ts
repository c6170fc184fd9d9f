import { z } from 'zod';

const createContent = z.object({
  room_version: z.string().catch('1').default('1'),
  // Entry by entry: one that is not a user ID does not affect the others.
  additional_creators: z
    .array(z.unknown())
    .catch([])
    .default([])
    .transform((creators) => creators.filter((one) => typeof one === 'string')),
});

/**
 * The users who stand above every power level of a room: its creators, since room version 12. Empty in
 * older rooms.
 *
 * @param create the room's `m.room.create`
 */
export function creatorsAbovePower(
  create: { readonly sender: string; readonly content: unknown } | undefined,
): ReadonlySet<string> {
  const made = createContent.safeParse(create?.content);
  const isSince12 =
    made.success && /^\d+$/u.test(made.data.room_version) && Number(made.data.room_version) >= 12;
  return new Set(
    create !== undefined && isSince12 ? [create.sender, ...made.data.additional_creators] : [],
  );
}
