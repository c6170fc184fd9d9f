import { bold } from '../../chat/answers/answer.ts';
import { defineCommand } from '../../chat/command/declaration.ts';

export default defineCommand({
  name: 'version',
  synonyms: ['about', 'synapse'],
  summary: 'Shows the homeserver’s Synapse version',
  args: {},
  danger: 'read',
  example: 'version',
  endpoints: ['GET /_synapse/admin/v1/server_version'],
  run: async ({ services }) => services.server.version(),
  answer: (_, serverVersion) => ({
    mark: 'ℹ️',
    title: ['The homeserver runs ', bold(`Synapse ${serverVersion}`)],
    data: { serverVersion },
  }),
});
