import type { Answer } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Command, Registry } from '../../chat/command/declaration.ts';
import { helpForTopic, topicFor } from '../../chat/command/help-topics.ts';
import {
  commandsAbout,
  groupNamed,
  helpFor,
  helpForAll,
  helpForFlag,
  helpForGroup,
  helpForWord,
} from '../../chat/command/help.ts';
import { TargetError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';

type Found =
  | { readonly kind: 'one'; readonly command: Command; readonly others: readonly Command[] }
  | { readonly kind: 'several'; readonly commands: readonly Command[] };

export default defineCommand({
  name: 'help',
  aliases: ['commands'],
  synonyms: ['h', 'info', 'man', 'manual', 'usage'],
  summary: 'Lists the commands, or explains one',
  args: {
    topic: positional(
      'word',
      'A command, a group (accounts, devices, media, rooms, reports, server, bot), a flag, or a word to search for',
      { optional: true, dashes: true },
    ),
  },
  danger: 'read',
  example: 'help deactivate',
  async run({ args, registry, prefix }): Promise<Found | undefined> {
    const { topic } = args;
    if (topic === undefined || explanationOf(topic, registry, prefix) !== undefined) {
      return undefined;
    }
    if (topic.startsWith('--')) {
      throw new TargetError(
        'unknown',
        `no command has a flag \`${cut(topic)}\``,
        `\`${prefix}help COMMAND\` lists the flags of a command.`,
      );
    }
    const name = topic.startsWith(prefix) ? topic.slice(prefix.length) : topic;
    const command = registry.find(name);
    if (command === undefined) {
      const guess = registry.guess(name);
      const [first] = guess?.commands ?? [];
      const meant = guess?.kind === 'synonym' ? guess.commands : [];
      const found = [...new Set([...meant, ...commandsAbout(registry, name)])];
      if (found.length > 0) {
        return { kind: 'several', commands: found };
      }
      throw new TargetError(
        'unknown',
        `there is no command \`${name}\``,
        first === undefined
          ? `\`${prefix}help\` shows the groups of commands, and \`${prefix}help accounts\` lists those of a group.`
          : `Did you mean \`${prefix}help ${first.name}\`?`,
      );
    }
    const others = commandsAbout(registry, name).filter((other) => other !== command);
    return { kind: 'one', command, others };
  },
  answer({ args: { topic = '' }, registry, prefix, homeservers }, found) {
    if (found !== undefined) {
      return found.kind === 'several'
        ? helpForWord(topic, found.commands, prefix)
        : helpFor(found.command, prefix, found.others, homeservers);
    }
    return explanationOf(topic, registry, prefix) ?? helpForAll(registry, prefix);
  },
});

/** The answer about a group, a topic or a flag; undefined for other words. */
function explanationOf(word: string, registry: Registry, prefix: string): Answer | undefined {
  const group = groupNamed(word);
  if (group !== undefined) {
    return helpForGroup(registry, group, prefix);
  }
  // `--erase=true` is about `--erase`.
  const [, dashes, name = ''] = /^(-*)([^=]*)/u.exec(word) ?? [];
  const topic = topicFor(name);
  if (topic !== undefined) {
    return helpForTopic(topic, prefix);
  }
  return dashes === '' ? undefined : helpForFlag(registry, name, prefix);
}
