/** An endpoint of the admin API: the commands that people use it by, or why there is none. */
export type AdminEndpoint =
  | { readonly commands: readonly string[]; readonly none?: never }
  | { readonly none: string; readonly commands?: never };

/**
 * Every endpoint below `/_synapse/admin` that Synapse 1.163 registers, by method and path. Where many commands
 * use one on the way, those that are made for it are named.
 */
export const adminEndpoints: Readonly<Record<string, AdminEndpoint>> = {
  'POST /_synapse/admin/v1/account_validity/validity': { commands: ['account-validity'] },
  'GET /_synapse/admin/v1/auth_providers/{provider}/users/{external_id}': {
    commands: ['find-user'],
  },
  'GET /_synapse/admin/v1/background_updates/enabled': { commands: ['background-updates'] },
  'POST /_synapse/admin/v1/background_updates/enabled': { commands: ['background-updates'] },
  'POST /_synapse/admin/v1/background_updates/start_job': { commands: ['background-updates'] },
  'GET /_synapse/admin/v1/background_updates/status': { commands: ['background-updates'] },
  'POST /_synapse/admin/v1/deactivate/{user_id}': { commands: ['deactivate', 'takedown'] },
  'GET /_synapse/admin/v1/event_reports': { commands: ['reports'] },
  'DELETE /_synapse/admin/v1/event_reports/{report_id}': { commands: ['report'] },
  'GET /_synapse/admin/v1/event_reports/{report_id}': { commands: ['report'] },
  'GET /_synapse/admin/v1/experimental_features/{user_id}': { commands: ['experimental-features'] },
  'PUT /_synapse/admin/v1/experimental_features/{user_id}': { commands: ['experimental-features'] },
  'GET /_synapse/admin/v1/federation/destinations': { commands: ['federation'] },
  'GET /_synapse/admin/v1/federation/destinations/{destination}': {
    commands: ['federation-rooms', 'federation'],
  },
  'POST /_synapse/admin/v1/federation/destinations/{destination}/reset_connection': {
    commands: ['federation'],
  },
  'GET /_synapse/admin/v1/federation/destinations/{destination}/rooms': {
    commands: ['federation-rooms', 'federation'],
  },
  'GET /_synapse/admin/v1/fetch_event/{event_id}': { commands: ['redact'] },
  'POST /_synapse/admin/v1/join/{room_id_or_alias}': { commands: ['join'] },
  'POST /_synapse/admin/v1/media/delete': { commands: ['delete-local-media'] },
  'POST /_synapse/admin/v1/media/protect/{media_id}': { commands: ['protect-media'] },
  'POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}': { commands: ['quarantine'] },
  'GET /_synapse/admin/v1/media/quarantine_changes': { commands: ['quarantine-changes'] },
  'POST /_synapse/admin/v1/media/unprotect/{media_id}': { commands: ['unprotect-media'] },
  'POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}': {
    commands: ['unquarantine'],
  },
  'POST /_synapse/admin/v1/media/{server_name}/delete': {
    none: 'the older path of `POST /_synapse/admin/v1/media/delete`',
  },
  'DELETE /_synapse/admin/v1/media/{server_name}/{media_id}': { commands: ['delete-media'] },
  'GET /_synapse/admin/v1/media/{server_name}/{media_id}': {
    commands: [
      'delete-media',
      'protect-media',
      'quarantine',
      'room-media',
      'unprotect-media',
      'unquarantine',
    ],
  },
  'POST /_synapse/admin/v1/purge_history/{room_id}': { commands: ['purge-history'] },
  'POST /_synapse/admin/v1/purge_history/{room_id}/{event_id}': {
    none: '`purge-history` names the point in time; Synapse then finds the event itself',
  },
  'GET /_synapse/admin/v1/purge_history_status/{purge_id}': { commands: ['purge-history'] },
  'POST /_synapse/admin/v1/purge_media_cache': { commands: ['purge-remote-media'] },
  'POST /_synapse/admin/v1/quarantine_media/{room_id}': {
    none: 'the older path of `POST /_synapse/admin/v1/room/{room_id}/media/quarantine`',
  },
  'GET /_synapse/admin/v1/register': {
    none: 'it needs the shared secret of the configuration instead of a token; `create-user` makes accounts',
  },
  'POST /_synapse/admin/v1/register': {
    none: 'it needs the shared secret of the configuration instead of a token; `create-user` makes accounts',
  },
  'GET /_synapse/admin/v1/registration_tokens': { commands: ['tokens'] },
  'POST /_synapse/admin/v1/registration_tokens/new': { commands: ['create-token'] },
  'DELETE /_synapse/admin/v1/registration_tokens/{token}': { commands: ['delete-token'] },
  'GET /_synapse/admin/v1/registration_tokens/{token}': {
    commands: ['create-token', 'delete-token', 'edit-token', 'token'],
  },
  'PUT /_synapse/admin/v1/registration_tokens/{token}': { commands: ['edit-token'] },
  'POST /_synapse/admin/v1/reset_password/{user_id}': { commands: ['reset-password'] },
  'GET /_synapse/admin/v1/room/{room_id}/media': {
    commands: ['quarantine', 'room-media', 'unquarantine'],
  },
  'POST /_synapse/admin/v1/room/{room_id}/media/quarantine': { commands: ['quarantine'] },
  'GET /_synapse/admin/v1/rooms': { commands: ['rooms'] },
  'GET /_synapse/admin/v2/rooms/delete_status/{delete_id}': { commands: ['delete-room'] },
  'DELETE /_synapse/admin/v1/rooms/{room_id}/forward_extremities': {
    none: 'Synapse reduces them by itself, and a room that loses one may lose messages and state',
  },
  'DELETE /_synapse/admin/v1/rooms/{room_id}': {
    none: 'version 2 does the same in the background, and can be followed to its end',
  },
  'DELETE /_synapse/admin/v2/rooms/{room_id}': { commands: ['delete-room'] },
  'GET /_synapse/admin/v1/rooms/{room_id}': { commands: ['room'] },
  'GET /_synapse/admin/v1/rooms/{room_id}/block': {
    commands: ['block-room', 'room', 'unblock-room'],
  },
  'PUT /_synapse/admin/v1/rooms/{room_id}/block': { commands: ['block-room', 'unblock-room'] },
  'GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}': {
    commands: ['event', 'messages', 'redact'],
  },
  'GET /_synapse/admin/v2/rooms/{room_id}/delete_status': {
    none: 'the ID that the deletion was given says which one is meant; `tasks --room` lists those of a room',
  },
  'GET /_synapse/admin/v1/rooms/{room_id}/forward_extremities': {
    commands: ['forward-extremities'],
  },
  'GET /_synapse/admin/v1/rooms/{room_id}/hierarchy': { commands: ['hierarchy'] },
  'POST /_synapse/admin/v1/rooms/{room_id}/make_room_admin': { commands: ['make-room-admin'] },
  'GET /_synapse/admin/v1/rooms/{room_id}/members': { commands: ['make-room-admin', 'members'] },
  'GET /_synapse/admin/v1/rooms/{room_id}/messages': {
    commands: ['redact-user', 'takedown', 'messages', 'redact'],
  },
  'GET /_synapse/admin/v1/rooms/{room_id}/state': { commands: ['room-state', 'redact'] },
  'GET /_synapse/admin/v1/rooms/{room_id}/timestamp_to_event': { commands: ['messages'] },
  'GET /_synapse/admin/v1/scheduled_tasks': {
    commands: ['redact-user', 'delete-room', 'purge-history', 'redact', 'room', 'tasks'],
  },
  'GET /_synapse/admin/v1/search_users/{target_user_id}': {
    none: 'undocumented, and its answer holds password hashes; `users --name` searches, too',
  },
  'POST /_synapse/admin/v1/send_server_notice': {
    none: 'the same request with a transaction ID sends a notice once, even if it is repeated',
  },
  'PUT /_synapse/admin/v1/send_server_notice/{txn_id}': { commands: ['server-notice'] },
  'GET /_synapse/admin/v1/server_version': { commands: ['version'] },
  'GET /_synapse/admin/v1/statistics/database/rooms': { commands: ['large-rooms'] },
  'GET /_synapse/admin/v1/statistics/users/media': {
    commands: ['delete-local-media', 'delete-media', 'media-stats'],
  },
  'PUT /_synapse/admin/v1/suspend/{user_id}': { commands: ['suspend', 'takedown', 'unsuspend'] },
  'GET /_synapse/admin/v1/threepid/{medium}/users/{address}': { commands: ['find-user'] },
  'GET /_synapse/admin/v1/user/redact_status/{redact_id}': {
    commands: ['redact-user', 'takedown', 'redact'],
  },
  'POST /_synapse/admin/v1/user/{user_id}/media/quarantine': {
    commands: ['takedown', 'quarantine'],
  },
  'POST /_synapse/admin/v1/user/{user_id}/redact': {
    commands: ['redact-user', 'takedown', 'redact'],
  },
  'GET /_synapse/admin/v1/user_reports': { commands: ['reports'] },
  'DELETE /_synapse/admin/v1/user_reports/{report_id}': { commands: ['report'] },
  'GET /_synapse/admin/v1/user_reports/{report_id}': { commands: ['report'] },
  'GET /_synapse/admin/v1/username_available': { commands: ['create-user', 'username-available'] },
  'GET /_synapse/admin/v2/users': { commands: ['recent-users', 'users'] },
  'GET /_synapse/admin/v3/users': {
    none: 'version 2 gives the same accounts, and `users --deactivated-only` picks out the deactivated ones',
  },
  'GET /_synapse/admin/v2/users/{user_id}': { commands: ['user'] },
  'PUT /_synapse/admin/v2/users/{user_id}': {
    commands: ['approve', 'create-user', 'edit-user', 'lock', 'reactivate', 'unlock'],
  },
  'POST /_synapse/admin/v1/users/{user_id}/_allow_cross_signing_replacement_without_uia': {
    commands: ['allow-cross-signing-reset'],
  },
  'GET /_synapse/admin/v1/users/{user_id}/accountdata': { commands: ['account-data'] },
  'GET /_synapse/admin/v1/users/{user_id}/admin': { commands: ['admin'] },
  'PUT /_synapse/admin/v1/users/{user_id}/admin': { commands: ['admin'] },
  'GET /_synapse/admin/v1/users/{user_id}/cumulative_joined_room_count': {
    commands: ['recent-users'],
  },
  'POST /_synapse/admin/v2/users/{user_id}/delete_devices': {
    commands: ['delete-device', 'end-sessions'],
  },
  'GET /_synapse/admin/v2/users/{user_id}/devices': {
    commands: ['user', 'devices', 'end-sessions', 'sessions'],
  },
  'POST /_synapse/admin/v2/users/{user_id}/devices': { commands: ['add-device'] },
  'DELETE /_synapse/admin/v2/users/{user_id}/devices/{device_id}': { commands: ['delete-device'] },
  'GET /_synapse/admin/v2/users/{user_id}/devices/{device_id}': { commands: ['device'] },
  'PUT /_synapse/admin/v2/users/{user_id}/devices/{device_id}': {
    commands: ['add-device', 'rename-device'],
  },
  'GET /_synapse/admin/v1/users/{user_id}/joined_rooms': { commands: ['joined-rooms'] },
  'POST /_synapse/admin/v1/users/{user_id}/login': { commands: ['login-as'] },
  'DELETE /_synapse/admin/v1/users/{user_id}/media': { commands: ['takedown', 'delete-media'] },
  'GET /_synapse/admin/v1/users/{user_id}/media': {
    commands: ['takedown', 'user', 'delete-media', 'media', 'quarantine', 'unquarantine'],
  },
  'GET /_synapse/admin/v1/users/{user_id}/memberships': { commands: ['memberships'] },
  'DELETE /_synapse/admin/v1/users/{user_id}/override_ratelimit': { commands: ['ratelimit'] },
  'GET /_synapse/admin/v1/users/{user_id}/override_ratelimit': { commands: ['ratelimit'] },
  'POST /_synapse/admin/v1/users/{user_id}/override_ratelimit': { commands: ['ratelimit'] },
  'GET /_synapse/admin/v1/users/{user_id}/pushers': { commands: ['pushers'] },
  'GET /_synapse/admin/v1/users/{user_id}/sent_invite_count': { commands: ['recent-users'] },
  'DELETE /_synapse/admin/v1/users/{user_id}/shadow_ban': { commands: ['unshadow-ban'] },
  'POST /_synapse/admin/v1/users/{user_id}/shadow_ban': { commands: ['shadow-ban'] },
  'GET /_synapse/admin/v1/whois/{user_id}': { commands: ['recent-users', 'users', 'whois'] },
};
