import { isForgotten } from '../../core/forgotten.ts';
import { parseRoomAlias } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { filesOf, readContent } from '../../services/reports/reported-content.ts';
import type {
  ItemStory,
  MainReason,
  ReportItem,
  ReportedContent,
} from '../../services/services.ts';
import { matrixToLink } from '../reading/values.ts';
import { bold, code, facts, line, link, spoiler } from './answer.ts';
import type { Block, Content, Inline } from './answer.ts';
import { count, nameSome, span } from './phrases.ts';
import { inert } from './untrusted-text.ts';

/** Characters of a reason that are shown. */
const shownReason = 60;
/** Characters of a message that are shown in a card. */
const shownBody = 200;
/** Characters of a message that are shown in a list. */
const shownGist = 60;
/** Characters of a message that are examined: far more than are shown. */
const maxReadBody = 4000;

/**
 * `5 people say “spam”`, `2 of 5 people say “spam”`: what most of them say, and how many do. If there are several
 * homeservers, it says on which: `5 people on two.example say “spam”`.
 */
export function accusation({ reports, reporterCount, where }: ItemStory): Inline[] {
  const on = where.length === 0 ? '' : ` on ${nameSome(where)}`;
  if (reporterCount === 0) {
    return [on === '' ? 'the sender reports' : `the sender${on} reports`];
  }
  const [most] = reasonsOf(reports);
  const all = `${reporterCount === 1 ? '1 person' : `${reporterCount} people`}${on}`;
  if (most === undefined) {
    return [`${all} ${reporterCount === 1 ? 'reports' : 'report'}`];
  }
  const who = most.people < reporterCount ? `${most.people} of ${all}` : all;
  const verb = most.people === 1 ? 'says' : 'say';
  return [`${who} ${verb} “`, inert(most.reason, shownReason), '”'];
}

/** ` about a message by @mallory:x`, as it follows `1 person says “spam”`; `1 person reports` needs no `about`. */
export function accused(story: ItemStory): Inline[] {
  const saysWhy = story.reporterCount > 0 && reasonsOf(story.reports).length > 0;
  return [saysWhy ? ' about ' : ' ', ...whatIsReported(story.item)];
}

/** The reasons that people give, and how many people give each; the most common first. */
export function reasonsOf(reports: ItemStory['reports']): readonly MainReason[] {
  const people = new Map<string, number>();
  // Each person has one report in the list.
  for (const { reason } of reports) {
    const text = reason?.trim() ?? '';
    if (text !== '') {
      people.set(text, (people.get(text) ?? 0) + 1);
    }
  }
  return [...people]
    .map(([reason, number]) => ({ reason, people: number }))
    .sort((one, other) => other.people - one.people);
}

/** `a message by @mallory:x in #lobby:x`, or the user who was reported. */
export function whatIsReported(item: ReportItem): Inline[] {
  const who = item.sender === null ? 'somebody unknown' : code(cut(item.sender, 255));
  if (item.kind === 'user') {
    return ['the user ', who];
  }
  return ['a message by ', who, ...placeOf(item)];
}

/** ` in #lobby:example.com`, by the name that people know. */
export function placeOf({ roomId, roomName }: ReportItem): Inline[] {
  if (roomId === null) {
    return [];
  }
  const name = roomName?.trim() ?? '';
  if (name === '') {
    return [' in ', code(cut(roomId, 255))];
  }
  // An alias is an address by itself; a name may only look like one.
  return [' in ', parseRoomAlias(name) === undefined ? inert(name) : code(cut(name, 255))];
}

/** The state of an item; empty if it is just open. */
export function stateOf(
  item: ReportItem,
  nameOf: (user: string) => string,
  at: (atMs: number) => string,
): Content {
  switch (item.state) {
    case 'open':
      return item.reopened === 0
        ? []
        : [`reported again ${at(item.openedAt)}, after it was closed`];
    case 'claimed':
      return [
        `${nameOf(item.claimedBy ?? '')} is on it`,
        item.claimedAt === null ? '' : `, since ${at(item.claimedAt)}`,
      ];
    case 'resolved':
    case 'dismissed':
      return [
        `${item.state} by ${nameOf(item.closedBy ?? '')}`,
        item.closedAt === null ? '' : `, ${at(item.closedAt)}`,
        ...(item.note === null ? [] : [': ', inert(item.note, 120)]),
      ];
  }
}

/** The message itself, behind a spoiler. The plain text has it only if somebody asked for it. */
export function contentLines(item: ReportItem, options: { isAskedFor: boolean }): Block[] {
  if (item.kind === 'user') {
    return [];
  }
  const content = readContent(item.content);
  if (content === undefined) {
    return [line(missingContent(item))];
  }
  return messageLines(content, options);
}

/** Why there is no copy of the message. */
export function missingContent({ sender }: Pick<ReportItem, 'sender'>): string {
  return sender !== null && isForgotten(sender)
    ? 'My copy of the message was forgotten.'
    : 'The message was gone from the server, or could not be read, when it was reported.';
}

