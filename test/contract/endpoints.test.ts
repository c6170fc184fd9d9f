import { readFile, readdir } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { loadCommands } from '../../src/chat/command/load-commands.ts';

/**
 * What the two documents that the project began with describe, as it is on a real server: there,
 * `/users/{id}/rooms` is `joined_rooms`, tokens are made at `…/new`, rooms are deleted by version 2.
 * Behind it, what came later.
 */
const endpoints = [
  'GET /_synapse/admin/v2/users',
  'GET /_synapse/admin/v2/users/{user_id}',
  'PUT /_synapse/admin/v2/users/{user_id}',
  'POST /_synapse/admin/v1/deactivate/{user_id}',
  'POST /_synapse/admin/v1/reset_password/{user_id}',
  'GET /_synapse/admin/v1/users/{user_id}/admin',
  'PUT /_synapse/admin/v1/users/{user_id}/admin',
  'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  'GET /_synapse/admin/v1/users/{user_id}/accountdata',
  'GET /_synapse/admin/v1/users/{user_id}/media',
  'DELETE /_synapse/admin/v1/users/{user_id}/media',
  'POST /_synapse/admin/v1/users/{user_id}/login',
  'GET /_synapse/admin/v1/users/{user_id}/pushers',
  'POST /_synapse/admin/v1/users/{user_id}/shadow_ban',
  'DELETE /_synapse/admin/v1/users/{user_id}/shadow_ban',
  'GET /_synapse/admin/v1/users/{user_id}/override_ratelimit',
  'POST /_synapse/admin/v1/users/{user_id}/override_ratelimit',
  'DELETE /_synapse/admin/v1/users/{user_id}/override_ratelimit',
  'GET /_synapse/admin/v1/whois/{user_id}',
  'GET /_synapse/admin/v1/username_available',
  'GET /_synapse/admin/v1/threepid/{medium}/users/{address}',
  'GET /_synapse/admin/v1/auth_providers/{provider}/users/{external_id}',
  'GET /_synapse/admin/v2/users/{user_id}/devices',
  'POST /_synapse/admin/v2/users/{user_id}/devices',
  'GET /_synapse/admin/v2/users/{user_id}/devices/{device_id}',
  'PUT /_synapse/admin/v2/users/{user_id}/devices/{device_id}',
  'DELETE /_synapse/admin/v2/users/{user_id}/devices/{device_id}',
  'POST /_synapse/admin/v2/users/{user_id}/delete_devices',
  'GET /_synapse/admin/v1/rooms',
  'GET /_synapse/admin/v1/rooms/{room_id}',
  'DELETE /_synapse/admin/v2/rooms/{room_id}',
  'GET /_synapse/admin/v1/rooms/{room_id}/members',
  'POST /_synapse/admin/v1/join/{room_id_or_alias}',
  'GET /_synapse/admin/v1/statistics/users/media',
  'GET /_synapse/admin/v1/server_version',
  'GET /_synapse/admin/v1/registration_tokens',
  'POST /_synapse/admin/v1/registration_tokens/new',
  'GET /_synapse/admin/v1/event_reports',
  'GET /_synapse/admin/v1/federation/destinations',
  'GET /_synapse/admin/v1/background_updates/enabled',

  'PUT /_synapse/admin/v1/suspend/{user_id}',
  'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
  'POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}',
  'POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}',
  'GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}',
  'GET /_synapse/admin/v1/rooms/{room_id}/messages',
  'GET /_synapse/admin/v1/rooms/{room_id}/state',
  'GET /_synapse/admin/v1/fetch_event/{event_id}',
  'POST /_synapse/admin/v1/user/{user_id}/redact',
  'GET /_synapse/admin/v1/user/redact_status/{redact_id}',
  'GET /_synapse/admin/v1/users/{user_id}/memberships',
];

const commands = await loadCommands();
const tests = new URL('../homeserver/admin/', import.meta.url);
const testTexts = await Promise.all(
  (await readdir(tests))
    .filter((file) => file.endsWith('.integration.test.ts'))
    .map(async (file) => readFile(new URL(file, tests), 'utf8')),
);

describe.each(endpoints)('%s', (endpoint) => {
  it('is called by a command', () => {
    const callers = commands.filter((command) => command.endpoints?.includes(endpoint));
    expect(callers).not.toEqual([]);
  });

  it('is named by a test on the real server', () => {
    const [method = '', path = ''] = endpoint.split(' ');
    const named = new RegExp(
      String.raw`['"\x60 ]${method}(?:[A-Z, ]|and)* ${path.replaceAll(/[{}/]/gu, String.raw`\$&`)}(?![/\w{])`,
      'u',
    );
    expect(testTexts.some((text) => named.test(text))).toBe(true);
  });
});
