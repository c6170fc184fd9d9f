import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, asUserId, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const account = async (userId: string) => adminApi().users.get(asUserId(userId));

describe('a second person must confirm', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openRoom({ confirmation: { destructive: 'other' } });
  });
  afterAll(async () => room.close());

  it('of two who confirm at once one does it, and both names are kept', async () => {
    const mallory = await newUser('mallory');
    const carol = await newUser('carol', { displayName: 'Carol' });
    await room.ana.user.invite(room.id, carol.userId);
    await carol.join(room.id);
    await room.ana.user.setState(room.id, 'm.room.power_levels', {
      users: { [room.ben.user.userId]: 50, [carol.userId]: 50 },
    });
    await room.ben.until('Carol to have power', () =>
      room.ben.events.find((event) => event.type === 'm.room.power_levels'),
    );

    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    const code = confirmation.field.confirmation?.code ?? '';
    const [ben, carols] = await Promise.all([
      room.ben.say(`!confirm ${code}`),
      carol.sendText(room.id, `!confirm ${code}`),
    ]);
    const answers = await Promise.all([room.ben.answerTo(ben), room.ben.answerTo(carols)]);
    expect(answers.map(({ field }) => field.status).sort()).toEqual(['done', 'failed']);
    expect(answers.find(({ field }) => field.status === 'failed')?.body).toContain(
      'was already confirmed by',
    );

    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.body).toMatch(/Asked by Ana \(@ana\S+\), confirmed by (Ben|Carol) \(@/u);
    expect(outcome.field.audit).toHaveLength(1);
    const entry = await room.ana.ask(`!audit ${outcome.field.audit[0]}`);
    expect(entry.field.data).toMatchObject({ actor: room.ana.user.userId });
    expect([room.ben.user.userId, carol.userId]).toContain(
      (entry.field.data as { confirmer: string }).confirmer,
    );
    const all = await room.ana.ask(`!audit --target ${mallory.userId}`);
    expect(all.field.data).toHaveLength(1);
  });

  it('a yes to a colleague in the thread confirms nothing, as a client sends it', async () => {
    const mallory = await newUser('mallory');
    const root = await room.ana.say('about the spam');
    const command = await room.ana.sayInThread(root, `!deactivate ${mallory.userId}`);
    const confirmation = await room.ana.answerTo(command);
    const inThread = (body: string, isFallback: boolean) =>
      room.ben.user.send(room.id, 'm.room.message', {
        msgtype: 'm.text',
        body,
        'm.relates_to': {
          rel_type: 'm.thread',
          event_id: root,
          is_falling_back: isFallback,
          'm.in_reply_to': { event_id: confirmation.event },
        },
      });
    const yes = await inThread('yes', true);
    const asked = await room.ben.answerTo(yes);
    expect(asked.body).toContain('may be meant for somebody else');
    expect(asked.body).toContain(`!confirm ${confirmation.field.confirmation?.code}`);
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
    // Chosen as a reply, it does.
    await inThread('yes', false);
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: true });
  });

  it('who asked can’t confirm, and the confirmation stays open', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    const code = confirmation.field.confirmation?.code ?? '';
    const refused = await room.ana.ask(`!confirm ${code}`);
    expect(refused.field.status).toBe('denied');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
    expect((await room.ben.ask(`!confirm ${code}`)).field.status).toBe('done');
  });

  it('drops the confirmation if who asked has lost the role since, whoever confirms', async () => {
    const { ana, ben } = room;
    const [mallory, dora] = await Promise.all([newUser('mallory'), newUser('dora')]);
    await ana.user.invite(room.id, dora.userId);
    await dora.join(room.id);
    const levels = async (users: Record<string, number>) =>
      ana.user.setState(room.id, 'm.room.power_levels', { users });
    await levels({ [ben.user.userId]: 50, [dora.userId]: 50 });
    const asked = await dora.sendText(room.id, `!deactivate ${mallory.userId}`);
    const confirmation = await ben.answerTo(asked);
    expect(confirmation.field.status).toBe('pending');
    await levels({ [ben.user.userId]: 50 });

    const code = confirmation.field.confirmation?.code ?? '';
    expect((await ben.ask(`!confirm ${code}`)).field.status).toBe('denied');
    expect((await ben.outcomeOf(confirmation, 'denied')).body).toContain('(you are a viewer)');
    expect((await ana.ask(`!confirm ${code}`)).field.status).toBe('failed');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
  });
});

