import { positional } from '../../../chat/command/arguments.ts';
import { UsageError } from '../../../core/errors.ts';
import { tagNamePattern, tagNameRule } from '../../../core/tag-name.ts';
import { cut } from '../../../core/text.ts';

export const tagArgument = positional('word', `The tag: ${tagNameRule}`, { placeholder: 'NAME' });

/**
 * @param otherwise what to do if it was not meant as a tag
 * @throws UsageError no tag can have this name
 */
export function checkTagName(name: string, otherwise?: string): void {
  if (!tagNamePattern.test(name)) {
    const meant = name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/gu, '-')
      .replaceAll(/^-|-$/gu, '')
      .slice(0, 32);
    throw new UsageError(`\`${cut(name)}\` can’t be a tag.`, {
      word: name,
      advice: [
        `A tag is made of ${tagNameRule}.`,
        ...(otherwise === undefined ? [] : [otherwise]),
        ...(meant === '' || otherwise !== undefined ? [] : [`Did you mean \`${meant}\`?`]),
      ].join(' '),
    });
  }
}
