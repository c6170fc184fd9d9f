import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, newToken, uniqueLocalpart } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { registrationTokens } = adminApi();
const day = 86_400_000;

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const find = async (token: string) => registrationTokens.find(token);

describe('create-token', () => {
  it('makes a random one without limits', async () => {
    const answer = await room.ben.ask('!create-token');
    expect(answer.field).toMatchObject({ command: 'create-token', status: 'done' });
    const { token } = answer.field.data as { token: string };
    expect(answer.body).toContain(`✅ Created registration token ${token}`);
    expect(answer.body).toContain('Not used yet, no limit · never expires');
    expect(await find(token)).toMatchObject({ usesAllowed: null, expiryTime: null });
  });

  it('makes a given one with limits, and keeps it out of the audit log', async () => {
    const token = uniqueLocalpart('A.~_');
    const answer = await room.ben.ask(`!create-token --token ${token} --uses 3 --expires 7d`);
    expect(answer.body).toContain('Used 0 of 3 times · expires in');
    const made = await find(token);
    expect(made).toMatchObject({ usesAllowed: 3 });
    expect(Math.abs((made?.expiryTime ?? 0) - Date.now() - 7 * day)).toBeLessThan(60_000);
    const [entry] = answer.field.audit;
    const audit = await room.ana.ask(`!audit ${entry}`);
    expect(audit.field.data).toMatchObject({ status: 'done', arguments: { uses: 3 } });
    expect(audit.body).not.toContain(token);
    expect(JSON.stringify(audit.field)).not.toContain(token);

    const undo = await room.ben.ask(`!undo ${entry}`);
    expect(undo.field).toMatchObject({ command: 'delete-token', status: 'pending' });
    expect(undo.body).toContain(`Delete registration token ${token}?`);
    await room.ben.ask('!confirm');
    await room.ben.outcomeOf(undo, 'done');
    expect(await find(token)).toBeUndefined();
  });

  it('says what is wrong with a token that exists or can’t be', async () => {
    const { token } = await newToken();
    const twice = await room.ben.ask(`!create-token --token ${token}`);
    expect(twice.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(twice.body).toContain('already');
    for (const wrong of ['ümlaut', 'x'.repeat(65), '..', 'new', 'a/b', '"a b"']) {
      const answer = await room.ben.ask(`!create-token --token ${wrong}`);
      expect(answer.field).toMatchObject({ status: 'usage' });
    }
    for (const flags of ['--uses 0', '--expires 999999w']) {
      const none = await room.ben.ask(`!create-token ${flags}`);
      expect(none.field).toMatchObject({ status: 'usage', audit: [] });
    }
    const viewer = await room.vic.ask('!create-token');
    expect(viewer.field).toMatchObject({ status: 'denied' });
  });
});

describe('tokens and token', () => {
  it('show what can still be used, and what can’t', async () => {
    const usable = await newToken({ usesAllowed: 5 });
    const used = await newToken({ usesAllowed: 0 });
    const valid = await room.ben.ask('!tokens --valid --all --format csv');
    expect(valid.field.status).toBe('done');
    const shown = await room.ben.ask('!tokens --no-valid --limit 100');
    expect(shown.body).toContain(used.token);
    expect(shown.body).not.toContain(usable.token);
    const card = await room.ben.ask(`!token ${usable.token}`);
    expect(card.field).toMatchObject({
      status: 'done',
      data: { token: usable.token, uses_allowed: 5, completed: 0 },
    });
    expect(card.body).toContain(`${usable.token}: valid`);
    expect((await room.ben.ask(`!token ${used.token}`)).body).toContain(': used up');
  });

  it('goes through them page by page, each once', async () => {
    await Promise.all([newToken(), newToken()]);
    // Other tests make and delete tokens meanwhile: only these two are there for certain.
    const first = await room.ben.ask('!tokens --limit 1');
    const more = await room.ben.ask('!more');
    const tokensOf = (data: unknown) => (data as { rows: { token: string }[] }).rows;
    const rows = [...tokensOf(first.field.data), ...tokensOf(more.field.data)];
    expect(rows).toHaveLength(2);
    expect(new Set(rows.map(({ token }) => token)).size).toBe(2);
  });

  it('give commands that work for a token that looks like a flag', async () => {
    const token = `--${uniqueLocalpart('flag')}`;
    await registrationTokens.create({ token });
    const card = await room.ben.ask(`!token "${token}"`);
    expect(card.body).toContain(`!delete-token "${token}"`);
    const confirmation = await room.ben.ask(`!delete-token "${token}"`);
    expect(confirmation.field.status).toBe('pending');
    await room.ben.ask('!confirm');
    await room.ben.outcomeOf(confirmation, 'done');
    expect(await find(token)).toBeUndefined();
  });

  it('takes one that begins with a dash in quotes, and says so', async () => {
    const token = `-${uniqueLocalpart('dash')}`;
    await registrationTokens.create({ token });
    const bare = await room.ben.ask(`!token ${token}`);
    expect(bare.field.status).toBe('usage');
    expect(bare.body).toContain(`If it is a value, put it in quotes: "${token}".`);
    expect((await room.ben.ask(`!token "${token}"`)).field).toMatchObject({ status: 'done' });
    const value = await room.ben.ask(`!create-token --token ${token}`);
    expect(value.body).toContain(`--token needs a value.\nIf it is a value`);
  });

  it('say plainly that there is no such token', async () => {
    const unknown = await room.ben.ask('!token none-of-ours');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    for (const wrong of ['..', 'new', 'a/b']) {
      expect((await room.ben.ask(`!token ${wrong}`)).field).toMatchObject({ status: 'usage' });
    }
  });
});

describe('edit-token', () => {
  it('changes one limit and leaves the other', async () => {
    const { token } = await newToken({ usesAllowed: 3 });
    const expiring = await room.ben.ask(`!edit-token ${token} --expires 2d`);
    expect(expiring.field.status).toBe('done');
    expect(await find(token)).toMatchObject({ usesAllowed: 3, expiryTime: expect.any(Number) });
    const { expiryTime } = (await find(token)) ?? {};
    const free = await room.ben.ask(`!edit-token ${token} --unlimited`);
    expect(free.body).toContain('Not used yet, no limit · expires in');
    expect(await find(token)).toMatchObject({ usesAllowed: null, expiryTime });
    await room.ben.ask(`!edit-token ${token} --uses 0 --never`);
    expect(await find(token)).toMatchObject({ usesAllowed: 0, expiryTime: null });
  });

  it('is taken back exactly, by the audit entry that does not hold the token', async () => {
    const expiryTime = Date.now() + 3 * day + 1;
    const { token } = await newToken({ usesAllowed: 3, expiryTime });
    const edited = await room.ben.ask(`!edit-token ${token} --unlimited --never`);
    const [entry] = edited.field.audit;
    const audit = await room.ana.ask(`!audit ${entry}`);
    expect(JSON.stringify(audit.content)).not.toContain(token);
    const undone = await room.ben.ask(`!undo ${entry}`);
    expect(undone.field).toMatchObject({ command: 'edit-token', status: 'done' });
    expect(await find(token)).toMatchObject({ usesAllowed: 3, expiryTime });

    await room.ben.ask(`!edit-token ${token} --uses 9`);
    const again = await room.ben.ask(`!undo ${entry}`);
    expect(again.body).toContain(`#${entry} (edit-token) was already undone by #`);
    expect(await find(token)).toMatchObject({ usesAllowed: 9 });
  });

  it('stops the timer of an earlier change of the same token', async () => {
    const [{ token }, { token: other }] = [await newToken(), await newToken()];
    await room.ben.ask(`!edit-token ${token} --uses 0 --for 24h`);
    await room.ben.ask(`!edit-token ${other} --uses 0 --for 24h`);
    const newer = await room.ben.ask(`!edit-token ${token} --uses 50`);
    expect(newer.body.match(/^Timer \d+, which .* was stopped\.$/gmu)).toHaveLength(1);
  });

  it('refuses contradictions, nothing, and unknown tokens', async () => {
    const { token } = await newToken({ usesAllowed: 3 });
    for (const flags of [
      '',
      '--uses 5 --unlimited',
      '--expires 1d --never',
      '--expires-at 2020-01-01',
      '--uses many',
    ]) {
      const answer = await room.ben.ask(`!edit-token ${token} ${flags}`);
      expect(answer.field).toMatchObject({ status: 'usage', audit: [] });
    }
    expect(await find(token)).toMatchObject({ usesAllowed: 3, expiryTime: null });
    const unknown = await room.ben.ask('!edit-token none-of-ours --uses 5');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
  });
});

describe('delete-token', () => {
  it('shows how often it was used, waits, and deletes it', async () => {
    const { token } = await newToken({ usesAllowed: 3 });
    const confirmation = await room.ben.ask(`!delete-token ${token} --reason leaked`);
    expect(confirmation.field).toMatchObject({ command: 'delete-token', status: 'pending' });
    expect(confirmation.body).toContain(`Delete registration token ${token}?`);
    expect(confirmation.body).toContain('Used 0 of 3 times');
    expect(await find(token)).toBeDefined();
    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain(`✅ Deleted registration token ${token}`);
    expect(await find(token)).toBeUndefined();
    const [entry] = outcome.field.audit;
    const audit = await room.ana.ask(`!audit ${entry}`);
    expect(JSON.stringify(audit.field)).not.toContain(token);
    // Who knows the token can still find what was done to it.
    const hash = createHash('sha256').update(token).digest('hex').slice(0, 16);
    expect(audit.body).toContain(`#${entry} delete-token sha256:${hash}: done`);
    const found = await room.ana.ask(`!audit --text sha256:${hash}`);
    expect(found.body).toContain(`#${entry}`);
  });

  it('refuses unknown tokens, and one that is gone when it is confirmed', async () => {
    const unknown = await room.ben.ask('!delete-token none-of-ours');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    const { token } = await newToken();
    const confirmation = await room.ben.ask(`!delete-token ${token}`);
    await registrationTokens.delete(token);
    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(confirmation, 'failed');
    expect(outcome.field.error).toMatchObject({ code: 'unknown' });
  });
});
