import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { readReference, readUser, textFor } from '../reading/values.ts';
import type { ReadingContext, Word } from '../reading/values.ts';
import type { Argument } from './arguments.ts';

/**
 * How many words before a text are users: the first `least`, and those after them that are full IDs or links.
 * The last word belongs to the text.
 */
export function countUsers(words: readonly Word[], least: number): number {
  const textAt = words.findIndex((word, at) => at >= least && !namesUsers(word));
  return Math.max(least, Math.min(textAt === -1 ? words.length : textAt, words.length - 1));
}

/** How many words before rooms are users: the first `least`, and those up to the first room. */
export function countBeforeRooms(words: readonly Word[], least: number): number {
  const roomAt = words.findIndex(
    (word, at) => at >= least && readReference(textFor(word, 'room'))?.kind === 'room',
  );
  return roomAt === -1 ? words.length : roomAt;
}

/** Whether a word before a text is one or several users by their full IDs, or a comma between them. */
function namesUsers(word: Word): boolean {
  return isComma(word) || isFullUser(word) || severalUsers(word) !== undefined;
}

function isComma({ text }: Word): boolean {
  return /^[,;]+$/u.test(text);
}

export function isFullUser(word: Word): boolean {
  return readReference(textFor(word, 'account'))?.kind === 'user';
}

/** The parts of a word between commas and semicolons: `a,b`. */
function partsOf({ text, exact }: Word): Word[] {
  return text
    .split(/[,;]/u)
    .map((part) => ({ text: part, exact }))
    .filter((part) => textFor(part, 'account') !== '');
}

/**
 * The users in a word such as `@a:x,@b:x`; undefined if it is not several full IDs or links. No server's name
 * contains a comma, so this can't be one ID. But an old user's name can: `@a,b:x`, and also `@a,@b:x`.
 */
function severalUsers(word: Word): Word[] | undefined {
  const parts = partsOf(word);
  const isOne = isFullUser(word) && !goesOnAfterQuery(word);
  return !word.exact && parts.length > 1 && !isOne && parts.every(isFullUser) ? parts : undefined;
}

/** Whether a link has a comma after its query, which says nothing about the user: another user may follow. */
function goesOnAfterQuery({ text }: Word): boolean {
  return /\?.*[,;]/u.test(text);
}

/**
 * The words that a person means by one with commas in it: `@a:x,@b:x`.
 *
 * @throws UsageError it may be several users, or one whose name contains a comma
 */
export function splitAtCommas(
  word: Word,
  { kind }: Argument,
  { serverName }: ReadingContext,
): Word[] {
  const parts = partsOf(word);
  if (kind !== 'account' || word.exact) {
    return [word];
  }
  if (isFullUser(word)) {
    return severalUsers(word) ?? [word];
  }
  if (parts.length < 2) {
    // A comma may have spaces around it.
    return isComma(word) ? [] : [word];
  }
  const several = severalUsers(word);
  const names = parts.map((part) => textFor(part, kind));
  if (several !== undefined || names.some((name) => readUser(name, serverName) === undefined)) {
    return several ?? [word];
  }
  const one = readUser(textFor(word, kind), serverName);
  throw new UsageError(`\`${cut(word.text)}\` may be one user or several.`, {
    word: word.text,
    advice: [
      `Put spaces between users: \`${cut(names.join(' '), maxAdviceLength)}\`.`,
      ...(one === undefined ? [] : [`If it is the name of one user, write \`${cut(one)}\`.`]),
    ].join(' '),
  });
}

/** Characters of a corrected line that are shown. */
const maxAdviceLength = 200;
