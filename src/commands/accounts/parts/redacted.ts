import { amount, count } from '../../../chat/answers/phrases.ts';
import type { RoomShare } from '../../../services/redaction/user-redaction.ts';

/** What somebody has sent to one room, or to several. */
type Sent = Pick<RoomShare, 'messages' | 'joins' | 'isMore'>;

export function sumOf(shares: readonly Sent[], what: 'messages' | 'joins'): number {
  return shares.reduce((sum, share) => sum + share[what], 0);
}

/** `more than 1,000 messages and 2 joins` */
export function sentOf(shares: readonly Sent[]): string {
  const [messages, joins] = [sumOf(shares, 'messages'), sumOf(shares, 'joins')];
  const more = shares.some(({ isMore }) => isMore) ? 'more than ' : '';
  if (messages === 0 && more === '') {
    return count(joins, 'join');
  }
  const sent =
    messages === 0 ? 'an unknown number of messages' : `${more}${amount(messages, 'message')}`;
  return joins === 0 ? sent : `${sent} and ${count(joins, 'join')}`;
}
