import { code, spoiler } from '../../../chat/answers/answer.ts';
import type { Inline } from '../../../chat/answers/answer.ts';
import { saysOtherwise } from '../../../chat/answers/report-item.ts';
import { visible, withoutLinks } from '../../../chat/answers/untrusted-text.ts';
import { cut } from '../../../core/text.ts';
import { contentOf } from '../../../services/reports/reported-content.ts';
import type { RoomEvent } from '../../../services/services.ts';
import { shownContent } from './event-content.ts';

/** Characters of a message that are shown in a list. 25 messages fit into one answer, whatever they hold. */
const shownLength = 150;
/** Characters that are examined: far more than are shown. */
const examinedLength = 4000;

/** What an event has lost or hides from us; undefined if there is content to read. */
function whyHidden({ type, redactedBecause }: RoomEvent): string | undefined {
  if (redactedBecause !== null) {
    return `redacted by ${redactedBecause.sender}`;
  }
  return type === 'm.room.encrypted' ? 'encrypted' : undefined;
}

/** What a message says, in one short line: the text as most clients show it, behind a spoiler. */
export function messageWords(event: RoomEvent): Inline[] {
  const why = whyHidden(event);
  if (why !== undefined) {
    return [`(${cut(why, 255)})`];
  }
  const { type, content, lastEdit } = event;
  const seen = contentOf({ type, content: newContentOf(content) ?? shownContent(event) });
  // An edit without a text hides nothing.
  const kept = seen.body === undefined ? contentOf({ type, content }) : seen;
  const text = saysOtherwise(kept) ? kept.formatted : kept.body;
  if (text === undefined) {
    return [code(cut(type))];
  }
  // Cut after odd characters were made visible, since they then take more room.
  const shown = `“${cut(visible(withoutLinks(text.slice(0, examinedLength))), shownLength)}”`;
  const { msgtype } = kept;
  const isText = msgtype === 'm.text' || msgtype === 'm.notice' || msgtype === 'm.emote';
  const notes = [
    isEdit(content) ? 'edits an earlier message' : undefined,
    lastEdit === null ? undefined : 'edited',
    saysOtherwise(kept) ? 'its plain text differs' : undefined,
  ].filter((note) => note !== undefined);
  return [
    ...(isText ? [] : [code(cut(msgtype ?? type, 40)), ' ']),
    spoiler(shown, shown),
    ...(notes.length === 0 ? [] : [` (${notes.join(', ')})`]),
  ];
}

/** What an edit puts in the place of an earlier message; undefined if the event is not an edit. */
export function newContentOf(content: Readonly<Record<string, unknown>>): unknown {
  return isEdit(content) ? content['m.new_content'] : undefined;
}

function isEdit(content: Readonly<Record<string, unknown>>): boolean {
  const relation = content['m.relates_to'];
  return (
    typeof relation === 'object' &&
    relation !== null &&
    'rel_type' in relation &&
    relation.rel_type === 'm.replace'
  );
}

/** What programs learn of an event: not what it says, which the answer shows once. */
export function eventData({
  eventId,
  sender,
  type,
  stateKey,
  originServerTs,
  ...event
}: RoomEvent) {
  return {
    eventId,
    sender,
    type,
    ...(stateKey === null ? {} : { stateKey }),
    originServerTs,
    redacted: event.redactedBecause !== null,
    encrypted: type === 'm.room.encrypted',
    edited: event.lastEdit !== null,
  };
}
