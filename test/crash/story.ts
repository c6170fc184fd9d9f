import type { CrashRoom } from './crash-room.ts';

/** Statuses after which nothing more happens to an answer. */
const final = ['done', 'failed', 'partial', 'cancelled', 'expired'];

/** A command that was typed, and what is known of it in advance. */
export interface Said {
  readonly text: string;
  readonly event: string;
  readonly kind: 'change' | 'confirmed' | 'cancelled' | 'read' | 'decision' | 'refused';
  /** Whom it acts on. */
  readonly targets: readonly string[];
  /** Of a decision: the command that it confirms or cancels. */
  readonly decides?: string;
}

/** How Ben answers a confirmation. */
export type Decision = 'confirm' | 'cancel' | 'react';

/** Ana changes something that asks nobody. */
export async function change({ ana }: CrashRoom, ...targets: string[]): Promise<Said[]> {
  const text = `!shadow-ban ${targets.join(' ')}`;
  const event = await ana.say(text);
  await ana.outcomeOf(await ana.answerTo(event), ...final);
  return [{ text, event, kind: 'change', targets }];
}

/** Ana asks to deactivate, Ben decides; returns when the confirmation has become an outcome. */
export async function deactivation(
  { ana, ben, id }: CrashRoom,
  decision: Decision,
  ...targets: string[]
): Promise<Said[]> {
  const text = `!deactivate ${targets.join(' ')}`;
  const event = await ana.say(text);
  const confirmation = await ana.answerTo(event);
  const code = confirmation.field.confirmation?.code ?? '';
  const kind = decision === 'cancel' ? 'cancelled' : 'confirmed';
  const asked: Said = { text, event, kind, targets };
  if (decision === 'react') {
    await ben.react(id, confirmation.event, '✅');
    await ana.outcomeOf(confirmation, ...final);
    return [asked];
  }
  const line = `!${decision} ${code}`;
  const decided = await ben.sendText(id, line);
  await Promise.all([ana.answerTo(decided), ana.outcomeOf(confirmation, ...final)]);
  return [asked, { text: line, event: decided, kind: 'decision', targets: [], decides: event }];
}

/** Ana tries what is protected. */
export async function refused({ ana, ben }: CrashRoom): Promise<Said[]> {
  const text = `!shadow-ban ${ben.userId}`;
  const event = await ana.say(text);
  await ana.answerTo(event);
  return [{ text, event, kind: 'refused', targets: [] }];
}

/** Ana only looks. */
export async function look({ ana }: CrashRoom, target: string): Promise<Said[]> {
  const text = `!user ${target}`;
  const event = await ana.say(text);
  await ana.answerTo(event);
  return [{ text, event, kind: 'read', targets: [] }];
}

/** So many accounts take part in the whole story. */
export const storyAccounts = 6;

/** All of it, one after the other. */
export async function wholeStory(room: CrashRoom, accounts: readonly string[]): Promise<Said[]> {
  const [changed = '', byCode = '', byReaction = '', spared = '', ...batch] = accounts;
  return [
    ...(await change(room, changed)),
    ...(await deactivation(room, 'confirm', byCode)),
    ...(await deactivation(room, 'react', byReaction)),
    ...(await deactivation(room, 'cancel', spared)),
    ...(await deactivation(room, 'confirm', ...batch)),
    ...(await look(room, changed)),
  ];
}
