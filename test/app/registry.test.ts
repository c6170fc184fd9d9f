import { expect, test } from 'vitest';

import { createConfiguredRegistry } from '../../src/app/registry.ts';
import { configSchema } from '../../src/config/schema.ts';

const config = configSchema.parse({
  homeserver: { url: 'http://127.0.0.1:8008', accessToken: 'syt_secret' },
  managementRoom: '!room:localhost',
});

test.each([
  ['audits', 'Did you mean audit?'],
  ['Whois', 'Did you mean whois?'],
  ['xylophone', 'docs/commands.md lists the commands.'],
])('a role for a command that does not exist: %s', async (name, advice) => {
  const commands = { [name]: 'admin' as const };
  await expect(
    createConfiguredRegistry({ ...config, roles: { ...config.roles, commands } }),
  ).rejects.toMatchObject({
    message: `roles.commands.${name}: unknown command.`,
    advice,
  });
});
