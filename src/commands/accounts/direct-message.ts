import { line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { DeniedError, HomeserverError, UnreachableError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { generatePassword } from '../../services/accounts/password.ts';
import type { DirectAnswer } from '../../services/services.ts';

type Asked = Pick<Context, 'actor' | 'services'>;

/**
 * Opens the asker's direct room, for a secret that nobody else may see. To be called before the
 * change, so that a room that can't be opened prevents it.
 *
 * @throws DeniedError a rule has asked
 * @throws TargetError the asker could not read it
 * @throws HomeserverError, UnreachableError it can't be opened
 */
export async function openDirectAnswer({ actor, services }: Asked): Promise<DirectAnswer> {
  if (actor.kind !== 'person') {
    throw new DeniedError('a secret can be sent to a person alone');
  }
  return services.bot.openDirect(actor.user);
}

/**
 * For previews: nobody is asked to confirm a change whose secret they could not read.
 *
 * @throws TargetError the asker could not read it, and what to do
 */
export async function assertWhisperIsReadable({ actor, services }: Asked): Promise<void> {
  if (actor.kind === 'person') {
    await services.bot.assertDirectIsReadable(actor.user);
  }
}

/** Whether it arrived. The change is made by now: what goes wrong here must not look like its failure. */
export async function whispered(
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
      await whispered(directAnswer, [
        `The homeserver did not say whether ${user} got this password:`,
        password,
        'Where the room says that it was done, it is the right one.',
      ]);
    }
    throw error;
  }
  const sent = await whispered(directAnswer, [
    `The new password of ${user}:`,
    password,
    'Pass it on where nobody else reads it, and have it changed at the first login.',
  ]);
  return { result, sent };
}

function mayHaveHappened(error: unknown): boolean {
  return (
    (error instanceof HomeserverError || error instanceof UnreachableError) && error.mayHaveHappened
  );
}

/** Says where the password is, and what to do where it got lost. */
export function passwordLine(sent: boolean, user: UserId, prefix: string): Block {
  return sent
    ? line('I have sent you the password in our direct room, and remove it there after a while.')
    : line('The password could not be sent to you, and is lost. Make another: ', {
        kind: 'code',
        text: `${prefix}reset-password ${idWord(user)}`,
      });
}
