/** Access and refresh tokens as Synapse and the Matrix Authentication Service write them. */
const token = /\b(?:syt|syr|mct|mcr|mat|mar)_[\w=-]{12,}/u;
/** A password given to a command that takes none: as a flag, or as a word behind the user. */
const passwordFlag = /[-–—]+(?:new-)?password[=\s]+\S/iu;
const passwordWord = /^(?:reset-password|create-user)\s+\S+\s+(?![-–—@])\S/iu;

/**
 * Whether a message holds a secret that nobody in the room should read.
 *
 * @param commandLine the command in it, without prefix, if there is one
 */
export function holdsSecret(text: string, commandLine: string | undefined): boolean {
  return (
    token.test(text) ||
    (commandLine !== undefined &&
      (passwordFlag.test(commandLine) || passwordWord.test(commandLine)))
  );
}
