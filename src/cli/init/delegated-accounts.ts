import { commandsAtMas, linesForMas } from '../../app/setup/delegation.ts';
import { SetupError } from '../../core/errors.ts';
import { findDelegation } from '../../homeserver/mas/delegation.ts';
import { attempt } from './attempt.ts';
import type { InitOptions } from './options.ts';

/**
 * Ends `init` before it asks anything else if the homeserver delegates its accounts to the Matrix
 * Authentication Service: only people on the machine of that service can make the account and its token.
 *
 * @param url the client API
 * @throws SetupError it does; with all that is to be done instead
 */
export async function assertKeepsAccounts(
  url: string,
  { botName, configFile }: Pick<InitOptions, 'botName' | 'configFile'>,
): Promise<void> {
  const delegation = await attempt(`ask ${url} who keeps the accounts`, async () =>
    findDelegation(url, { isLikely: false }),
  );
  if (delegation === undefined) {
    return;
  }
  throw new SetupError(
    `${url} delegates its accounts to the Matrix Authentication Service (MAS) at ${delegation.issuer}, so lawspeaker init can’t make the bot’s account.`,
    [
      'Do this instead; docs/mas.md explains it:',
      '1. On the machine of MAS, make the bot’s account and a token for it:',
      ...commandsAtMas(botName).map((command) => `  ${command}`),
      '2. Add the bot as a client to the configuration of MAS, and restart MAS:',
      ...linesForMas,
      `3. Copy config/example.yaml to ${configFile}, and set in it homeserver.url to ${url}, homeserver.accessToken to the token, and mas.url, mas.clientId and mas.clientSecret.`,
      '4. Make a private room, invite the bot, and set managementRoom to the room’s ID.',
      `5. Run: lawspeaker check-config --config ${configFile}`,
    ].join('\n'),
  );
}
