import { bold, code, line } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { UsageError } from '../../core/errors.ts';
import { usernameRules } from './parts/username.ts';

export default defineCommand({
  name: 'username-available',
  synonyms: ['available', 'check-name', 'free'],
  summary: 'Checks whether a username is available',
  doesNot: ['make the username of a deactivated account available', 'accept full user IDs'],
  args: { name: positional('word', 'The part between @ and :') },
  danger: 'read',
  example: 'username-available alice',
  endpoints: ['GET /_synapse/admin/v1/username_available'],

  check({ name }) {
    if (/[@:]/u.test(name)) {
      const [, alone = 'alice'] = /^@?([^@:]+)/u.exec(name) ?? [];
      throw new UsageError(`\`${name}\` is not a username.`, {
        word: name,
        advice: `Give only the part between @ and :, e.g. \`${alone}\`.`,
      });
    }
  },

  run: async ({ args: { name }, services }) => services.accounts.usernameAvailability(name),

  answer({ args: { name }, role }, answer) {
    const reason = answer.available ? null : answer.reason;
    const data = { username: name, available: answer.available, reason };
    if (reason === null) {
      return {
        mark: 'ℹ️',
        title: [code(name), ' is ', bold('available')],
        next: role === 'viewer' ? [] : [`create-user ${quote(name)}`],
        data,
      };
    }
    return {
      mark: 'ℹ️',
      title: [
        code(name),
        {
          taken: ' is taken',
          reserved: ' is reserved for an application service',
          invalid: ' is not a valid username here',
        }[reason],
      ],
      body:
        reason === 'invalid'
          ? [line(usernameRules.replaceAll('`', ''))]
          : reason === 'taken'
            ? [line('Usernames of deactivated accounts stay taken.')]
            : [],
      next: reason === 'taken' ? [`user ${quote(name)}`] : [],
      data,
    };
  },
});
