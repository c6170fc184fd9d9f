import { EventEmitter, once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a gate does with one request. */
export interface Passage {
  readonly method: string;
  readonly path: string;
  /**
   * Sends the request to the homeserver, even if the client is gone. Resolves with the whole answer,
   * which is not passed on yet.
   */
  forward(): Promise<{ status: number; body: string }>;
  /** Passes on the homeserver's answer. */
  answer(): void;
  /** Answers instead of the homeserver. */
  respond(status: number, body: string, headers?: Readonly<Record<string, string>>): void;
  /** Passes on half of the homeserver's answer, then drops the connection. */
  breakOff(): void;
  /** Drops the connection. */
  drop(): void;
}

export interface Gate extends AsyncDisposable {
  readonly url: string;
  /**
   * Holds the next request with this method and a matching path. Resolves when all of it has arrived;
   * the test then decides what to do with it.
   */
  meet(method: string, path: RegExp): Promise<Passage>;
  /** Resolves when the next request like this has been passed through and answered. */
  met(method: string, path: RegExp): Promise<void>;
  /** Drops every connection with a matching path, even a held one, until `open`. */
  close(path: RegExp): void;
  open(): void;
  /** Resolves when this number of such requests has been turned away since `close`. */
  turnedAway(method: string, path: RegExp, times: number): Promise<void>;
  /** The number of requests with this method and path so far. */
  count(method: string, path: RegExp): number;
  /** The same, without those that a dying client has sent only in part: they never reach the homeserver. */
  arrived(method: string, path: RegExp): number;
}

interface Meeting {
  readonly method: string;
  readonly path: RegExp;
  readonly resolve: (passage: Passage) => void;
}

/**
 * Opens a gate between the bot and a real homeserver: a proxy that passes everything on unchanged,
 * except for the requests that a test wants to hold.
 */
export async function openGate(homeserverUrl: string): Promise<Gate> {
  const target = new URL(homeserverUrl);
  const meetings: Meeting[] = [];
  const seen: { method: string; path: string }[] = [];
  const whole: { method: string; path: string }[] = [];
  const inFlight = new Set<Passage>();
  let closed: RegExp | undefined;
  let refused: { method: string; path: string }[] = [];
  const refusals = new EventEmitter();
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '' } = incoming;
    seen.push({ method, path });
    const sent = incoming.toArray().then((chunks) => Buffer.concat(chunks));
    // The client may have been killed in the meantime.
    sent.then(
      () => whole.push({ method, path }),
      () => undefined,
    );
    const passage = passageFor(target, incoming, sent, outgoing);
    if (closed?.test(path) === true) {
      passage.drop();
      refused.push({ method, path });
      refusals.emit('refused');
      return;
    }
    inFlight.add(passage);
    outgoing.once('close', () => inFlight.delete(passage));
    const at = meetings.findIndex((one) => one.method === method && one.path.test(path));
    const [meeting] = at === -1 ? [] : meetings.splice(at, 1);
    if (meeting === undefined) {
      passage.forward().then(passage.answer, passage.drop);
    } else {
      sent.then(
        () => meeting.resolve(passage),
        () => meetings.push(meeting),
      );
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    meet: async (method, path) =>
      new Promise((resolve) => {
        meetings.push({ method, path, resolve });
      }),
    async met(method, path) {
      const passage = await new Promise<Passage>((resolve) => {
        meetings.push({ method, path, resolve });
      });
      await passage.forward();
      passage.answer();
    },
    close(path) {
      closed = path;
      refused = [];
      inFlight.forEach((passage) => path.test(passage.path) && passage.drop());
    },
    open() {
      closed = undefined;
    },
    async turnedAway(method, path, times) {
      const fits = () =>
        refused.filter((one) => one.method === method && path.test(one.path)).length >= times;
      while (!fits()) {
        await once(refusals, 'refused');
      }
    },
    count: (method, path) =>
      seen.filter((one) => one.method === method && path.test(one.path)).length,
    arrived: (method, path) =>
      whole.filter((one) => one.method === method && path.test(one.path)).length,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function passageFor(
  target: URL,
  incoming: IncomingMessage,
  sent: Promise<Buffer>,
  outgoing: ServerResponse,
): Passage {
  const { method = '', url: path = '' } = incoming;
  let received: { status: number; headers: IncomingMessage['headers']; body: Buffer } | undefined;
  return {
    method,
    path,
    async forward() {
      const content = await sent;
      const upstream = forward({
        host: target.hostname,
        port: target.port,
        method,
        path,
        headers: incoming.headers,
      });
      upstream.end(content);
      const [response] = (await once(upstream, 'response')) as [IncomingMessage];
      const body = Buffer.concat(await response.toArray());
      received = { status: response.statusCode ?? 502, headers: response.headers, body };
      return { status: received.status, body: body.toString() };
    },
    answer() {
      outgoing.writeHead(received?.status ?? 502, received?.headers).end(received?.body);
    },
    respond(status, body, headers = {}) {
      outgoing.writeHead(status, headers).end(body);
    },
    breakOff() {
      const { status = 502, body = Buffer.alloc(0) } = received ?? {};
      outgoing.writeHead(status, { 'content-length': body.length });
      outgoing.write(body.subarray(0, body.length / 2), () => incoming.socket.destroy());
    },
    drop() {
      incoming.socket.destroy();
    },
  };
}
