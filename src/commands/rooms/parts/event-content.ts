import { code, line } from '../../../chat/answers/answer.ts';
import type { Block } from '../../../chat/answers/answer.ts';
import { untrustedText } from '../../../chat/answers/untrusted-text.ts';
import { parseMxcUri } from '../../../core/ids.ts';
import type { MxcUri } from '../../../core/ids.ts';
import { cut } from '../../../core/text.ts';
import type { RoomEvent } from '../../../services/redaction/event-redaction-plan.ts';

/** What people see of an event: the last edit, if there is one. */
export function shownContent({ content, lastEdit }: RoomEvent): Readonly<Record<string, unknown>> {
  const edited = lastEdit?.content['m.new_content'];
  return typeof edited === 'object' && edited !== null
    ? (edited as Readonly<Record<string, unknown>>)
    : content;
}

/** What an event says, for whoever decides about it: cut, and without working links. */
export function eventContent(event: RoomEvent, length: number): Block[] {
  const { type, stateKey } = event;
  const content = shownContent(event);
  if (type === 'm.room.encrypted') {
    return [line('It is encrypted: only members of the room can read it.')];
  }
  if (Object.keys(content).length === 0) {
    return [line('It is empty.')];
  }
  const { body, msgtype } = content;
  if (type !== 'm.room.message' || stateKey !== null || typeof body !== 'string') {
    return [line(code(cut(type)), ' ', untrustedText(JSON.stringify(content), length))];
  }
  const isText = msgtype === 'm.text' || msgtype === 'm.notice' || msgtype === 'm.emote';
  return [
    line(
      ...(isText || typeof msgtype !== 'string' ? [] : [code(cut(msgtype, 40)), ' ']),
      untrustedText(body, length),
      ...(event.lastEdit === null ? [] : [' (edited)']),
    ),
  ];
}

/** The file that an event shows; undefined if it shows none. */
export function fileOf(event: RoomEvent): MxcUri | undefined {
  const { url, file } = shownContent(event);
  const encrypted =
    typeof file === 'object' && file !== null && 'url' in file ? file.url : undefined;
  const uri = url ?? encrypted;
  return typeof uri === 'string' ? parseMxcUri(uri) : undefined;
}
