import type { UserId } from '../../core/ids.ts';
import { apiObject, eventId } from '../decode.ts';
import type { SendRequest } from '../http.ts';

/** A message in plain text and in HTML. */
export interface NoticeText {
  readonly body: string;
  readonly formattedBody: string;
}

/** Messages of the server to its users, by `/_synapse/admin/v1/send_server_notice`. */
export function serverNoticesApi(send: SendRequest) {
  return {
    /**
     * Sends a message to an account, in a room of its own for such messages.
     * PUT /_synapse/admin/v1/send_server_notice/{txn_id}
     *
     * @param transactionId the server sends nothing if it has seen this ID, not even to another account
     * @returns the event
     * @throws HomeserverError 404 unknown account, 400 account of another server, or notices are not configured
     */
    async send(user: UserId, text: NoticeText, transactionId: string) {
      const { eventId: event } = await send(
        'PUT',
        '/_synapse/admin/v1/send_server_notice/{txn_id}',
        {
          path: { txn_id: transactionId },
          body: {
            user_id: user,
            content: {
              msgtype: 'm.text',
              body: text.body,
              format: 'org.matrix.custom.html',
              formatted_body: text.formattedBody,
            },
          },
          answer: apiObject({ event_id: eventId }),
          retry: 'idempotent',
        },
      );
      return event;
    },
  };
}
