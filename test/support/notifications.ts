import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';

interface Notifications {
  readonly notifications: readonly {
    readonly event: { readonly event_id: string };
    readonly actions: readonly unknown[];
  }[];
}

/**
 * The events of a room that this person's client would highlight, by the server's default push rules.
 * GET /_matrix/client/v3/notifications
 */
export async function highlightsOf(user: MatrixUser): Promise<string[]> {
  const { notifications } = await user.request<Notifications>(
    'GET',
    '/_matrix/client/v3/notifications',
    { query: { only: 'highlight', limit: 100 } },
  );
  return notifications.map(({ event }) => event.event_id);
}
