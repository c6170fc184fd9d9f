import { bold, code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { ago, clock, count } from '../../chat/answers/phrases.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { personalFlags } from '../accounts/profile-flags.ts';

export default defineCommand({
  name: 'pending',
  synonyms: ['confirmations', 'open', 'questions', 'waiting'],
  summary: 'Lists what waits for confirmation',
  args: {},
  danger: 'read',
  example: 'pending',
  run: async ({ services }) => services.confirmations.pending(),
  answer({ now, registry, prefix, role }, all) {
    const waiting = all.filter(({ expiresAt }) => expiresAt > now);
    if (waiting.length === 0) {
      return { mark: 'ℹ️', title: ['Nothing waits for confirmation'], data: [] };
    }
    return {
      mark: 'ℹ️',
      title: [bold(count(waiting.length, 'question')), ' waiting'],
      body: [
        {
          kind: 'list',
          items: waiting.map((question): Content => {
            const command = registry.find(question.command);
            const stored = JSON.parse(question.invocation) as Invocation;
            const invocation = role === 'viewer' ? withoutPersonal(stored) : stored;
            return [
              bold(question.code),
              ' ',
              code(
                `${prefix}${command === undefined ? question.command : writeInvocation(command, invocation)}`,
              ),
              ' by ',
              code(question.requester),
              ` ${ago(question.createdAt, now)}, until ${clock(question.expiresAt)}`,
            ];
          }),
        },
      ],
      next: waiting
        .slice(0, 1)
        .flatMap(({ code: first }) => [`confirm ${first}`, `cancel ${first}`]),
      data: waiting.map(({ code: one, command, requester, createdAt, expiresAt }) => ({
        code: one,
        command,
        requester,
        createdAt,
        expiresAt,
      })),
    };
  },
});

function withoutPersonal(invocation: Invocation): Invocation {
  const kept = Object.entries(invocation.arguments).filter(
    ([key]) => !personalFlags.some((flag) => flag === key),
  );
  return { ...invocation, arguments: Object.fromEntries(kept) };
}
