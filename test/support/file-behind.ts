import type { Moderator } from '../../dev/room/moderator.ts';
import type { MatrixEvent } from '../../dev/synapse/matrix-user.ts';

/** The text of the newest file of this name that the bot has sent. */
export async function fileBehind(who: Moderator, name: string): Promise<string> {
  const event = await who.until(`the file ${name}`, () =>
    who.events.findLast(
      ({ content }: MatrixEvent) => content['msgtype'] === 'm.file' && content['body'] === name,
    ),
  );
  const url = String(event.content['url']).replace('mxc://', '');
  const response = await fetch(
    `${who.user.homeserverUrl}/_matrix/client/v1/media/download/${url}`,
    { headers: { authorization: `Bearer ${who.user.account.accessToken}` } },
  );
  return response.text();
}
