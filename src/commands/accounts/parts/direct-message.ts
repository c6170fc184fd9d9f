import { line } from '../../../chat/answers/answer.ts';
import type { Block } from '../../../chat/answers/answer.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import { idWord } from '../../../chat/reading/values.ts';
import { DeniedError, mayHaveHappened } from '../../../core/errors.ts';
import type { UserId } from '../../../core/ids.ts';
import { generatePassword } from '../../../services/accounts/password.ts';
import type { DirectAnswer } from '../../../services/services.ts';

type Asked = Pick<Context, 'actor' | 'services'>;

/**
 * Opens the asker's direct room, for a secret that nobody else may see. Call it before the change, so that a
 * room that can't be opened prevents the change.
 *
 * @throws DeniedError the asker is not a person
 * @throws TargetError the asker could not read it
 * @throws HomeserverError, UnreachableError the room can't be opened
 */
export async function openDirectAnswer({ actor, services }: Asked): Promise<DirectAnswer> {
  if (actor.kind !== 'person') {
    throw new DeniedError('only people can receive secrets');
  }
  return services.bot.openDirect(actor.user);
}

/**
 * For previews: nobody is asked to confirm a change whose secret they could not read.
 *
 * @throws TargetError the asker could not read it; the error says what to do
 */
export async function assertDirectIsReadable({ actor, services }: Asked): Promise<void> {
  if (actor.kind === 'person') {
    await services.bot.assertDirectIsReadable(actor.user);
  }
}

/** For previews: who gets the secret, `only to @ana:example.com`. */
export function onlyTo({ actor }: Pick<Asked, 'actor'>): string {
  return `only to ${actor.kind === 'person' ? actor.user : 'nobody'}`;
}

/** Says that a secret has arrived: `I sent you the password …` */
export function sentDirect(what: string): Block {
  return line(`I sent you ${what} in a direct message. It will be removed there after a while.`);
}

/** Whether the secret arrived. The change is made by now, so an error here must not look like its failure. */
export async function sendDirect(
  directAnswer: DirectAnswer,
  lines: readonly string[],
): Promise<boolean> {
  try {
    await directAnswer(lines);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes a change that needs a new password, and sends that to the asker alone.
 *
 * @param change gets the password; what it throws is passed on
 * @returns what `change` gave, and whether the password has arrived
 */
export async function withNewPassword<Result>(
  context: Asked,
  user: UserId,
  change: (password: string) => Promise<Result>,
): Promise<{ result: Result; sent: boolean }> {
  const directAnswer = await openDirectAnswer(context);
  const password = generatePassword();
  let result: Result;
  try {
    result = await change(password);
  } catch (error) {
    if (mayHaveHappened(error)) {
      await sendDirect(directAnswer, [
        `The homeserver did not say whether this password was set for ${user}:`,
        password,
        'If the room says that it was done, this password is the right one.',
      ]);
    }
    throw error;
  }
  const sent = await sendDirect(directAnswer, [
    `The new password of ${user}:`,
    password,
    'Pass it on privately, and ask them to change it at the first login.',
  ]);
  return { result, sent };
}

/** Says where the password is, or what to do if it is lost. */
export function passwordLine(sent: boolean, user: UserId, prefix: string): Block {
  return sent
    ? sentDirect('the password')
    : line('The password could not be sent to you and is lost. Create another one: ', {
        kind: 'code',
        text: `${prefix}reset-password ${idWord(user)}`,
      });
}
