import type { RoomId, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { idWord } from '../reading/values.ts';
import { bold, code, line } from './answer.ts';
import type { Block, Content } from './answer.ts';

/** A user or room that a read-only command asks about and that this server does not have, or may not have. */
export interface Absent {
  readonly id: UserId | RoomId;
  readonly kind: 'account' | 'room';
  /**
   * `absent`: the server does not have it. `unchecked`: it could not be asked. `elsewhere`: an account of
   * another server, whose ID looks like one of this server.
   */
  readonly state: 'absent' | 'unchecked' | 'elsewhere';
  /** Accounts that may be meant instead. */
  readonly similar: readonly UserId[];
}

/** The title of an answer that found nothing: it says what is absent, not only that nothing is known. */
export function absentTitle(absent: readonly Absent[]): Content | undefined {
  const one = absent.find(({ state }) => state !== 'unchecked');
  return one === undefined ? undefined : titleOf(one);
}

function titleOf({ id, kind, state }: Absent): Content {
  const name = code(cut(id, 255));
  if (state === 'elsewhere') {
    return [bold('This account is on another server: '), name];
  }
  return [
    bold(kind === 'account' ? 'There is no account ' : 'This server doesn’t know the room '),
    name,
  ];
}

/** The lines after an answer that say what doesn't exist now, and what may be meant instead. */
export function absentLines(absent: readonly Absent[], isNothing: boolean): Block[] {
  const titled = isNothing ? absent.find(({ state }) => state !== 'unchecked') : undefined;
  return absent.flatMap((one): Block[] => {
    const guess: Content =
      one.similar.length === 0
        ? []
        : [
            'Did you mean ',
            ...one.similar.flatMap((id, at) => [
              ...(at === 0 ? [] : [' or ']),
              code(id === idWord(id) ? id : idWord(id)),
            ]),
            '?',
          ];
    if (one === titled) {
      return guess.length === 0 ? [] : [line(...guess)];
    }
    const name = code(cut(one.id, 255));
    const space = guess.length === 0 ? [] : [' ', ...guess];
    switch (one.state) {
      case 'unchecked':
        return [
          line(
            'The homeserver can’t be asked now whether there is ',
            one.kind === 'account' ? 'an account ' : 'a room ',
            name,
            '.',
          ),
        ];
      case 'absent':
        return [
          line(
            one.kind === 'account'
              ? 'This account does not exist now: '
              : 'This server doesn’t have this room now: ',
            name,
            '.',
            ...space,
          ),
        ];
      case 'elsewhere':
        return [line(name, ' is on another server.', ...space)];
    }
  });
}
