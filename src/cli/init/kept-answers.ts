import { readFileSync, rmSync, writeFileSync } from 'node:fs';

import { z } from 'zod';

import { SetupError } from '../../core/errors.ts';
import { parseRoomAlias, parseRoomId } from '../../core/ids.ts';
import { systemCodeOf } from '../../core/system-error.ts';

const text = z.string().min(1).optional().catch(undefined);
const list = z.array(z.string()).readonly().optional().catch(undefined);

const answers = z.object({
  homeserver: text,
  adminUrl: text,
  adminUser: text,
  botName: text,
  room: z
    .string()
    .transform((named) => parseRoomId(named) ?? parseRoomAlias(named))
    .optional()
    .catch(undefined),
  admins: list,
  moderators: list,
  isEncrypted: z.boolean().optional().catch(undefined),
});

/** What an unfinished run was told, by options or by the person at the terminal. No secrets. */
export type Answers = z.infer<typeof answers>;

/** The file that holds the answers until a run has finished. */
export function answersFile(configFile: string): string {
  return `${configFile}.unfinished`;
}

/** What an earlier run has kept; empty if there is nothing that can be read. */
export function keptAnswers(configFile: string): Answers {
  try {
    return answers.parse(JSON.parse(readFileSync(answersFile(configFile), 'utf8')));
  } catch {
    return {};
  }
}

/**
 * Keeps answers, so that a run that continues doesn't ask for them again.
 *
 * @param told replaces what was kept under the same names; undefined removes it
 * @throws SetupError the file can't be written
 */
export function keepAnswers(configFile: string, told: Answers): void {
  const file = answersFile(configFile);
  const kept = { ...keptAnswers(configFile), ...told };
  try {
    writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    const code = systemCodeOf(error);
    throw new SetupError(
      `Can’t write ${file} (${code}).`,
      'Check the permissions of its folder, or choose another file with --config.',
    );
  }
}

/** Forgets the answers: what they were needed for is done. */
export function forgetAnswers(configFile: string): void {
  rmSync(answersFile(configFile), { force: true });
}
