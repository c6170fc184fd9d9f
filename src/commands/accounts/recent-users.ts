import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Block, Content } from '../../chat/answers/answer.ts';
import { amount, count, span, whole } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { fileOf } from '../../chat/command/list.ts';
import type { ListColumn } from '../../chat/command/list.ts';
import { lineOn } from '../../chat/command/on-homeserver.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import type { SignUpGroup } from '../../services/services.ts';

/** More groups are only counted. */
const maxGroups = 8;
/** More addresses of a group are only counted. */
const maxNetworks = 4;
/** More accounts than this don't fit into a line to copy. */
const maxNamed = 20;

export default defineCommand({
  name: 'recent-users',
  synonyms: ['new-users', 'registrations', 'sign-ups', 'spam-wave', 'wave'],
  summary: 'Shows which new accounts look as if one person made them',
  does: [
    'group new accounts by IP address, pattern of usernames and e-mail domain',
    'say why they look alike, and what they have done',
    'give the line that handles a whole group',
  ],
  doesNot: [
    'prove anything: a school or a phone network can have one address',
    'look at deactivated accounts',
    'look up more than the 1,000 newest accounts',
  ],
  args: {
    since: flag('date', 'Accounts created since then', { default: '1h' }),
  },
  danger: 'read',
  role: 'moderator',
  example: 'recent-users --since 6h',
  endpoints: [
    'GET /_synapse/admin/v2/users',
    'GET /_synapse/admin/v2/users/{user_id}',
    'GET /_synapse/admin/v1/whois/{user_id}',
    'GET /_synapse/admin/v1/users/{user_id}/sent_invite_count',
    'GET /_synapse/admin/v1/users/{user_id}/cumulative_joined_room_count',
  ],
  run: async ({ args, services }) => services.accounts.signUps(args.since),
  answer(context, { total, examined, examinedSince, hidden, groups }) {
    const { since } = context.args;
    const { now } = context;
    const grouped = groups.reduce((sum, { members }) => sum + members.length, 0);
    const shown = groups.slice(0, maxGroups);
    const period = `in the last ${span(now - since)}`;
    return {
      mark: groups.length === 0 ? 'ℹ️' : '⚠️',
      title:
        total === 0
          ? [bold('No new accounts'), ` ${period}`]
          : groups.length === 0
            ? [bold(count(total, 'new account')), ` ${period}: none of them look alike`]
            : [
                bold(`${whole(grouped)} of ${count(total, 'new account')} look alike`),
                ` ${period}, in ${count(groups.length, 'group')}`,
              ],
      body: [
        ...shown.flatMap((group): Block[] => [
          line(bold(count(group.members.length, 'account')), ': ', ...reasonsOf(group)),
          line(...lineFor(group, examinedSince, context)),
        ]),
        ...(groups.length > shown.length
          ? [line(`And ${count(groups.length - shown.length, 'smaller group')}.`)]
          : []),
        ...(examined < total
          ? [line(`I looked up where the newest ${whole(examined)} came from.`)]
          : []),
        ...(hidden > examined / 2
          ? [
              line(
                `Synapse saw ${whole(hidden)} of them only at an internal address. If it is behind a proxy, set `,
                code('x_forwarded: true'),
                ' for its listener.',
              ),
            ]
          : []),
      ],
      ...(groups.length === 0
        ? {}
        : { file: fileOf('recent-users', 'csv', rowsOf(groups), columns) }),
      data: {
        since,
        total,
        examined,
        groups: groups.map(
          ({ members, networks, namePattern, emailDomain, userAgent, ...rest }) => ({
            accounts: members.length,
            networks: networks.slice(0, maxNetworks),
            namePattern: namePattern ?? null,
            emailDomain: emailDomain ?? null,
            userAgent: userAgent ?? null,
            invites: rest.invites,
            joins: rest.joins,
          }),
        ),
      },
    };
  },
});

interface Row {
  readonly group: number;
  readonly member: SignUpGroup['members'][number];
}

const rowsOf = (groups: readonly SignUpGroup[]): Row[] =>
  groups.flatMap(({ members }, at) => members.map((member) => ({ group: at + 1, member })));

/** The names that `--from-file` reads. */
const columns: readonly ListColumn<Row>[] = [
  { name: 'user_id', value: ({ member }) => member.name },
  { name: 'group', value: ({ group }) => group },
  { name: 'creation_ts', value: ({ member }) => member.createdAt },
  { name: 'networks', value: ({ member }) => member.networks.join(' ') },
  { name: 'email_domains', value: ({ member }) => member.emailDomains.join(' ') },
];

type Group = SignUpGroup & { readonly invites: number; readonly joins: number };

/** Why accounts look as if one person made them. */
function reasonsOf({ members, networks, namePattern, ...group }: Group): Content {
  const times = members.map(({ createdAt }) => createdAt);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const from = networks.filter(({ accounts }) => accounts > 1);
  const shared = (what: string, one: SignUpGroup['userAgent'], length: number): Content =>
    one === undefined
      ? []
      : [
          `; ${one.accounts === members.length ? 'all' : whole(one.accounts)} with ${what} `,
          code(inert(one.value, length)),
        ];
  return [
    `created within ${span(Math.max(last - first, 1000))}`,
    ...(namePattern === undefined ? [] : ['; named ', code(namePattern)]),
    ...(from.length === 0
      ? []
      : [
          `; from ${count(from.length, 'address', 'addresses')}: `,
          ...from
            .slice(0, maxNetworks)
            .flatMap(({ value, accounts }, at) => [
              at === 0 ? '' : ', ',
              code(value),
              ` (${whole(accounts)})`,
            ]),
          ...(from.length > maxNetworks ? [`, and ${from.length - maxNetworks} more`] : []),
        ]),
    ...shared('e-mail at', group.emailDomain, 60),
    ...shared('the program', group.userAgent, 60),
    `; sent ${amount(group.invites, 'invite')}, joined ${amount(group.joins, 'room')}`,
  ];
}

/** How to deactivate a group. */
function lineFor(
  group: SignUpGroup,
  since: number,
  context: Pick<Context, 'homeservers' | 'prefix' | 'registry' | 'serverName'>,
): Content {
  const { prefix } = context;
  const targets = targetsOf(group, since);
  return targets === undefined
    ? [
        'Nothing selects them alone. Send their lines of the file as a file, and reply to it with ',
        code(`${prefix}deactivate --from-file`),
      ]
    : // The same names on another homeserver may be anybody's.
      ['To deactivate them: ', code(`${prefix}${lineOn(`deactivate ${targets}`, context)}`)];
}

/** What names these accounts and no others, in a command line; undefined if that would be too long. */
function targetsOf({ filter, members }: SignUpGroup, since: number): string | undefined {
  if (filter === undefined) {
    return members.length > maxNamed
      ? undefined
      : members.map(({ name }) => idWord(name)).join(' ');
  }
  const own =
    'name' in filter
      ? // A username may begin with a dash.
        `--name${filter.name.startsWith('-') ? '=' : ' '}${filter.name}`
      : filter.ip.map((network) => `--ip ${network}`).join(' ');
  return `--matching ${quote(`${own} --created-after ${new Date(since).toISOString()}`)}`;
}
