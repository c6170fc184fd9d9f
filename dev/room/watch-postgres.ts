import { Socket } from 'node:net';

/** What is told of a connection to PostgreSQL. */
export interface Watcher {
  /** A statement is to be sent. */
  readonly onStatement: (socket: Socket, sql: string) => void;
}

const protocolVersion = 196_608;

/**
 * Watches all statements that this process sends to PostgreSQL, by what goes over the wire: the program that tests
 * run has its client built in. Source: “Message Formats” of PostgreSQL. The client writes each message by itself.
 */
export function watchPostgres({ onStatement }: Watcher): void {
  const connections = new WeakSet<Socket>();
  const { write } = Socket.prototype;
  Socket.prototype.write = function writeWatched(this: Socket, ...parameters: unknown[]) {
    const [chunk] = parameters;
    if (Buffer.isBuffer(chunk) && chunk.length > 8) {
      if (connections.has(this)) {
        const sql = statementIn(chunk);
        if (sql !== undefined) {
          onStatement(this, sql);
        }
      } else if (chunk.readUInt32BE(4) === protocolVersion) {
        connections.add(this);
      }
    }
    return write.apply(this, parameters as Parameters<typeof write>);
  };
}

/** The statement of a message, if it has one. */
function statementIn(message: Buffer): string | undefined {
  const [type = 0] = message;
  const texts = message.toString('utf8', 5).split('\0');
  switch (String.fromCodePoint(type)) {
    case 'Q':
      return texts[0];
    case 'P':
      // The name of the statement comes first.
      return texts[1];
    default:
      return undefined;
  }
}
