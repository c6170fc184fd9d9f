import type { Command, Protects } from '../../chat/command/declaration.ts';
import { ProtectedError, TargetError } from '../../core/errors.ts';
import { mxcParts, parseUserId, serverNameOf } from '../../core/ids.ts';
import type { MxcUri, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { StoredMedia } from '../../services/services.ts';
import type { House } from '../house.ts';
import type { Authorized } from '../stages.ts';

/** At most this many protected accounts are asked whether they have an equal file. */
const maxAccounts = 100;
/** The newest files of each that are compared. */
const comparedFiles = 500;

/** The files that an invocation names. A message may name anybody's: an address is no proof of whose it is. */
function mediaIn(
  command: Command,
  values: Readonly<Record<string, unknown>>,
): { readonly argument: string; readonly uri: MxcUri }[] {
  return Object.entries(command.args)
    .filter(([, { kind }]) => kind === 'media')
    .flatMap(([argument]) =>
      [values[argument]]
        .flat()
        .filter((uri) => uri !== undefined && uri !== null)
        .map((uri) => ({ argument, uri: uri as MxcUri })),
    );
}

/**
 * Looks up whose the files are that a command changes. Holds for every argument of the kind `media`:
 *
 * - A file of a protected account, or one that equals a protected account's, is refused like the account
 *   itself: Synapse treats equal files as one.
 * - What a rule does, or a card fills in, is about the reported message's sender: a file of anybody else
 *   is refused, and its owner named.
 *
 * The owner of another server's file is not known; its server is.
 *
 * @throws ProtectedError, TargetError nothing was changed
 * @throws UnreachableError, HomeserverError whose they are can't be found out
 */
export async function assertMediaMayBeTouched(
  house: House,
  { command, danger, invocation }: Authorized,
  protects: Protects,
): Promise<void> {
  if (danger === 'read') {
    return;
  }
  const { actor, filledIn = [], overrideProtection } = invocation;
  for (const { argument, uri } of mediaIn(command, invocation.arguments)) {
    const file = await house.services.media.find(uri);
    if (file === undefined) {
      // The command itself says that it isn't there.
      continue;
    }
    if (protects !== false) {
      await assertNotProtected(house, uri, file, overrideProtection === true);
    }
    if (actor.kind === 'rule' || filledIn.includes(argument)) {
      await assertOfSender(house, { uri, file, command, invocation });
    }
  }
}

async function assertNotProtected(
  house: House,
  uri: MxcUri,
  file: StoredMedia,
  overrides: boolean,
): Promise<void> {
  const { botUser, prefix } = house.settings;
  const owner = file.userId;
  const protection = owner === null ? undefined : await protectionOf(house, owner);
  if (owner !== null && protection !== undefined) {
    if (owner === botUser || !overrides) {
      throw new ProtectedError(
        `${owner} has uploaded \`${uri}\`, and ${protection}`,
        owner === botUser ? 'Nothing was changed.' : insist,
      );
    }
    return;
  }
  if (overrides || file.sha256 === null) {
    return;
  }
  const equal = await protectedTwin(house, file.sha256, owner);
  if (equal !== undefined) {
    throw new ProtectedError(
      `\`${uri}\` equals a file of ${equal.owner}, who ${equal.protection}, and Synapse treats equal files as one`,
      `${insist} \`${prefix}media ${equal.owner}\` lists it.`,
    );
  }
}

const insist =
  'Nothing was changed. An admin of this room can insist with `--override-protection`.';

async function protectionOf(house: House, user: UserId): Promise<string | undefined> {
  const isLocal = serverNameOf(user) === house.settings.serverName;
  const account = isLocal ? await house.findAccount(user) : undefined;
  return house.roles.protection({ name: user, admin: account?.admin ?? false });
}

/**
 * A protected account that has uploaded the same file. Asked of the members of the room and the server
 * admins; whom a pattern of the configuration protects can't be listed.
 */
async function protectedTwin(
  house: House,
  sha256: string,
  owner: UserId | null,
): Promise<{ readonly owner: UserId; readonly protection: string } | undefined> {
  const { services, members, roles, settings } = house;
  const admins = await services.api.users.list({ admins: true, limit: maxAccounts });
  const isAdmin = new Set(admins.users.map(({ name }) => name));
  const candidates = [...new Set([settings.botUser, ...isAdmin, ...members.joined()])]
    .filter((user) => user !== owner && serverNameOf(user) === settings.serverName)
    .flatMap((user) => {
      const protection = roles.protection({ name: user, admin: isAdmin.has(user) });
      return protection === undefined ? [] : { owner: user, protection };
    })
    .slice(0, maxAccounts);
  const found = await Promise.all(
    candidates.map(async (candidate) => {
      const uploads = services.media.uploadsOf(candidate.owner, { limit: comparedFiles });
      const { rows } = await uploads.page();
      return rows.some((file) => file.sha256 === sha256) ? candidate : undefined;
    }),
  );
  return found.find((candidate) => candidate !== undefined);
}

async function assertOfSender(
  { store, settings }: House,
  {
    uri,
    file,
    command,
    invocation: { item: id, actor },
  }: Pick<Authorized, 'command' | 'invocation'> & {
    readonly uri: MxcUri;
    readonly file: StoredMedia;
  },
): Promise<void> {
  const item = id === undefined ? undefined : await store.reportItems.get(id);
  const sender = parseUserId(item?.sender ?? '');
  const server = mxcParts(uri).serverName;
  const isLocal = server === settings.serverName;
  // Users of a server can only upload to that server.
  const isSenders = isLocal
    ? sender !== undefined && file.userId === sender
    : sender !== undefined && serverNameOf(sender) === server;
  if (isSenders) {
    return;
  }
  const whose = isLocal
    ? (file.userId ?? 'nobody known')
    : `somebody on ${cut(server, 255)}, which doesn’t tell who it is`;
  throw new TargetError(
    'state',
    `the file in the reported message was uploaded by ${whose}, not by ${sender ?? 'its sender'}`,
    actor.kind === 'rule'
      ? 'Rules only touch files of the sender who was reported. Nothing was changed.'
      : `Nothing was changed. If it is this file that you mean, name it: \`${settings.prefix}${command.name} ${uri}\``,
  );
}
