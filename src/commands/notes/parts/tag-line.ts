import { idWord } from '../../../chat/reading/values.ts';
import type { Tag } from '../../../services/services.ts';

/** The command line that sets a tag as it was. */
export function tagLine({ subject, name, expiresAt }: Tag): string {
  const end = expiresAt === null ? '' : ` --until=${new Date(expiresAt).toISOString()}`;
  return `tag ${idWord(subject)} ${name}${end}`;
}
