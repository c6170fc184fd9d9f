import { TargetError } from '../../core/errors.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import { nearest } from '../../core/text.ts';
import type { Store } from '../../store/store.ts';
import type { Tag } from '../../store/tables/tags.ts';

/** At most this many tags of one user or room are there at a time. */
const maxTags = 20;
/** A mistyped name is compared with this many names. */
const maxNames = 1000;

/** A tag that was set, and what was there before. */
export interface SetTag {
  readonly tag: Tag;
  /** The tag of the same name; undefined if there was none. */
  readonly before: Tag | undefined;
}

/**
 * What moderators and rules call users and rooms.
 *
 * @param wake called when the cards of reports are to show a change, and rules may match
 */
export function createTagService(
  store: Pick<Store, 'tags' | 'transaction'>,
  { wake }: { readonly wake: () => void },
) {
  return {
    /**
     * Sets a tag. If there is one of the same name, its end is replaced.
     *
     * @param event the command that sets it
     * @throws TargetError there are too many
     */
    async set(tag: Omit<Tag, 'id' | 'removedAt'>, event: EventId): Promise<SetTag> {
      const result = await store.transaction(async ({ tags, reportWork }) => {
        const { subject, name, at } = tag;
        const present = await tags.of(subject, at);
        const before = present.find((one) => one.name === name);
        if (before !== undefined && before.expiresAt === tag.expiresAt) {
          return { tag: before, before };
        }
        if (before === undefined && present.length >= maxTags) {
          throw new TargetError(
            'state',
            `${subject} already has ${maxTags} tags`,
            'Nothing was changed. Remove one that is not needed any more.',
          );
        }
        await tags.remove(subject, name, at);
        await reportWork.showNotes(subject, { forRules: before === undefined });
        return { tag: await tags.add(tag, event), before };
      });
      wake();
      return result;
    },

    /**
     * @returns the tag as it was
     * @throws TargetError there is no such tag
     */
    async remove(subject: string, name: string, at: number): Promise<Tag> {
      const removed = await store.transaction(async ({ tags, reportWork }) => {
        const tag = await find(tags, subject, name, at);
        await tags.remove(subject, name, at);
        await reportWork.showNotes(subject, { forRules: true });
        return tag;
      });
      wake();
      return removed;
    },

    /** @throws TargetError there is no such tag */
    async assertThere(subject: string, name: string, at: number): Promise<void> {
      await find(store.tags, subject, name, at);
    },

    /** The tag that is there and that a mistyped name probably stands for; undefined if there is none. */
    async similar(name: string, now: number): Promise<string | undefined> {
      const guess = nearest(name, await store.tags.names(maxNames));
      const isThere = guess !== undefined && (await store.tags.count({ name: guess }, now)) > 0;
      return isThere ? guess : undefined;
    },

    /**
     * Whether a command that was cut off has set its tag, in one transaction, or found it there.
     *
     * @param tag.expiresAt undefined if the end depends on when the command ran
     */
    async reconcileSet(
      event: EventId,
      tag: {
        readonly subject: UserId | RoomId;
        readonly name: string;
        readonly expiresAt: number | null | undefined;
        readonly now: number;
      },
    ) {
      const present = await store.tags.find(tag.subject, tag.name, tag.now);
      return (await store.tags.isSetBy(event, tag)) ||
        (present !== undefined && present.expiresAt === tag.expiresAt)
        ? 'done'
        : 'not_done';
    },

    reconcileRemoved: async (subject: string, name: string, now: number) =>
      (await store.tags.find(subject, name, now)) === undefined ? 'done' : 'not_done',

    of: async (subject: string, now: number) => store.tags.of(subject, now),
    list: async (...query: Parameters<Store['tags']['list']>) => store.tags.list(...query),
    count: async (...query: Parameters<Store['tags']['count']>) => store.tags.count(...query),
  };
}

/** @throws TargetError there is no such tag */
async function find(
  tags: Pick<Store['tags'], 'find' | 'of'>,
  subject: string,
  name: string,
  at: number,
): Promise<Tag> {
  const tag = await tags.find(subject, name, at);
  if (tag === undefined) {
    const others = (await tags.of(subject, at)).map((one) => one.name);
    const guess = nearest(name, others);
    throw new TargetError(
      'state',
      `${subject} has no tag ${name}`,
      [
        'Nothing was changed.',
        ...(guess === undefined ? [] : [`Did you mean \`${guess}\`?`]),
        ...(others.length === 0
          ? []
          : [`Its tags: ${others.map((one) => `\`${one}\``).join(', ')}`]),
      ].join(' '),
    );
  }
  return tag;
}

export type TagService = ReturnType<typeof createTagService>;
