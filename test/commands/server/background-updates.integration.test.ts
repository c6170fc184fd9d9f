import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';
import type { StandIn } from '../../support/stand-in.ts';

const root = '/_synapse/admin/v1/background_updates';

let enabled = true;
let tellsStatus = true;
let standIn: StandIn;
let room: TestRoom;
beforeAll(async () => {
  // All tests of a run share one homeserver, and its updates.
  standIn = await startStandIn(({ method, path, body }) => {
    if (path === `${root}/status` && !tellsStatus) {
      return { status: 403, body: { errcode: 'M_FORBIDDEN' } };
    }
    if (path === `${root}/status`) {
      const update = {
        name: 'populate_stats',
        total_item_count: 1200,
        total_duration_ms: 65_000,
        average_items_per_ms: null,
      };
      return { enabled, current_updates: { master: update } };
    }
    if (path !== `${root}/enabled`) {
      return undefined;
    }
    if (method === 'POST') {
      ({ enabled } = body as { enabled: boolean });
    }
    return { enabled };
  });
  room = await openRoom({ homeserver: { adminUrl: standIn.url } });
});
afterAll(async () => {
  await room.close();
  await standIn[Symbol.asyncDispose]();
});

describe('background-updates', () => {
  it('shows what runs, to viewers too', async () => {
    const answer = await room.vic.ask('!background-updates');
    expect(answer.field).toMatchObject({ status: 'done', audit: [], data: { enabled: true } });
    expect(answer.body).toContain('Background updates are enabled');
    expect(answer.body).toContain('Running: populate_stats in master, 1,200 rows done in 1 minute');
  });

  it('stops them and lets them go on, each once', async () => {
    const stopped = await room.ben.ask('!background-updates --disable --reason "peak hours"');
    expect(stopped.field).toMatchObject({ status: 'done', data: { enabled: false } });
    expect(stopped.body).toContain('✅ Stopped background updates');
    expect(stopped.field.audit).toHaveLength(1);
    expect(enabled).toBe(false);
    const again = await room.ben.ask('!background-updates --disable');
    expect(again.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect((await room.vic.ask('!background-updates')).body).toContain('⚠️');
    const going = await room.ben.ask(`!undo ${stopped.field.audit[0]}`);
    expect(going.body).toContain('✅ Resumed background updates');
    expect(enabled).toBe(true);
  });

  it('says that they were stopped even if Synapse then refuses to tell what runs', async () => {
    tellsStatus = false;
    try {
      const stopped = await room.ben.ask('!background-updates --disable');
      expect(stopped.field).toMatchObject({ status: 'done', data: { enabled: false } });
      expect(stopped.body).toContain('✅ Stopped background updates');
      expect(stopped.body).toContain('did not say what is running');
      expect((await room.ben.ask('!background-updates')).field.status).toBe('failed');
    } finally {
      tellsStatus = true;
    }
    await room.ben.ask('!background-updates --enable');
    expect(enabled).toBe(true);
  });

  it('changes nothing on a dry run, for viewers, or where it is told both', async () => {
    const dry = await room.ben.ask('!background-updates --disable --dry-run');
    expect(dry.field).toMatchObject({ status: 'dry_run' });
    expect(dry.body).toContain('Stop background updates');
    const shown = await room.ben.ask('!background-updates --dry-run');
    expect(shown.field).toMatchObject({ status: 'dry_run' });
    expect(shown.body).toContain('Dry run, nothing was changed: Show background updates\n');
    const viewer = await room.vic.ask('!background-updates --disable');
    expect(viewer.field).toMatchObject({ status: 'denied' });
    const both = await room.ben.ask('!background-updates --enable --disable');
    expect(both.field).toMatchObject({ status: 'usage' });
    expect(enabled).toBe(true);
  });
});

describe('background-updates --start', () => {
  let server: OwnHomeserver;
  let own: TestRoom;
  beforeAll(async () => {
    server = await startOwnHomeserver();
    own = await openRoom({}, { server });
  });
  afterAll(async () => {
    await own.close();
    await server.stop();
  });

  it('starts an update, and says that it waits while updates are stopped', async () => {
    const started = await own.ben.ask('!background-updates --start regenerate_directory');
    expect(started.field).toMatchObject({
      status: 'done',
      data: { started: 'regenerate_directory' },
    });
    expect(started.body).toContain('✅ Started the background update regenerate_directory');
    expect(started.field.audit).toHaveLength(1);

    await own.ben.ask('!background-updates --disable');
    const line = '!background-updates --start populate_stats_process_rooms';
    const dryRun = await own.ben.ask(`${line} --dry-run`);
    expect(dryRun.body).toContain('Start the background update populate_stats_process_rooms');
    const waiting = await own.ben.ask(line);
    expect(waiting.body).toContain('⚠️ Started');
    expect(waiting.body).toContain('it waits until somebody resumes them');
    const twice = await own.ben.ask(line);
    expect(twice.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(twice.body).toContain('It is already running or waiting');
    await own.ben.ask('!background-updates --enable');
  });

  it('knows which updates there are, and takes one wish at a time', async () => {
    const unknown = await own.ben.ask('!background-updates --start populate');
    expect(unknown.field).toMatchObject({ status: 'usage' });
    expect(unknown.body).toContain('regenerate_directory');
    const both = await own.ben.ask('!background-updates --enable --start event_resign');
    expect(both.field).toMatchObject({ status: 'usage' });
    const viewer = await own.vic.ask('!background-updates --start event_resign');
    expect(viewer.field).toMatchObject({ status: 'denied' });
  });
});
