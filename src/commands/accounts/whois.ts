import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import { ago, count } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';

const shownConnections = 20;

export default defineCommand({
  name: 'whois',
  synonyms: ['connections', 'ip', 'ips'],
  summary: 'Shows where an account connected from recently',
  doesNot: ['distinguish devices (see !devices)', 'show connections of the last few minutes'],
  args: { account: userArgument },
  danger: 'read',
  role: 'moderator',
  example: 'whois @mallory:example.com',
  endpoints: ['GET /_synapse/admin/v1/whois/{user_id}'],
  run: async ({ args, services }) => services.accounts.connections(args.account.name),
  answer({ args, now }, connections) {
    const recent = [...connections].sort(
      (one, other) => (other.lastSeen ?? 0) - (one.lastSeen ?? 0),
    );
    const addresses = new Set(connections.map(({ ip }) => ip));
    return {
      mark: 'ℹ️',
      title:
        recent.length === 0
          ? [...nameAndId(args.account), ': no known connections']
          : [
              ...nameAndId(args.account),
              ': ',
              bold(count(addresses.size, 'address', 'addresses')),
              `, ${count(recent.length, 'connection')}`,
            ],
      body:
        recent.length === 0
          ? [
              line(
                'Synapse forgets connections after some weeks, and records new ones with a delay.',
              ),
            ]
          : [
              {
                kind: 'list',
                items: recent
                  .slice(0, shownConnections)
                  .map(({ ip, lastSeen, userAgent }) => [
                    code(ip ?? 'unknown address'),
                    lastSeen === null ? '' : ` ${ago(lastSeen, now)}`,
                    userAgent === null ? '' : `, ${inert(userAgent, 80)}`,
                  ]),
              },
            ],
      next: [`devices ${idWord(args.account.name)}`],
      data: { userId: args.account.name, connections: recent },
    };
  },
});