/** What a message says, behind a spoiler, and its files. */
export function messageLines(content: ReportedContent, options: { isAskedFor: boolean }): Block[] {
  return [
    line(...wordsOf(content, options.isAskedFor)),
    ...otherWords(content, options.isAskedFor),
    ...filesOf(content).map((url) =>
      line(
        'File: ',
        code(url),
        content.mimetype === undefined ? '' : ` (${inert(content.mimetype, 40)})`,
      ),
    ),
    ...(content.urls === undefined
      ? []
      : [line('It has several files: name the one that you mean in the command.')]),
  ];
}

/** `“spam”: “Buy cheap…”`, for a list: the most common reason, and the start of the message behind a spoiler. */
export function gist(item: ReportItem, most: MainReason | undefined): Inline[] {
  const reason = most === undefined ? 'no reason' : `“${inert(most.reason, shownReason)}”`;
  const content = readContent(item.content);
  if (item.kind === 'user' || content === undefined) {
    return [reason];
  }
  return [
    `${reason}: `,
    content.isEncrypted
      ? 'encrypted'
      : content.body === undefined
        ? 'nothing to read'
        : hidden(content.body, { plainText: false, length: shownGist }),
  ];
}

function wordsOf(content: ReportedContent, isAskedFor: boolean): Inline[] {
  if (content.isEncrypted) {
    return ['It is encrypted: nobody but the members of the room can read it.'];
  }
  const { body, type } = content;
  const msgtype = type === 'm.room.message' ? (content.msgtype ?? '') : type;
  const isText = msgtype === 'm.text' || msgtype === 'm.notice' || msgtype === 'm.emote';
  if (body === undefined) {
    return type === 'm.room.message'
      ? ['It was redacted before it was reported: nothing of it is left.']
      : ['It is not a message but ', code(cut(type)), '.'];
  }
  return [...(isText ? [] : [code(cut(msgtype, 40)), ' ']), hiddenWords(body, isAskedFor)];
}

/** What people see instead: the formatted text and the edits, if these say something else. */
function otherWords(
  { body, formatted, edits = [] }: ReportedContent,
  isAskedFor: boolean,
): Block[] {
  const wordings = [{ body, formatted }, ...edits];
  return wordings.flatMap((words, at) => {
    const before = wordings[at - 1];
    return [
      ...(before === undefined || words.body === undefined || words.body === before.body
        ? []
        : [line('Edited to: ', hiddenWords(words.body, isAskedFor))]),
      ...(words.formatted === undefined || !saysOtherwise(words)
        ? []
        : [line('Shown as: ', hiddenWords(words.formatted, isAskedFor))]),
    ];
  });
}

/** Whether clients that show formatting show something else than the plain text. */
export function saysOtherwise({ body, formatted }: Pick<ReportedContent, 'body' | 'formatted'>) {
  return formatted !== undefined && bare(formatted) !== bare(body ?? '');
}

/** The text without the characters that formatting removes: `**no**` is shown as **no**. */
function bare(text: string): string {
  return text.replaceAll(/[\s\p{P}\p{Sm}\p{Sk}]/gu, '');
}

function hiddenWords(text: string, isAskedFor: boolean): Inline {
  return hidden(text, { plainText: isAskedFor, length: isAskedFor ? shownBody * 5 : shownBody });
}

function hidden(
  text: string,
  { plainText, length }: { readonly plainText: boolean; readonly length: number },
): Inline {
  const shown = `“${inert(text.slice(0, maxReadBody), length)}”`;
  return spoiler(shown, plainText ? shown : `(hidden: ${count(text.length, 'character')})`);
}

/**
 * When, how old the account was, and what was there before: what weighs most for a decision.
 *
 * @param at how to write a time: people read a card for days, and an answer right away
 */
export function circumstances(story: ItemStory, at: (atMs: number) => string): Block {
  const { item, earlier } = story;
  const sentAt = readContent(item.content)?.sentAt;
  return facts(
    sentAt === undefined ? `reported ${at(item.lastReportAt)}` : `sent ${at(sentAt)}`,
    item.senderCreatedAt !== null &&
      `account ${span(item.lastReportAt - item.senderCreatedAt)} old when it was reported`,
    earlier.count > 0 &&
      `${count(earlier.count, 'earlier item')}${earlier.resolved > 0 ? `, ${earlier.resolved} resolved` : ''}`,
  );
}

/** The link to the message. */
export function linkTo(item: ReportItem): Block[] {
  return item.kind === 'event' && item.roomId !== null
    ? [line('Message: ', link('open it', matrixToLink(item.roomId, item.subject)))]
    : [];
}

/** `#12`, as people say it. */
export function itemNumber({ id }: Pick<ReportItem, 'id'>): Inline {
  return bold(`#${id}`);
}
