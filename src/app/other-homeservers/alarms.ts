import { bold, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { span } from '../../chat/answers/phrases.ts';
import { UnreachableError } from '../../core/errors.ts';
import type { Finding } from './look.ts';

/** Why nothing can be done on a homeserver, without its name. */
export function reasonOf({ error }: Pick<Finding, 'error'>): string {
  return error instanceof UnreachableError ? error.reason : error.message;
}

/** Tells that nothing can be done on one of several homeservers. */
export function cannotBeUsed(
  serverName: string,
  found: Finding & { readonly since: number },
): Answer {
  const isAway = found.kind === 'away';
  return {
    mark: '⚠️',
    title: [
      bold(
        isAway
          ? `${serverName} has not answered for ${span(Date.now() - found.since)}: `
          : `I can’t work on ${serverName}: `,
      ),
      reasonOf(found),
    ],
    body: [
      ...(found.error.advice ?? '')
        .split('\n')
        .flatMap((text) => (text === '' ? [] : [line(text)])),
      line(
        isAway
          ? 'Commands about it fail at once, and no reports from it arrive. I keep trying, and say when it answers again.'
          : 'Commands about it fail, and no reports from it arrive, until this is mended. I try again every few minutes. If you change my configuration, restart me.',
      ),
      line('Everything else works.'),
    ],
    data: { homeserver: serverName },
  };
}

/** Tells that the bot can work on a homeserver again. */
export function answersAgain(serverName: string, afterMs: number): Answer {
  return {
    mark: '✅',
    title: [bold(`I can work on ${serverName} again`), `, after ${span(afterMs)}`],
    data: { homeserver: serverName },
  };
}
