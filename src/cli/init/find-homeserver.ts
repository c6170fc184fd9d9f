import { ForeignAnswerError, HomeserverError, SetupError } from '../../core/errors.ts';
import { createRegistrationApi } from '../../homeserver/admin/registration.ts';
import { createSessionApi } from '../../homeserver/client/session.ts';
import { asAnswer, useAnswer } from './asking.ts';
import type { Asking } from './asking.ts';
import { attempt } from './attempt.ts';

/** Where the two APIs of the homeserver answer. */
export interface Place {
  readonly url: string;
  /** The same as `url` if `/_synapse/admin` answers there. */
  readonly adminUrl: string;
}

/**
 * Finds the homeserver, and where its admin API answers: many proxies block it.
 *
 * @param given the URLs that are known
 * @param check throws if `init` can't work with the homeserver at this URL, before more is asked
 * @throws SetupError what is wrong there, and what to do
 */
export async function findHomeserver(
  given: { readonly url: string | undefined; readonly adminUrl: string | undefined },
  asking: Asking,
  check: (url: string) => Promise<void> = async () => undefined,
): Promise<Place> {
  const { say } = asking;
  const url = await useAnswer(
    given.url,
    {
      text: 'URL of the homeserver, such as https://matrix.example.com',
      option: '--homeserver',
    },
    asking,
    async (answer) => asAnswer(async () => findClientApi(readUrl(answer), say)),
  );
  await check(url);
  const version = given.adminUrl === undefined ? await findVersion(url) : undefined;
  const found =
    version === undefined
      ? await findAdminApi(url, given.adminUrl, asking)
      : { adminUrl: url, version };
  say(`${url}: a Matrix homeserver`);
  for (const unencrypted of new Set([url, found.adminUrl].filter(isOpenToEavesdroppers))) {
    say(`${unencrypted}: not encrypted on the way. Use it only in a network that you trust.`);
  }
  const ofSynapse = found.version === '' ? '' : ` of Synapse ${found.version}`;
  say(`${found.adminUrl}: the admin API${ofSynapse}`);
  return { url, adminUrl: found.adminUrl };
}

/** The URL of the client API: what was given, or what the server there names as its homeserver. */
async function findClientApi(given: string, say: (line: string) => void): Promise<string> {
  const notThere = await whyNoHomeserver(given);
  if (notThere === undefined) {
    return given;
  }
  const named = (await createSessionApi(given).discover())?.replace(/\/+$/u, '');
  if (named === undefined || named === given || !isUrl(named)) {
    throw notThere;
  }
  say(`${given}: names ${named} as its homeserver`);
  const alsoNotThere = await whyNoHomeserver(named);
  if (alsoNotThere !== undefined) {
    throw alsoNotThere;
  }
  return named;
}

async function whyNoHomeserver(url: string): Promise<SetupError | undefined> {
  try {
    await attempt(
      `find a homeserver at ${url}`,
      async () => createSessionApi(url).versions(),
      () => noHomeserver(url),
    );
    return undefined;
  } catch (error) {
    if (error instanceof SetupError) {
      return error;
    }
    throw error;
  }
}

function noHomeserver(url: string): SetupError {
  return new SetupError(
    `${url} does not answer as a Matrix homeserver.`,
    'Give the URL of the client API: your clients use it, and https://SERVER/.well-known/matrix/client often names it.',
  );
}

/** Where the admin API answers, which is not at `url`. */
async function findAdminApi(
  url: string,
  given: string | undefined,
  asking: Asking,
): Promise<{ readonly adminUrl: string; readonly version: string }> {
  if (given === undefined) {
    const problem = `${url} does not pass /_synapse/admin on: many proxies block it.`;
    if (asking.terminal === undefined) {
      throw new SetupError(`Missing: --admin-url. ${problem}`, whereSynapseListens);
    }
    asking.say(problem);
  }
  return useAnswer(
    given,
    {
      text: 'URL where Synapse itself listens, such as http://127.0.0.1:8008',
      option: '--admin-url',
    },
    asking,
    async (answer) =>
      asAnswer(async () => {
        const adminUrl = readUrl(answer);
        const version = await findVersion(adminUrl);
        if (version === undefined) {
          throw new SetupError(
            `There is no Synapse admin API at ${adminUrl}.`,
            `${whereSynapseListens} Or let the proxy pass /_synapse/admin on.`,
          );
        }
        return { adminUrl, version };
      }),
  );
}

const whereSynapseListens =
  'Give the address where Synapse itself listens, such as http://127.0.0.1:8008.';

/** Synapse's version: empty if it answers without saying, undefined if something else answers. */
async function findVersion(adminUrl: string): Promise<string | undefined> {
  try {
    return await createRegistrationApi(adminUrl).version();
  } catch (error) {
    if (error instanceof ForeignAnswerError) {
      if (error.status >= 500) {
        throw unavailable(adminUrl, error.status);
      }
      return undefined;
    }
    if (error instanceof HomeserverError) {
      // Old versions want to know who asks. Other homeservers don't know the path.
      return error.status === 401 || (error.status === 403 && error.errcode === 'M_FORBIDDEN')
        ? ''
        : undefined;
    }
    return attempt(`ask for the admin API at ${adminUrl}`, async () => {
      throw error;
    });
  }
}

function unavailable(adminUrl: string, status: number): SetupError {
  return new SetupError(
    `${adminUrl} answers with ${status}: a proxy does not reach Synapse.`,
    'Start Synapse, then run lawspeaker init again.',
  );
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:\/\//u.test(text);
}

/** Whether passwords and tokens travel through a network without TLS. */
function isOpenToEavesdroppers(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(?:localhost|127\..*|\[::1\])$/u.test(hostname);
}

/** @throws SetupError it is not an http(s) URL */
function readUrl(text: string): string {
  if (!isUrl(text)) {
    throw new SetupError(
      `${JSON.stringify(text)} is not a URL that begins with https:// or http://`,
    );
  }
  const { username, password, search, hash } = new URL(text);
  if (username !== '' || password !== '' || search !== '' || hash !== '') {
    throw new SetupError('The URL must have no user name, password, ? or # in it.');
  }
  return text.replace(/\/+$/u, '');
}
