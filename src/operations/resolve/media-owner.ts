import type { Protects } from '../../chat/command/declaration.ts';
import type { Command } from '../../chat/command/declaration.ts';
import { ProtectedError, TargetError } from '../../core/errors.ts';
import { mxcParts, parseUserId, serverNameOf } from '../../core/ids.ts';
import type { MxcUri, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Services, StoredMedia } from '../../services/services.ts';
import type { Store } from '../../store/store.ts';
import { overrideAdvice, protectionOf } from '../authorize/authorize.ts';
import type { ProtectionContext, Roles } from '../authorize/authorize.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import type { Authorized } from '../stages.ts';

interface TwinContext {
  readonly services: Pick<Services, 'accounts' | 'media'>;
  readonly members: Pick<Members, 'joined'>;
  readonly roles: Pick<Roles, 'protection'>;
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
  const { actor, filledIn = [], overrideProtection } = invocation;
  for (const { argument, uri } of mediaIn(command, invocation.arguments)) {
    const file = await context.services.media.find(uri);
    if (file === undefined) {
      // The command itself says that it doesn't exist.
      continue;
    }
    const own = [context.settings.botUser, ...(actor.kind === 'person' ? [actor.user] : [])];
    const isOwn = file.userId !== null && own.includes(file.userId);
    if (protects !== false && !(protects === 'others' && isOwn)) {
      await assertNotProtected(context, {
        uri,
        file,
        overrides: overrideProtection === true,
        looksForEqual: command.leavesEqualFiles !== true,
      });
    }
    if (actor.kind === 'rule' || filledIn.includes(argument)) {
      await assertOfSender(context, { uri, file, command, invocation });
    }
  }
}

async function assertNotProtected(
  context: ProtectionContext & TwinContext & { readonly settings: Pick<Settings, 'prefix'> },
  {
    uri,
    file,
    overrides,
    looksForEqual,
  }: {
    readonly uri: MxcUri;
    readonly file: StoredMedia;
    readonly overrides: boolean;
    /** Whether an equal file of a protected account counts. */
    readonly looksForEqual: boolean;
  },
): Promise<void> {
  const { botUser, prefix } = context.settings;
  const owner = file.userId;
  const protection = owner === null ? undefined : await protectionOf(context, owner);
  if (owner !== null && protection !== undefined) {
    if (owner === botUser || !overrides) {
      throw new ProtectedError(
        `${owner} has uploaded \`${uri}\`, and ${protection}`,
        owner === botUser ? 'Nothing was changed.' : overrideAdvice,
      );
    }
    return;
  }
  if (overrides || !looksForEqual || file.sha256 === null) {
    return;
  }
  const equal = await protectedTwin(context, file.sha256, owner);
  if (equal !== undefined) {
    throw new ProtectedError(
      `\`${uri}\` equals a file of ${equal.owner}, who ${equal.protection}, and Synapse quarantines equal files together`,
      `${overrideAdvice} \`${prefix}media ${equal.owner}\` lists it.`,
    );
  }
}

/** A protected account that has uploaded the same file. */
async function protectedTwin(
  context: TwinContext,
  sha256: string,
  owner: UserId | null,
): Promise<{ readonly owner: UserId; readonly protection: string } | undefined> {
  const found = await protectedFiles(context, owner);
  return found.find(({ hashes }) => hashes.includes(sha256));
}

/** The SHA-256 sums of the newest files of protected accounts, other than the owner of the files in question. */
export async function protectedHashes(
  context: TwinContext,
  owner: UserId | undefined,
): Promise<ReadonlySet<string>> {
  const found = await protectedFiles(context, owner ?? null);
  return new Set(found.flatMap(({ hashes }) => hashes));
}

/**
 * What protected accounts have uploaded. Only members of the room and server admins are searched: accounts that
 * a pattern in the configuration protects can't be listed.
 */
async function protectedFiles(
  context: TwinContext,
  owner: UserId | null,
): Promise<
  { readonly owner: UserId; readonly protection: string; readonly hashes: readonly string[] }[]
> {
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
