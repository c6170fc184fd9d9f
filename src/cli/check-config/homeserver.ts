import type { HomeserverAnswers, HomeserverConfig } from '../../app/setup/homeserver.ts';
import { failed, passed } from './check.ts';
import type { Check } from './check.ts';

/** Whether the bot can work on a homeserver. If there are several, each line begins with the homeserver's name. */
export async function checkHomeserver(
  { homeserver }: HomeserverConfig,
  answers: HomeserverAnswers,
): Promise<Check[]> {
  const { url, adminUrl = url, serverName } = homeserver;
  const checks = await checksOf({ url, adminUrl }, answers);
  return serverName === undefined
    ? checks
    : checks.map((check) => ({ ...check, message: `${serverName}: ${check.message}` }));
}

async function checksOf(
  { url, adminUrl }: { readonly url: string; readonly adminUrl: string },
  answers: HomeserverAnswers,
): Promise<Check[]> {
  try {
    await answers.botUser;
  } catch (error) {
    return [failed('token', error)];
  }
  const botUser = await answers.botUser;
  const [mas, admin] = await Promise.all([
    answers.delegatedTo.then(
      (delegatedTo) =>
        delegatedTo === undefined
          ? []
          : [
              passed(
                'mas',
                `mas.url: accounts are delegated to the Matrix Authentication Service ${delegatedTo.version} (${delegatedTo.issuer})`,
              ),
            ],
      (error: unknown) => [failed('mas', error)],
    ),
    answers.serverVersion.then(
      (version) =>
        passed('admin', `${botUser}: a server admin of Synapse ${version} (${adminUrl})`),
      (error: unknown) => failed('admin', error),
    ),
  ]);
  // What is wrong with MAS keeps the bot from asking whether it is an admin.
  const isSame = mas.some(({ message }) => message === admin.message);
  return [passed('token', `${url}: the token is valid`), ...mas, ...(isSame ? [] : [admin])];
}
