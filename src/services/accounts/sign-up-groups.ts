import { matchesGlob } from '../../core/glob.ts';
import { localpartOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';

/** A new account, and where it came from. */
export interface SignUp {
  readonly name: UserId;
  readonly displayname: string | null;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** IPv4 addresses and /64 networks. */
  readonly networks: readonly string[];
  readonly emailDomains: readonly string[];
  readonly userAgents: readonly string[];
}

/** Something that accounts have in common, and how many of them. */
interface Shared {
  readonly value: string;
  readonly accounts: number;
}

/** New accounts that look as if one person made them, and why. */
export interface SignUpGroup {
  readonly members: readonly SignUp[];
  /** Those that most members use come first. */
  readonly networks: readonly Shared[];
  /** Of the usernames, as a pattern such as `spam*`; undefined if they don't have one in common. */
  readonly namePattern: string | undefined;
  readonly emailDomain: Shared | undefined;
  readonly userAgent: Shared | undefined;
  /** What selects these accounts among the new ones, and no others; undefined if nothing does. */
  readonly filter: { readonly name: string } | { readonly ip: readonly string[] } | undefined;
}

/** Fewer accounts than this are no group. */
const minGroup = 3;
/** What this part of a group has in common is a reason to think that it is one. */
const mostly = 0.6;
/** Of two groups that share this part of the smaller one, one is made. */
const overlap = 0.5;
/** So many first letters of a username make a pattern. */
const prefixLength = 6;
/** A pattern needs at least this many letters: `a*` says nothing. */
const minLetters = 3;
/** More addresses don't fit into a line. */
const maxNetworks = 10;

/** E-mail providers at which anybody can have an address, so that it says nothing about who made an account. */
const publicProviders: ReadonlySet<string> = new Set([
  'aol.com',
  'gmail.com',
  'gmx.de',
  'gmx.net',
  'hotmail.com',
  'icloud.com',
  'live.com',
  'mail.ru',
  'outlook.com',
  'proton.me',
  'qq.com',
  'web.de',
  'yahoo.com',
  'yandex.ru',
]);

/**
 * Groups new accounts that share an address, a pattern of usernames, or an e-mail domain. Programs alone make no
 * group: many people use the same one. No account is in two groups. The largest group comes first.
 */
export function groupSignUps(signUps: readonly SignUp[]): SignUpGroup[] {
  /** How many features each account has in common with the others of its cluster. */
  const clusters: Map<SignUp, number>[] = [];
  for (const bucket of bucketsOf(signUps)) {
    let cluster = clusters.find(
      (one) => bucket.filter((signUp) => one.has(signUp)).length >= overlap * bucket.length,
    );
    if (cluster === undefined) {
      cluster = new Map();
      clusters.push(cluster);
    }
    for (const signUp of bucket) {
      cluster.set(signUp, (cluster.get(signUp) ?? 0) + 1);
    }
  }
  const best = new Map<SignUp, Map<SignUp, number>>();
  for (const cluster of clusters.toSorted((one, other) => other.size - one.size)) {
    for (const [signUp, features] of cluster) {
      if (features > (best.get(signUp)?.get(signUp) ?? 0)) {
        best.set(signUp, cluster);
      }
    }
  }
  return clusters
    .map((cluster) => [...cluster.keys()].filter((signUp) => best.get(signUp) === cluster))
    .filter((members) => members.length >= minGroup)
    .map((members) => describe(members, signUps))
    .toSorted((one, other) => other.members.length - one.members.length);
}

/** Accounts with the same feature, if they are enough; the largest first. */
function bucketsOf(signUps: readonly SignUp[]): SignUp[][] {
  const buckets = new Map<string, SignUp[]>();
  for (const signUp of signUps) {
    const features = new Set([
      ...signUp.networks.map((network) => `ip ${network}`),
      ...patternsOf(signUp.name).map((pattern) => `name ${pattern}`),
      ...signUp.emailDomains
        .filter((domain) => !publicProviders.has(domain))
        .map((domain) => `mail ${domain}`),
    ]);
    for (const feature of features) {
      const bucket = buckets.get(feature);
      if (bucket === undefined) {
        buckets.set(feature, [signUp]);
      } else {
        bucket.push(signUp);
      }
    }
  }
  return [...buckets.values()]
    .filter((bucket) => bucket.length >= minGroup)
    .toSorted((one, other) => other.length - one.length);
}

/** Patterns that a username fits: its digits may be any, or its end. */
function patternsOf(user: UserId): string[] {
  const name = localpartOf(user);
  const patterns = [
    ...(/\d/u.test(name) ? [name.replaceAll(/\d+/gu, '*')] : []),
    ...(name.length > prefixLength ? [`${name.slice(0, prefixLength)}*`] : []),
  ];
  return patterns.filter((pattern) => pattern.replaceAll(/[^\p{L}]/gu, '').length >= minLetters);
}

function describe(members: readonly SignUp[], signUps: readonly SignUp[]): SignUpGroup {
  const others = new Set(signUps);
  members.forEach((one) => others.delete(one));
  const networks = mostShared(members, ({ networks: all }) => all);
  const [pattern] = mostShared(members, ({ name }) => patternsOf(name));
  const namePattern = isMost(pattern, members) ? pattern.value : undefined;
  const [emailDomain] = mostShared(members, ({ emailDomains }) => emailDomains);
  const [userAgent] = mostShared(members, ({ userAgents }) => userAgents);
  return {
    members,
    networks,
    namePattern,
    emailDomain: isMost(emailDomain, members) ? emailDomain : undefined,
    userAgent: isMost(userAgent, members) ? userAgent : undefined,
    filter: filterFor(members, [...others], { namePattern, networks }),
  };
}

/** How many members have each value; the most frequent first. */
function mostShared(
  members: readonly SignUp[],
  valuesOf: (one: SignUp) => readonly string[],
): Shared[] {
  const counts = new Map<string, number>();
  for (const value of members.flatMap((one) => [...new Set(valuesOf(one))])) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts]
    .map(([value, accounts]) => ({ value, accounts }))
    .toSorted(
      (one, other) =>
        other.accounts - one.accounts ||
        other.value.length - one.value.length ||
        (one.value < other.value ? -1 : 1),
    );
}

function isMost(shared: Shared | undefined, members: readonly SignUp[]): shared is Shared {
  return shared !== undefined && shared.accounts >= mostly * members.length;
}

/** A filter that all members fit, and no other new account. */
function filterFor(
  members: readonly SignUp[],
  others: readonly SignUp[],
  { namePattern, networks }: Pick<SignUpGroup, 'namePattern' | 'networks'>,
): SignUpGroup['filter'] {
  // As the filter does it: the display name may fit as well.
  const fitsName = ({ name, displayname }: SignUp) =>
    [localpartOf(name), displayname ?? ''].some((text) =>
      matchesGlob(namePattern ?? '', text.toLowerCase()),
    );
  if (namePattern !== undefined && members.every(fitsName) && !others.some(fitsName)) {
    return { name: namePattern };
  }
  const ip = networks.slice(0, maxNetworks).map(({ value }) => value);
  const comesFrom = ({ networks: all }: SignUp) => all.some((network) => ip.includes(network));
  return members.every(comesFrom) && !others.some(comesFrom) ? { ip } : undefined;
}
