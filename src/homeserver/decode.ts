import { z } from 'zod';

import type { EventId, RoomId, UserId } from '../core/ids.ts';

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** An API object under our names: `creation_ts` becomes `creationTs`. Not deep: nest the schemas. */
export type Camel<Value> = {
  [Name in keyof Value as Name extends string ? CamelCase<Name> : Name]: Value[Name];
};

function camelName(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function camel<Value extends object>(value: Value): Camel<Value> {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [camelName(name), member]),
  ) as Camel<Value>;
}

/** A schema in the API's own names whose result has ours. Unknown fields are dropped. */
export function apiObject<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object(shape).transform((value) => camel(value));
}

/** A member that older or newer servers may leave out: absent and null are the same. */
export function maybe<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? null);
}

/** SQLite-backed servers send some booleans as 0 and 1. */
export const bool = z
  .union([z.boolean(), z.literal(0), z.literal(1)])
  .transform((value) => value === true || value === 1);

/** A boolean that is false when absent. */
export const flag = bool.nullish().transform((value) => value ?? false);

/**
 * IDs in answers are only looked at where they begin and, for users, for a server name. The parsers
 * of `ids.ts` are stricter, for what people type; but other servers' users and rooms can have IDs
 * that break the rules, and one of those must not hide a whole list from the moderators.
 */
function id<Id extends string>(pattern: RegExp, message: string) {
  return (
    z
      .string()
      .regex(pattern, message)
      // IDs are asked for again, and half a surrogate pair has no bytes to be sent.
      .transform((text) => text.toWellFormed() as Id)
  );
}

export const userId = id<UserId>(/^@[^:]*:./s, 'not a user ID');
export const roomId = id<RoomId>(/^!./s, 'not a room ID');
export const eventId = id<EventId>(/^\$./s, 'not an event ID');

/** For endpoints whose answer says nothing: `{}`, or what differs between versions. */
export const nothing = z.unknown().transform(() => undefined);

/** A list whose unreadable members are left out: one that nobody foresaw must not hide the others. */
export function readable<Schema extends z.ZodType>(schema: Schema) {
  return z.array(z.unknown()).transform((members) =>
    members.flatMap((member): z.output<Schema>[] => {
      const read = schema.safeParse(member);
      return read.success ? [read.data] : [];
    }),
  );
}
