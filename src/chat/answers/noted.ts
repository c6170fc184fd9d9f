import { cut } from '../../core/text.ts';
import type { Note, NotesAbout, Tag } from '../../services/services.ts';
import { code, line } from './answer.ts';
import type { Block, Inline } from './answer.ts';
import { count } from './phrases.ts';
import { inert } from './untrusted-text.ts';

/** Characters of a note that are shown beside other things. */
const shownText = 200;

/** How to write a time: people read a card for days, and an answer right away. */
type At = (atMs: number) => string;

interface Noted {
  readonly tags: readonly Tag[];
  readonly notes: NotesAbout;
}

/** `known-spammer`, until 2026-12-28 16:00 UTC */
function tagContent({ name, expiresAt }: Tag, at: At): Inline[] {
  return [code(name), ...(expiresAt === null ? [] : [` until ${at(expiresAt)}`])];
}

/** All tags, with commas between them. */
function tagsContent(tags: readonly Tag[], at: At): Inline[] {
  return tags.flatMap((tag, index) => [...(index === 0 ? [] : [', ']), ...tagContent(tag, at)]);
}

/** `Note 3 by @ben:example.com, 2 days ago: “…”` */
function noteContent({ id, author, at: writtenAt, text }: Note, at: At): Inline[] {
  return [
    `Note ${id} by `,
    code(cut(author, 255)),
    `, ${at(writtenAt)}: “${inert(text, shownText)}”`,
  ];
}

/** The tags and the newest notes; empty if there are none. */
export function notedLines({ tags, notes: { newest, count: all } }: Noted, at: At): Block[] {
  return [
    ...(tags.length === 0 ? [] : [line('Tags: ', ...tagsContent(tags, at))]),
    ...newest.map((note) => line(...noteContent(note, at))),
    ...(all > newest.length ? [line(count(all - newest.length, 'older note'))] : []),
  ];
}

/** The tags, and how many notes there are, in one line: `The room: tags nsfw, 2 notes`. */
export function notedBriefly(what: string, { tags, notes }: Noted, at: At): Block[] {
  const parts: Inline[][] = [
    ...(tags.length === 0 ? [] : [['tagged ', ...tagsContent(tags, at)]]),
    ...(notes.count === 0 ? [] : [[count(notes.count, 'note')]]),
  ];
  return parts.length === 0
    ? []
    : [
        line(
          `${what}: `,
          ...parts.flatMap((part, index) => [...(index === 0 ? [] : [', ']), ...part]),
        ),
      ];
}
