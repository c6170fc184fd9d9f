import { bold, facts } from '../command/answer.ts';
import { defineCommand } from '../command/declaration.ts';
import { ago, count, when } from '../command/wording.ts';
import { LawspeakerError } from '../errors.ts';

export default defineCommand({
  name: 'status',
  group: 'bot',
  summary: 'Says how the bot and the homeserver are',
  args: {},
  danger: 'read',
  example: 'status',
  async run({ services }) {
    const [bot, server, pending] = await Promise.all([
      services.bot.status(),
      // That the homeserver doesn't answer is what this command is there to say.
      services.api.server.version().catch((error: unknown) => {
        if (error instanceof LawspeakerError) {
          return error;
        }
        throw error;
      }),
      services.confirmations.pending(),
    ]);
    return { bot, server, pending: pending.length };
  },
  answer({ now }, { bot, server, pending }) {
    const failed = server instanceof LawspeakerError;
    const isWell = !failed && bot.online;
    // This command is at work too.
    const others = Math.max(0, bot.openInbox - 1);
    const isIdle = pending + others + bot.openOutbox + bot.openExecutions === 0;
    return {
      mark: isWell ? '✅' : '⚠️',
      title: [
        bold(isWell ? 'All is well' : failed ? 'The admin API does not answer' : 'Syncing fails'),
        failed ? `: ${server.message}` : `: Synapse ${server}`,
      ],
      body: [
        facts(
          `Lawspeaker ${bot.version} on Node ${bot.node}`,
          `started ${when(bot.startedAt, now)}`,
          bot.lastSyncAt === undefined ? 'never synced' : `last sync ${ago(bot.lastSyncAt, now)}`,
        ),
        facts(
          isIdle && 'Nothing waits',
          pending > 0 && `${count(pending, 'question')} waiting`,
          others > 0 && `${count(others, 'other command')} at work`,
          bot.openOutbox > 0 && `${count(bot.openOutbox, 'message')} to send`,
          bot.openExecutions > 0 && `${count(bot.openExecutions, 'outcome')} open`,
          bot.failures > 0 && `${count(bot.failures, 'failed sync')} since the start`,
        ),
      ],
      next: pending > 0 ? ['pending'] : [],
      data: { ...bot, pending, homeserverReachable: !failed },
    };
  },
});
