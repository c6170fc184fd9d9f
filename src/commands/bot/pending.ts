import { bold, code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { ago, clock, count, dateTime } from '../../chat/answers/phrases.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import { shortLine, withoutPersonal } from '../../chat/command/write-invocation.ts';

export default defineCommand({
  name: 'pending',
  synonyms: ['confirmations', 'questions', 'waiting'],
  summary: 'Lists pending confirmations',
  args: {},
  danger: 'read',
  example: 'pending',
  run: async ({ services }) => services.confirmations.pending(),
  answer({ now, registry, prefix, role }, all) {
    const pending = all.filter(({ expiresAt }) => expiresAt > now);
    if (pending.length === 0) {
      return { mark: 'ℹ️', title: ['No pending confirmations'], data: [] };
    }
    return {
      mark: 'ℹ️',
      title: [bold(count(pending.length, 'pending confirmation'))],
      body: [
        {
          kind: 'list',
          items: pending.map((confirmation): Content => {
            const command = registry.find(confirmation.command);
            const stored = JSON.parse(confirmation.invocation) as Invocation;
            const invocation = role === 'viewer' ? withoutPersonal(command, stored) : stored;
            const { notBefore } = invocation;
            return [
              bold(confirmation.code),
              ' ',
              code(
                `${prefix}${command === undefined ? confirmation.command : shortLine(command, invocation)}`,
              ),
              ...(notBefore === undefined ? [] : [` at ${dateTime(notBefore)}`]),
              ' by ',
              code(confirmation.requester),
              ` ${ago(confirmation.createdAt, now)}, until ${clock(confirmation.expiresAt)}`,
            ];
          }),
        },
      ],
      next: pending
        .slice(0, 1)
        .flatMap(({ code: first }) => [`confirm ${first}`, `cancel ${first}`]),
      data: pending.map(({ code: one, command, requester, createdAt, expiresAt }) => ({
        code: one,
        command,
        requester,
        createdAt,
        expiresAt,
      })),
    };
  },
});
