import { count } from '../../chat/answers/phrases.ts';
import type { Protects } from '../../chat/command/declaration.ts';
import type { Command } from '../../chat/command/declaration.ts';
import { ProtectedError, TargetError } from '../../core/errors.ts';
import { mxcParts, parseUserId, serverNameOf } from '../../core/ids.ts';
import type { MxcUri, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { NamedFile, Services, StoredMedia } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import { at } from '../at-homeserver.ts';
import type { HomeserversContext } from '../at-homeserver.ts';
import { overrideAdvice, protectionOf } from '../authorize/authorize.ts';
import type { ProtectionContext, Roles } from '../authorize/authorize.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import type { Authorized } from '../stages.ts';

interface TwinContext {
  readonly services: Pick<Services, 'accounts' | 'media'>;
  readonly members: Pick<Members, 'joined'>;
  readonly roles: Pick<Roles, 'isBot' | 'protection'>;
  readonly settings: Pick<Settings, 'botUser' | 'serverName'>;
}

interface SenderContext {
  readonly store: Pick<Store, 'reportItems'>;
  readonly settings: Pick<Settings, 'prefix' | 'serverName'>;
}

export type MediaOwnerContext = ProtectionContext & TwinContext & SenderContext;

/** At most this many protected accounts are searched for an equal file. */
const maxAccounts = 100;
/** How many of the newest files of each are compared. */
const comparedFiles = 500;
/** At most this many other protected files are named in an error. */
const maxNamed = 5;

/** The files that a command names. Anybody can name any file, whoever uploaded it. */
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
 * Checks who uploaded the files that a command changes, in every argument of the kind `media`:
 *
 * - Files of protected accounts are protected like the accounts. So are files that equal one of theirs,
 *   because Synapse quarantines equal files together, unless the command leaves equal files as they are.
 * - A rule, or an argument that a card fills in, only reaches files of the sender of the reported message.
 *
 * For a file of another server, only the server is known.
 *
 * @throws ProtectedError, TargetError the file must not be touched
 * @throws UnreachableError, HomeserverError the owner can't be looked up
 */
export async function assertMediaMayBeTouched(
  context: MediaOwnerContext,
  { command, invocation }: Pick<Authorized, 'command' | 'invocation'>,
  protects: Protects,
): Promise<void> {
  const { actor, filledIn = [] } = invocation;
  const named = mediaIn(command, invocation.arguments);
  const uris = [...new Set(named.map(({ uri }) => uri))];
  // For a file that doesn't exist, the command itself says so.
  const found = (await findOnTheirHomeservers(context, uris)).flatMap(({ uri, file }) =>
    file === undefined ? [] : [{ uri, file }],
  );
  await assertNoneProtected(context, { command, invocation }, protects, found);
  for (const { argument, uri } of named) {
    const file = found.find((one) => one.uri === uri)?.file;
    if (file !== undefined && (actor.kind === 'rule' || filledIn.includes(argument))) {
      await assertOfSender(context, { uri, file, command, invocation });
    }
  }
}

/** Who has uploaded the files that a command names, as far as the homeserver knows. */
export async function ownersOfMedia(
  context: HomeserversContext & { readonly services: Pick<Services, 'media'> },
  { command, invocation }: Pick<Authorized, 'command' | 'invocation'>,
): Promise<UserId[]> {
  const uris = mediaIn(command, invocation.arguments).map(({ uri }) => uri);
  const found = uris.length === 0 ? [] : await findOnTheirHomeservers(context, uris);
  return found.flatMap(({ file }) => file?.userId ?? []);
}

/** Only the homeserver of a file knows whose it is, and a command may name it on another one. */
async function findOnTheirHomeservers(
  context: HomeserversContext & { readonly services: Pick<Services, 'media'> },
  uris: readonly MxcUri[],
) {
  const { homeservers } = context.settings;
  const ours = new Set(homeservers.map(({ serverName }) => serverName));
  const byServer = Map.groupBy(uris, (uri) => {
    const { serverName } = mxcParts(uri);
    return homeservers.length > 1 && ours.has(serverName) ? serverName : undefined;
  });
  const found = [];
  for (const [server, named] of byServer) {
    found.push(...(await at(context, server).services.media.findAll(named)));
  }
  return found;
}

/** @throws ProtectedError names all files that are protected */
async function assertNoneProtected(
  context: MediaOwnerContext,
  {
    command,
    invocation: { actor, overrideProtection },
  }: Pick<Authorized, 'command' | 'invocation'>,
  protects: Protects,
  files: readonly NamedFile[],
): Promise<void> {
  const isOwn = ({ file: { userId } }: NamedFile) =>
    userId !== null &&
    (context.roles.isBot(userId) || (actor.kind === 'person' && userId === actor.user));
  let allProtected: Promise<readonly ProtectedFiles[]> | undefined;
  const errors: ProtectedError[] = [];
  for (const one of files) {
    if (protects === false || (protects === 'others' && isOwn(one))) {
      continue;
    }
    const error = await whyProtected(context, {
      ...one,
      overrides: overrideProtection === true,
      protectedFiles:
        command.leavesEqualFiles === true
          ? undefined
          : async () => (allProtected ??= protectedFiles(context, undefined)),
    });
    if (error !== undefined) {
      errors.push(error);
    }
  }
  const [first, ...others] = errors;
  if (first === undefined) {
    return;
  }
  throw others.length === 0
    ? first
    : new ProtectedError(
        first.message,
        [
          `${count(others.length, 'other file')} can’t be touched either:`,
          ...others.slice(0, maxNamed).map(({ message }) => `${message}.`),
          ...(others.length > maxNamed ? [`And ${others.length - maxNamed} more.`] : []),
          ...(first.advice === undefined ? [] : [first.advice]),
        ].join('\n'),
      );
}

/** Why a file must not be touched; undefined if it may be. */
async function whyProtected(
  context: ProtectionContext & { readonly settings: Pick<Settings, 'prefix'> },
  {
    uri,
    file,
    overrides,
    protectedFiles: equalTo,
  }: NamedFile & {
    readonly overrides: boolean;
    /** The files of protected accounts, if a file that equals one of them is protected, too. */
    readonly protectedFiles: (() => Promise<readonly ProtectedFiles[]>) | undefined;
  },
): Promise<ProtectedError | undefined> {
  const { prefix } = context.settings;
  const owner = file.userId;
  const protection = owner === null ? undefined : await protectionOf(context, owner);
  if (owner !== null && protection !== undefined) {
    const isBot = context.roles.isBot(owner);
    return isBot || !overrides
      ? new ProtectedError(
          `${owner} has uploaded \`${uri}\`, and ${protection}`,
          isBot ? 'Nothing was changed.' : overrideAdvice,
        )
      : undefined;
  }
  const { sha256 } = file;
  if (overrides || equalTo === undefined || sha256 === null) {
    return undefined;
  }
  const equal = (await equalTo()).find(
    (other) => other.owner !== owner && other.hashes.includes(sha256),
  );
  return equal === undefined
    ? undefined
    : new ProtectedError(
        `\`${uri}\` equals a file of ${equal.owner}, who ${equal.protection}, and Synapse quarantines equal files together`,
        `${overrideAdvice} \`${prefix}media ${equal.owner}\` lists it.`,
      );
}

/** The SHA-256 sums of the newest files of protected accounts, other than the owner of the files in question. */
export async function protectedHashes(
  context: TwinContext,
  owner: UserId | undefined,
): Promise<ReadonlySet<string>> {
  const found = await protectedFiles(context, owner);
  return new Set(found.flatMap(({ hashes }) => hashes));
}

/** What a protected account has uploaded. */
interface ProtectedFiles {
  readonly owner: UserId;
  /** Why the account is protected, as the rest of a sentence. */
  readonly protection: string;
  /** SHA-256 sums. */
  readonly hashes: readonly string[];
}

/**
 * What protected accounts have uploaded, except the given one. Only members of the room and server admins are searched: accounts that
 * a pattern in the configuration protects can't be listed.
 */
async function protectedFiles(
  context: TwinContext,
  owner: UserId | undefined,
): Promise<ProtectedFiles[]> {
  const { services, members, roles, settings } = context;
  const isAdmin = new Set(await services.accounts.serverAdmins(maxAccounts));
  // A server with many admins must not push out the people of the room.
  const candidates = [...new Set([settings.botUser, ...members.joined(), ...isAdmin])]
    .filter((user) => user !== owner && serverNameOf(user) === settings.serverName)
    .flatMap((user) => {
      const protection = roles.protection({ name: user, admin: isAdmin.has(user) });
      return protection === undefined ? [] : { owner: user, protection };
    })
    .slice(0, maxAccounts);
  return Promise.all(
    candidates.map(async (candidate) => {
      const uploads = services.media.uploadsOf(candidate.owner, { limit: comparedFiles });
      const { rows } = await uploads.page();
      return { ...candidate, hashes: rows.flatMap((file) => file.sha256 ?? []) };
    }),
  );
}

async function assertOfSender(
  { store, settings }: SenderContext,
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
    ? (file.userId ?? 'an unknown user')
    : `an unknown user of ${cut(server, 255)}`;
  throw new TargetError(
    'state',
    `the file in the reported message was uploaded by ${whose}, not by ${sender ?? 'its sender'}`,
    actor.kind === 'rule'
      ? 'Rules only touch files of the reported sender. Nothing was changed.'
      : `Nothing was changed. If you mean this file, name it: \`${settings.prefix}${command.name} ${uri}\``,
  );
}
