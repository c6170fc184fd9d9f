/**
 * The smallest possible bot: it waits for messages, makes one admin API call for each, and replies. The time
 * that it takes is the time that Synapse takes. Arguments: the homeserver's URL, an access token, a room.
 */
import { Agent, request } from 'node:http';

const [url = '', accessToken = '', room = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const rooms = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;
const users = '/_synapse/admin/v2/users/';
const filter = encodeURIComponent(
  JSON.stringify({
    room: { rooms: [room], timeline: { types: ['m.room.message'] } },
    presence: { types: [] },
  }),
);

interface Sync {
  next_batch: string;
  rooms?: { join?: Record<string, { timeline: { events: Message[] } }> };
}

interface Message {
  event_id: string;
  content: { body?: string };
}

async function call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url + path,
      { method, agent, headers: { authorization: `Bearer ${accessToken}` } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve(JSON.parse(Buffer.concat(chunks).toString() || '{}') as Answer),
        );
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** `!user ID` reads an account; `!shadow-ban ID` and `!unshadow-ban ID` change one. */
async function carryOut(line: string): Promise<string> {
  const [command = '', user = ''] = line.split(' ');
  if (command === '!user') {
    return JSON.stringify(await call('GET', `${users}${encodeURIComponent(user)}`));
  }
  const method = command === '!shadow-ban' ? 'POST' : 'DELETE';
  const path = `/_synapse/admin/v1/users/${encodeURIComponent(user)}/shadow_ban`;
  return JSON.stringify(await call(method, path));
}

async function answer({ event_id: event, content: { body = '' } }: Message): Promise<void> {
  const text = await carryOut(body);
  await call('PUT', `${rooms}/send/m.room.message/${encodeURIComponent(event)}`, {
    msgtype: 'm.notice',
    body: text,
    'm.relates_to': { 'm.in_reply_to': { event_id: event } },
  });
}

let { next_batch: since } = await call<Sync>(
  'GET',
  `/_matrix/client/v3/sync?timeout=0&filter=${filter}`,
);
process.stdout.write('ready\n');
for (;;) {
  const news = await call<Sync>(
    'GET',
    `/_matrix/client/v3/sync?timeout=30000&filter=${filter}&since=${since}`,
  );
  since = news.next_batch;
  const messages = news.rooms?.join?.[room]?.timeline.events ?? [];
  messages
    .filter(({ content }) => content.body?.startsWith('!') === true)
    .forEach((message) => void answer(message));
}
