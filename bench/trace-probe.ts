/**
 * Preloaded into the bot (`node --import …/trace-probe.ts …`), this appends a line of JSON to the file that
 * LAWSPEAKER_TRACE names for each answer: what happened from the arrival of the command to the answer, in
 * milliseconds.
 */
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';

import Database from 'better-sqlite3';

/** Something that happened while the bot worked on an answer. */
export interface Moment {
  readonly atMs: number;
  readonly what: string;
}

const file = process.env['LAWSPEAKER_TRACE'] ?? '';
let moments: Moment[] = [];
let beganMs = 0;

const note = (what: string) => moments.push({ atMs: performance.now() - beganMs, what });

/** `GET /users/{…}`: the last segments of a path, without IDs. */
function nameOf({ method, path }: ClientRequest): string {
  const words = path
    .replace(/\?.*$/u, '')
    .replace(/^\/_(?:matrix\/client|synapse\/admin)\/v\d+/u, '')
    .split('/')
    .map((word) => (/^(?:%|!|\$|lawspeaker-)/u.test(word) ? '{}' : word));
  return `${method} ${words.join('/')}`;
}

const isSync = ({ path }: ClientRequest) => path.includes('/v3/sync');

subscribe('http.client.request.created', (message) => {
  note(`${nameOf((message as { request: ClientRequest }).request)} …`);
});
subscribe('http.client.response.finish', (message) => {
  const { request } = message as { request: ClientRequest };
  if (isSync(request)) {
    moments = [];
    beganMs = performance.now();
  }
  note(nameOf(request));
  if (request.method === 'PUT' && request.path.includes('/send/m.room.message/')) {
    appendFileSync(file, `${JSON.stringify(moments)}\n`);
  }
});

const { prepare } = Database.prototype as { prepare: (sql: string) => Database.Statement };
Database.prototype.prepare = function prepareTraced(this: Database.Database, sql: string) {
  const statement = prepare.call(this, sql);
  if (/^commit/iu.test(sql)) {
    const run = statement.run.bind(statement);
    Object.defineProperty(statement, 'run', {
      value: () => {
        const begin = performance.now();
        const result = run();
        const level = this.pragma('synchronous', { simple: true });
        const took = (performance.now() - begin).toFixed(1);
        note(`commit ${level === 2 ? 'to the disk' : ''} (${took} ms)`);
        return result;
      },
    });
  }
  return statement;
} as typeof Database.prototype.prepare;
