import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { homeserver } from './homeserver.ts';
import { openRoom } from './room.ts';
import type { TestRoom } from './room.ts';

export interface CutOffRoom extends AsyncDisposable {
  readonly room: TestRoom;
  /** Between the bot and the admin API. */
  readonly gate: Gate;
  /**
   * An admin of the room types a line, and the bot never gets the homeserver's answer to this request.
   *
   * @param how whether the homeserver gets the request
   * @returns the event of the line
   */
  cutOff(
    line: string,
    request: readonly [method: string, path: RegExp],
    how: 'carried out' | 'lost',
  ): Promise<string>;
}

/** A room whose bot can be cut off from the admin API, to test what `reconcile` finds out. */
export async function openCutOffRoom(): Promise<CutOffRoom> {
  const gate = await openGate(homeserver().url);
  const room = await openRoom({ homeserver: { adminUrl: gate.url, requestTimeout: '1s' } });
  return {
    room,
    gate,
    async cutOff(line, [method, path], how) {
      const meeting = gate.meet(method, path);
      const said = await room.ana.say(line);
      const passage = await meeting;
      if (how === 'carried out') {
        await passage.forward();
      }
      passage.drop();
      return said;
    },
    async [Symbol.asyncDispose]() {
      await room.close();
      await gate[Symbol.asyncDispose]();
    },
  };
}
