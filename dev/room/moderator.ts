import { setTimeout as wait } from 'node:timers/promises';

import type { MatrixEvent, MatrixUser } from '../synapse/matrix-user.ts';

/** What programs read of an answer. */
interface AnswerField {
  readonly command: string;
  readonly status: string;
  readonly audit: readonly number[];
  readonly confirmation?: { readonly code: string; readonly expires_at: number };
  readonly operation?: { readonly id: number; readonly state: string };
  readonly error?: { readonly code: string; readonly message: string };
  readonly data?: unknown;
  readonly truncated?: boolean;
}

/** An answer of the bot, with its latest edit. */
export interface Answer {
  readonly event: string;
  readonly body: string;
  readonly html: string;
  readonly edited: boolean;
  readonly field: AnswerField;
  readonly content: Readonly<Record<string, unknown>>;
}

const answerTimeoutMs = 60_000;
const longPollMs = 10_000;
const retryMs = 100;

/** The room's events alone: everything else in a sync costs Synapse queries, and nobody reads it. */
function timelineOf(room: string, limit: number): Record<string, unknown> {
  const none = { types: [] };
  return {
    presence: none,
    account_data: none,
    room: { rooms: [room], timeline: { limit }, ephemeral: none, account_data: none },
  };
}

/** What one member's client has seen of a room. It has its own sync loop. */
class RoomView {
  readonly events: MatrixEvent[] = [];
  readonly #user: MatrixUser;
  readonly #room: string;
  #since: string | undefined;
  /** How long something is waited for. */
  patienceMs = answerTimeoutMs;
  readonly #away = new AbortController();
  #waiting = new Set<() => void>();
  #loop: Promise<void> = Promise.resolve();

  constructor(user: MatrixUser, room: string) {
    this.#user = user;
    this.#room = room;
  }

  async open(): Promise<void> {
    this.#since = (await this.#user.sync({ filter: timelineOf(this.#room, 1) })).next_batch;
    this.#loop = this.#read();
  }

  async close(): Promise<void> {
    this.#away.abort();
    await this.#loop;
  }

  async #read(): Promise<void> {
    const filter = timelineOf(this.#room, 100);
    const { signal } = this.#away;
    while (!signal.aborted) {
      try {
        const options = { since: this.#since, timeoutMs: longPollMs, filter, signal };
        const answer = await this.#user.sync(options);
        this.#since = answer.next_batch;
        const events = answer.rooms?.join?.[this.#room]?.timeline.events ?? [];
        if (events.length > 0) {
          this.events.push(...events);
          this.#waiting.forEach((wake) => wake());
        }
      } catch {
        // The server is down, as some tests want: try again.
        await wait(signal.aborted ? 0 : retryMs);
      }
    }
  }

  async until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    const found = find();
    if (found !== undefined) {
      return found;
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const last = this.events.slice(-5).map((event) => JSON.stringify(event.content));
        reject(new Error(`timed out waiting for ${what}; the last events:\n${last.join('\n')}`));
      }, this.patienceMs);
      const look = () => {
        const seen = find();
        if (seen !== undefined) {
          clearTimeout(timer);
          this.#waiting.delete(look);
          resolve(seen);
        }
      };
      this.#waiting.add(look);
    });
  }

  follow(onEvents: () => void): void {
    this.#waiting.add(onEvents);
    onEvents();
  }
}

/**
 * A moderator with a client: types in the management room, reads the answers, and waits for events,
 * not for time to pass.
 */
export class Moderator {
  readonly user: MatrixUser;
  readonly room: string;
  readonly #ownView: RoomView;
  #view: RoomView;

  constructor(user: MatrixUser, room: string) {
    this.user = user;
    this.room = room;
    this.#ownView = new RoomView(user, room);
    this.#view = this.#ownView;
  }

  /** All events of the room since `look`, oldest first. */
  get events(): MatrixEvent[] {
    return this.#view.events;
  }

  /** Starts to read the room. Earlier messages are not seen. */
  async look(): Promise<this> {
    await this.#ownView.open();
    return this;
  }

  /**
   * Reads the room on the screen of another member, who sees the same: each sync loop costs
   * Synapse as much as sending the message that it waits for.
   */
  lookWith(other: Moderator): this {
    this.#view = other.#view;
    return this;
  }

