import type { Registry } from '../../chat/command/declaration.ts';
import { writeStructured } from '../../chat/command/structured.ts';
import { UsageError } from '../../core/errors.ts';
import type { Incoming, Message } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { commandLineIn } from './command-line.ts';
import type { CommandLineContext } from './command-line.ts';

/** What reading a command that a client has sent as a field needs. */
export type StructuredContext = CommandLineContext & {
  readonly settings: Pick<Settings, 'announcesCommands'>;
};

/**
 * Puts the command line that a person would type into a message that carries a command as a field, if it is
 * for this bot. From there on it is a message like any other: the same roles, confirmation and audit.
 */
export function withCommandLine(context: StructuredContext, incoming: Incoming): Incoming {
  if (incoming.kind !== 'message' || incoming.structured === undefined) {
    return incoming;
  }
  const { structured, ...message } = incoming;
  const { announcesCommands, botUser, prefix } = context.settings;
  if (
    !announcesCommands ||
    message.heldSecret === true ||
    message.mentions?.includes(botUser) !== true
  ) {
    return message;
  }
  if (structured === 'unreadable') {
    return doubtful(
      message,
      `${prefix}help`,
      'Your client sent a command in a form unknown to me.',
    );
  }
  const command = context.registry.find(structured.command);
  const shown = shownCommand(context, message.text);
  try {
    const text = `${prefix}${writeStructured(structured, command)}`.toWellFormed();
    return shown === undefined || shown === command?.name
      ? withText(message, text)
      : doubtful(
          message,
          text,
          `The message shows \`${shown}\`, and carries the command \`${structured.command}\`.`,
        );
  } catch (error) {
    if (error instanceof UsageError) {
      return doubtful(message, `${prefix}${structured.command}`, error.message);
    }
    throw error;
  }
}

function doubtful(message: Message, text: string, doubt: string): Message {
  return { ...withText(message, text), doubt: message.doubt ?? doubt };
}

function withText(message: Message, text: string): Message {
  const { typed: _, ...rest } = message;
  return { ...rest, text };
}

/** The name of the command that the text of the message shows, if it shows one: `/ban`, `/ban@bot`, `!ban`. */
function shownCommand(
  context: CommandLineContext & { readonly registry: Pick<Registry, 'find'> },
  text: string,
): string | undefined {
  const line = commandLineIn(text, context) ?? /^\/(.*)/su.exec(text)?.[1] ?? '';
  const [word = ''] = line.slice(0, 300).split(/\s/u, 1);
  return context.registry.find(word.split('@', 1)[0] ?? '')?.name;
}
