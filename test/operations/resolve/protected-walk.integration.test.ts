import { afterAll, beforeAll, expect, test } from 'vitest';

import { Moderator } from '../../../dev/room/moderator.ts';
import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { Argument } from '../../../src/chat/command/arguments.ts';
import type { Command } from '../../../src/chat/command/declaration.ts';
import type { Json } from '../../../src/chat/command/invocation.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { canChange, dangerOf } from '../../../src/chat/command/properties.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { writeInvocation } from '../../../src/chat/command/write-invocation.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import { synapseTraits } from '../../../src/services/accounts/traits.ts';
import { readDirectRoom } from '../../support/direct-room.ts';
import {
  adminApi,
  asRoomId,
  asUserId,
  homeserver,
  idOf,
  newRoom,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

/**
 * What a stolen account of each role can do, walked: every command that changes something, with every
 * flag, against every protected user and room in every argument that can hold one. The lines are made
 * from the declarations, so that a new command is walked without anybody thinking of it.
 */
const registry = createRegistry(await loadCommands());
const changing = registry.all.filter(canChange);

const { users, devices, media, rooms } = adminApi();
/** Lines that are on their way at the same time. */
const atOnce = 20;

/** Commands that declare why they harm nobody who is protected. */
const harmless = new Set(
  registry.all.filter(({ protects }) => typeof protects === 'object').map(({ name }) => name),
);

let room: TestRoom;
let thieves: Moderator[];
let people: Readonly<Record<string, string>>;
let reserved: Readonly<Record<string, string>>;
let files: Readonly<Record<string, string>>;
let ex: MatrixUser;
let victim: MatrixUser;
let place: string;
let message: string;

beforeAll(async () => {
  const [listed, guarded, root, cara, exCreator] = await Promise.all([
    newUser('listed'),
    newUser('guarded'),
    newUser('root', { admin: true }),
    newUser('cara'),
    newUser('exmod'),
  ]);
  [ex, victim] = await Promise.all([newUser('ex'), newUser('victim')]);
  const [listedLater, namedLater] = [unknownUserId(), unknownUserId()];
  room = await openRoom({
    roles: { admin: { users: [listed.userId, listedLater] } },
    protected: { users: [guarded.userId] },
  });
  const { ana, ben } = room;
  for (const user of [ex, cara, exCreator]) {
    await ana.user.invite(room.id, user.userId);
    await user.join(room.id);
  }
  await ana.user.setState(room.id, 'm.room.power_levels', {
    users: {
      [ben.user.userId]: 50,
      [cara.userId]: 50,
      [exCreator.userId]: 50,
      [ex.userId]: 100,
      [namedLater]: 100,
    },
  });
  await Promise.all([ex.leave(room.id), exCreator.leave(room.id)]);
  // A direct room of the bot's, with a secret in it.
  const confirmation = await ana.ask(`!reset-password ${victim.userId}`);
  await ana.ask('!confirm');
  await ana.outcomeOf(confirmation, 'done');
  await readDirectRoom(room, ana.user);
  const { joinedRooms } = await users.joinedRooms(idOf(room.bot));
  const direct = joinedRooms.find((id) => id !== room.id) ?? expect.unreachable();
  thieves = [ben, new Moderator(cara, room.id).lookWith(ana)];
  people = {
    'creator, present': ana.user.userId,
    'moderator, present': ben.user.userId,
    'admin by power level, left': ex.userId,
    'moderator by power level, left': exCreator.userId,
    'admin by configuration': listed.userId,
    'admin by configuration, not registered': listedLater,
    'admin by power level, not registered': namedLater,
    'server admin': root.userId,
    'protected by configuration': guarded.userId,
    bot: room.bot.userId,
  };
  reserved = { 'management room': room.id, 'direct room': direct };
  const upload = async (user: MatrixUser) => user.uploadMedia(new Uint8Array(9), 'image/png');
  files = {
    'file of a server admin': await upload(root),
    'file of the creator': await upload(ana.user),
  };
  const owner = await newUser('owner');
  place = await newRoom(owner);
  message = await owner.sendText(place, 'hello');
  // Those who may be joined to it are in it before anything is compared.
  await Promise.all([room.bot.join(place), ben.user.join(place)]);
});
afterAll(async () => {
  await room.close();
});

/** Something harmless for an argument, which its command can read. */
function sample(key: string, { kind, options }: Argument): Json {
  const named: Readonly<Record<string, Json>> = {
    email: ['new@walk.example'],
    phone: ['+447470274584'],
    externalId: ['idp:walk'],
    avatarUrl: `mxc://${homeserver().serverName}/walk`,
    name: 'walk',
  };
  const value =
    named[key] ??
    {
      account: victim.userId,
      identity: unknownUserId(),
      user: victim.userId,
      target: victim.userId,
      room: place,
      event: { room: place, event: message },
      media: `mxc://${homeserver().serverName}/walk`,
      text: 'walk',
      word: uniqueLocalpart('walk'),
      integer: Math.max(1, options.min ?? 1),
      item: 4_000_000,
      boolean: options.default !== true,
      choice: options.choices?.[0] ?? '',
      duration: 3_600_000,
      date: Date.now() - 3_600_000,
    }[kind];
  return options.many === true && !Array.isArray(value) ? [value] : value;
}

interface Variant {
  readonly command: Command;
  readonly values: Readonly<Record<string, Json>>;
  /** Meets everybody. The others meet those whom a flag may forget. */
  readonly isFirst: boolean;
}

/** Flags without which another has no meaning. */
const partners: Readonly<Record<string, readonly string[]>> = {
  messagesPerSecond: ['burstCount'],
  burstCount: ['messagesPerSecond'],
  roomName: ['newRoomUser'],
  message: ['newRoomUser'],
};

/** A command as its example has it, with each of its flags alone, and with what stands for its arguments. */
function variantsOf(command: Command): Variant[] {
  const context = { serverName: homeserver().serverName, now: Date.now(), prefix: '!' };
  const line = command.example.replaceAll('example.com', context.serverName);
  const read = readArguments(command, tokenize(line).slice(1), context).values;
  const declared = Object.entries(command.args);
  const positionals = Object.fromEntries(
    declared
      .filter(
        ([key, { place: where }]) => where === 'positional' && [read[key] ?? []].flat().length > 0,
      )
      .map(([key, argument]) => [key, sample(key, argument)]),
  );
  const instead = declared.flatMap(
    ([
      key,
      {
        options: { unless = [] },
      },
    ]) =>
      unless.flatMap((name) => {
        const argument = command.args[name];
        const { [key]: _, ...others } = positionals;
        return argument === undefined ? [] : [{ ...others, [name]: sample(name, argument) }];
      }),
  );
  const flags = declared.filter(([, { place: where }]) => where === 'flag');
  const given = flags
    .filter(([key, { options }]) => read[key] !== undefined && read[key] !== options.default)
    .filter(([key]) => !Array.isArray(read[key]) || (read[key] as Json[]).length > 0)
    .map(([key, argument]) => [key, sample(key, argument)] as const);
  const withFlag = flags.map(([key]) =>
    [key, ...(partners[key] ?? [])].flatMap((name) => {
      const argument = command.args[name];
      return argument === undefined ? [] : [[name, sample(name, argument)] as const];
    }),
  );
  const lines = new Set<string>();
  return [
    ...[given, [], ...withFlag].map((flagged) => ({
      ...positionals,
      ...Object.fromEntries(flagged),
    })),
    ...instead,
  ]
    .map((values) => ({ command, values, isFirst: instead.includes(values) }))
    .filter((variant) => {
      const isNew = isSensible(variant) && !lines.has(lineOf(variant));
      lines.add(lineOf(variant));
      return isNew;
    })
    .map((variant, index) => ({ ...variant, isFirst: index === 0 || variant.isFirst }));
}

/** What can be read at all, and changes something. */
function isSensible({ command, values }: Omit<Variant, 'isFirst'>): boolean {
  const context = { serverName: homeserver().serverName, now: Date.now(), prefix: '!' };
  try {
    const tokens = tokenize(lineOf({ command, values })).slice(1);
    const read = readArguments(command, tokens, context).values;
    command.check?.(read, context);
    return dangerOf(command, read) !== 'read';
  } catch {
    return false;
  }
}

function lineOf({ command, values }: Omit<Variant, 'isFirst'>): string {
  return writeInvocation(command, { arguments: values, dryRun: false });
}

interface Step {
  readonly line: string;
  readonly command: string;
  readonly what: string;
}

/** Every place of a variant that can hold a user or a room, with everything protected in it. */
function stepsOf({ command, values, isFirst }: Variant): Step[] {
  return Object.entries(command.args).flatMap(([key, { kind, options }]) => {
    const isForUsers = kind === 'account' || kind === 'identity';
    const isForRooms = kind === 'room' || kind === 'event';
    const all = isForUsers ? people : isForRooms ? reserved : kind === 'media' ? files : {};
    const wanted = Object.entries(all).filter(
      ([what]) => isFirst || what === 'server admin' || what === 'admin by power level, left',
    );
    // A flag that is not given holds nobody.
    return values[key] === undefined
      ? []
      : wanted.map(([what, id]) => {
          const one = kind === 'event' ? { room: id, event: message } : id;
          const filled = { ...values, [key]: options.many === true ? [one] : one };
          return {
            line: lineOf({ command, values: filled }),
            command: command.name,
            what: `${key}: ${what}`,
          };
        });
  });
}

/** Types lines, some at a time, and gives each with the status of its answer. */
async function typeAll(
  who: readonly Moderator[],
  steps: readonly Step[],
): Promise<(Step & { status: string; body: string })[]> {
  const results: (Step & { status: string; body: string })[] = [];
  for (let from = 0; from < steps.length; from += atOnce) {
    const typed = await Promise.all(
      steps.slice(from, from + atOnce).map(async (step, index) => {
        const thief = who[index % who.length] ?? room.ben;
        const { field, body } = await thief.ask(`!${step.line}`);
        return { ...step, status: field.status, body };
      }),
    );
    results.push(...typed);
  }
  return results;
}

/** All that could have been changed about who is protected, by the homeserver's word. */
async function standing() {
  const accounts = await Promise.all(
    Object.values(people).map(async (id) => {
      const account = await users.find(asUserId(id));
      if (account === undefined) {
        return { id, account: undefined };
      }
      const { lastSeenTs: _, ...lasting } = account;
      const [known, { joinedRooms }, limit] = await Promise.all([
        devices.list(account.name),
        users.joinedRooms(account.name),
        users.getRatelimit(account.name),
      ]);
      const names = known.map(({ deviceId, displayName }) => `${deviceId} ${displayName}`);
      return { id, account: lasting, devices: names.sort(), rooms: [...joinedRooms].sort(), limit };
    }),
  );
  const places = await Promise.all(
    Object.values(reserved).map(async (id) => ({
      members: (await rooms.members(asRoomId(id))).members.toSorted(),
      levels: await room.bot.request(
        'GET',
        `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/state/m.room.power_levels/`,
      ),
      isBlocked: await rooms.isBlocked(asRoomId(id)),
    })),
  );
  const uploads = await Promise.all(
    Object.values(files).map(async (uri) => {
      const file = await media.find(uri as MxcUri);
      return [file?.quarantinedBy, file?.safeFromQuarantine];
    }),
  );
  return { accounts, places, uploads };
}

/** What a moderator may do all the same. */
function isAllowed({
  command,
  what,
  status,
  body,
}: Step & { status: string; body: string }): boolean {
  const isHarmless = harmless.has(command) && !what.includes('not registered');
  // It was not done to anybody: it asks first, or nobody can do it on this homeserver.
  const isUndone =
    // It finds no room before it looks who they are.
    /they are (?:in no room|not (?:banned from|muted in) any room)/u.test(body) ||
    (isHarmless &&
      (status === 'pending' ||
        /has no server notices|I have quarantined no file of|no power in /u.test(body))) ||
    registry.find(command)?.impossible?.(synapseTraits) !== undefined;
  // The bot may be wanted in a room, and everybody may join one with their own account.
  const isOwnJoin = command === 'join' && /account: (?:bot|moderator, present)/u.test(what);
  return isUndone || ((isHarmless || isOwnJoin) && status === 'done');
}

test('a stolen moderator account does nothing to, as, or in the place of who and what is protected', async () => {
  const before = await standing();
  const variants = changing.flatMap(variantsOf);
  // It would be no walk where a command that takes users or rooms were left out.
  const walked = new Set(variants.map(({ command }) => command.name));
  const places = new Set(['account', 'identity', 'room', 'event', 'media']);
  const due = changing.filter(({ args }) =>
    Object.values(args).some(({ kind }) => places.has(kind)),
  );
  expect(due.filter(({ name }) => !walked.has(name)).map(({ name }) => name)).toEqual([]);

  const results = await typeAll(thieves, variants.flatMap(stepsOf));
  const open = results.filter(
    (step) =>
      step.status !== 'protected' &&
      step.status !== 'denied' &&
      !isAllowed(step) &&
      // Nobody is there to act on: only what makes accounts could.
      !(step.what.includes('not registered') && step.body.includes('there is no account')),
  );
  expect(open.map(({ line, what, status, body }) => ({ line, what, status, body }))).toEqual([]);
  expect(results.filter(({ status }) => status === 'protected').length).toBeGreaterThan(150);

  // The same lines are carried out where nobody is protected: it is protection that stops them.
  const unprotected = variants
    .filter((variant) => variant.isFirst && stepsOf(variant).length > 0)
    .map((variant) => ({
      line: `${lineOf(variant)} --dry-run`,
      command: variant.command.name,
      what: '',
    }));
  const dry = await typeAll(thieves, unprotected);
  expect(dry.filter(({ status }) => status === 'protected')).toEqual([]);

  expect(await standing()).toEqual(before);
  await expect(ex.login()).resolves.toMatchObject({ userId: ex.userId });
}, 600_000);

test('a stolen viewer account changes nothing, whatever it is done to', async () => {
  const before = await standing();
  const firsts = changing.flatMap(variantsOf).filter(({ isFirst }) => isFirst);
  const steps = firsts.map((variant) => ({
    line: lineOf(variant),
    command: variant.command.name,
    what: '',
  }));
  const results = await typeAll([room.vic], steps);
  expect(results.filter(({ status }) => status !== 'denied')).toEqual([]);
  expect(await standing()).toEqual(before);
}, 300_000);

test('an open management room is told: whoever comes in has a role', async () => {
  const { ana } = room;
  await ana.user.setState(room.id, 'm.room.history_visibility', {
    history_visibility: 'world_readable',
  });
  await ana.until('the warning', () =>
    ana.unasked().find(({ body }) => body.includes('read it without joining')),
  );
  await ana.user.setState(room.id, 'm.room.join_rules', { join_rule: 'public' });
  const warning = await ana.until('the second warning', () =>
    ana.unasked().find(({ body }) => body.includes('Anybody can join')),
  );
  expect(warning.field.data).toEqual({ openings: ['public', 'world_readable'] });
  const count = () => ana.unasked().filter(({ body }) => body.includes('open to strangers')).length;
  const told = count();
  await room.stopBot();
  await room.startBot();
  await ana.until('the warning at the start', () => (count() > told ? true : undefined));
}, 120_000);