  /** Waits longer than usual for everything: for what is known to take its time. */
  waitUpTo(ms: number): this {
    this.#view.patienceMs = ms;
    return this;
  }

  /** Stops reading, also for those who look with this moderator. */
  async lookAway(): Promise<void> {
    await this.#ownView.close();
  }

  /** Resolves with the result of `find` as soon as there is one. */
  async until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    return this.#view.until(what, find);
  }

  /** Calls `onEvents` now and after each new event. */
  follow(onEvents: () => void): void {
    this.#view.follow(onEvents);
  }

  /** Types a line; returns its event ID. */
  async say(text: string): Promise<string> {
    return this.user.sendText(this.room, text);
  }

  /** Types a command and waits for its answer; if that says that it runs, for what it says next. */
  async ask(text: string): Promise<Answer> {
    const { event } = await this.answerTo(await this.say(text));
    return this.until(`what ${text} leads to`, () => {
      const now = this.#latest(event);
      return now?.field.status === 'running' ? undefined : now;
    });
  }

  async answerTo(command: string): Promise<Answer> {
    return this.until(`an answer to ${command}`, () => this.answersTo(command)[0]);
  }

  /** The answer once it has one of these statuses, from the start or after an edit. */
  async outcomeOf(answer: Pick<Answer, 'event'>, ...statuses: string[]): Promise<Answer> {
    return this.until(`${answer.event} to become ${statuses.join(' or ')}`, () => {
      const now = this.#latest(answer.event);
      return now !== undefined && statuses.includes(now.field.status) ? now : undefined;
    });
  }

  /** Messages that the bot sent by itself, outside threads, with their latest edits. */
  unasked(): Answer[] {
    return this.events
      .filter(
        (event) =>
          event.content['dev.lawspeaker.answer'] !== undefined && relation(event) === undefined,
      )
      .flatMap((event) => this.#latest(event.event_id) ?? []);
  }

  /** The bot's messages in the thread of an event, oldest first, with their latest edits. */
  inThread(root: string): Answer[] {
    return this.events
      .filter((event) => {
        const { rel_type: type, event_id: id } = relation(event) ?? {};
        return (
          event.content['dev.lawspeaker.answer'] !== undefined && type === 'm.thread' && id === root
        );
      })
      .flatMap((event) => this.#latest(event.event_id) ?? []);
  }

  /** Types a command in the thread of an event. */
  async sayInThread(root: string, text: string): Promise<string> {
    return this.user.send(this.room, 'm.room.message', {
      msgtype: 'm.text',
      body: text,
      'm.relates_to': {
        rel_type: 'm.thread',
        event_id: root,
        is_falling_back: true,
        'm.in_reply_to': { event_id: root },
      },
    });
  }

  /** All answers to a command; there should be one. */
  answersTo(command: string): Answer[] {
    return this.events
      .filter((event) => relation(event)?.['m.in_reply_to']?.event_id === command)
      .flatMap((event) => this.#latest(event.event_id) ?? []);
  }

  /** The statuses that an answer has had, in order. */
  statusesOf(answer: Pick<Answer, 'event'>): string[] {
    return this.events.flatMap((event) => {
      const { rel_type: kind, event_id: target } = relation(event) ?? {};
      const isEdit = kind === 'm.replace' && target === answer.event;
      const field = event.content['dev.lawspeaker.answer'] as AnswerField | undefined;
      return field !== undefined && (isEdit || event.event_id === answer.event)
        ? [field.status]
        : [];
    });
  }

  #latest(event: string): Answer | undefined {
    const original = this.events.find((one) => one.event_id === event);
    const edit = this.events.findLast(
      (one) => relation(one)?.rel_type === 'm.replace' && relation(one)?.event_id === event,
    );
    const content = (edit?.content['m.new_content'] ?? original?.content) as
      | Record<string, unknown>
      | undefined;
    if (content === undefined) {
      return undefined;
    }
    return {
      event,
      body: String(content['body']),
      html: String(content['formatted_body']),
      edited: edit !== undefined,
      field: content['dev.lawspeaker.answer'] as AnswerField,
      content,
    };
  }
}

interface Relation {
  readonly rel_type?: string;
  readonly event_id?: string;
  readonly 'm.in_reply_to'?: { readonly event_id?: string };
}

function relation(event: MatrixEvent): Relation | undefined {
  return event.content['m.relates_to'] as Relation | undefined;
}