describe('who asked confirms', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openRoom();
  });
  afterAll(async () => room.close());

  it('others can’t, by code or by reaction', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    const code = confirmation.field.confirmation?.code ?? '';
    await room.ben.user.react(room.id, confirmation.event, '✅');
    expect((await room.ben.answerTo(confirmation.event)).body).toContain(
      `only Ana (${room.ana.user.userId}), who asked, can confirm ${code}`,
    );
    expect((await room.ben.ask(`!confirm ${code}`)).field.status).toBe('denied');
    expect((await room.vic.ask(`!cancel ${code}`)).field.status).toBe('denied');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
    expect((await room.ana.ask(`!confirm ${code}`)).field.status).toBe('done');
  });

  it('runs once, however often it is confirmed', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    const code = confirmation.field.confirmation?.code ?? '';
    await room.ana.user.react(room.id, confirmation.event, '✅');
    await room.ana.outcomeOf(confirmation, 'done');
    const again = await room.ana.ask(`!confirm ${code}`);
    expect(again.field.status).toBe('failed');
    expect(again.body).toContain('Each confirmation runs once');
  });

  it('survives a restart of the bot', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    await room.stopBot();
    await room.startBot();
    expect((await room.ana.ask('!confirm')).field.status).toBe('done');
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: true });
  });

  it('finds out when the account became protected in between, and drops the confirmation', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    await adminApi().users.setAdmin(asUserId(mallory.userId), true);
    expect((await room.ana.ask('!confirm')).field.status).toBe('protected');
    const outcome = await room.ana.outcomeOf(confirmation, 'protected');
    expect(outcome.body).toContain('is a server admin');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
  });

  it('without a code asks which, where there are several', async () => {
    const [first, second] = await Promise.all([newUser('one'), newUser('two')]);
    await room.ana.ask(`!deactivate ${first.userId}`);
    await room.ana.ask(`!deactivate ${second.userId}`);
    const pending = await room.ana.ask('!pending');
    expect(pending.body).toContain(first.userId);
    expect(pending.body).toContain(second.userId);
    const unclear = await room.ana.ask('!cancel');
    expect(unclear.body).toContain('you have 2 pending confirmations; which one?');
    expect(unclear.body).toMatch(
      new RegExp(
        `!cancel [A-Z0-9]{4}: deactivate ${first.userId}, asked by ${room.ana.user.userId}`,
      ),
    );
    expect(unclear.body).toContain(`deactivate ${second.userId}`);
    expect(await account(first.userId)).toMatchObject({ deactivated: false });
  });
});

describe('a confirmation that nobody answers', () => {
  it('expires, and says so itself', async () => {
    const room = await openRoom({ confirmation: { expiresAfter: '1s' } });
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    const outcome = await room.ana.outcomeOf(confirmation, 'expired');
    expect(outcome.body).toContain('Expired');
    expect(
      (await room.ana.ask(`!confirm ${confirmation.field.confirmation?.code}`)).body,
    ).toContain('expired');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
    await room.close();
  });
});

describe('a reply to the confirmation', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openRoom();
  });
  afterAll(async () => room.close());

  const reply = async (to: string, body: string) =>
    room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body,
      'm.relates_to': { 'm.in_reply_to': { event_id: to } },
    });

  it('decides by a plain word, or by !confirm without a code', async () => {
    const [first, second, third] = await Promise.all([
      newUser('one'),
      newUser('two'),
      newUser('three'),
    ]);
    const confirmations = [];
    for (const user of [first, second, third]) {
      confirmations.push(await room.ana.ask(`!deactivate ${user.userId}`));
    }
    const [one, two, three] = confirmations;
    await room.ana.answerTo(await reply(two?.event ?? '', 'Yes!'));
    expect(await account(second.userId)).toMatchObject({ deactivated: true });
    await room.ana.answerTo(await reply(three?.event ?? '', '!confirm'));
    expect(await account(third.userId)).toMatchObject({ deactivated: true });
    await room.ana.answerTo(await reply(one?.event ?? '', 'no'));
    expect(await account(first.userId)).toMatchObject({ deactivated: false });
    expect((await room.ana.ask('!pending')).body).toContain('No pending confirmations');
  });

  it('a yes to anything else is talk', async () => {
    const hello = await room.ana.say('shall we?');
    const yes = await reply(hello, 'yes');
    await room.ana.ask('!version');
    expect(room.ana.answersTo(yes)).toEqual([]);
  });
});

describe('the account changes between confirmation and answer', () => {
  it('what there is nothing left to do about is said, and not done', async () => {
    const room = await openRoom();
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    await adminApi().users.deactivate(asUserId(mallory.userId), { erase: false });
    const answer = await room.ana.ask('!confirm');
    expect(answer.body).toContain('is already deactivated');
    const outcome = await room.ana.outcomeOf(confirmation, 'failed');
    expect(outcome.body).toContain('is already deactivated');
    await room.close();
  });
});
