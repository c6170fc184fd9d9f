import { bold, line } from '../../chat/answers/answer.ts';
import { count, exactSpan } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { DeniedError } from '../../core/errors.ts';
import { openDirectAnswer, sentDirect } from '../accounts/parts/direct-message.ts';

export default defineCommand({
  name: 'open',
  synonyms: ['browser', 'dashboard', 'page', 'site', 'ui', 'web'],
  summary: 'Sends you a link to a page with what your role may see',
  does: [
    'send you, in a direct message, a link that works once and only for a few minutes',
    'show on the page what you can ask for here, as long as you have your role in this room',
    'record in the audit log when the link is used, and tell you in a direct message',
  ],
  doesNot: ['let anybody change anything: the page is read-only'],
  args: {
    close: flag(
      'boolean',
      'End all of your sessions on the page, and your link, instead of sending a new one',
      { default: false },
    ),
  },
  danger: 'read',
  answersSecret: true,
  example: 'open',
  async run(context) {
    const { actor, args, origin, services } = context;
    if (actor.kind !== 'person') {
      throw new DeniedError('only people can open the page');
    }
    if (args.close) {
      return { closed: services.bot.closePage(actor.user) };
    }
    const { url, validForMs, whenOver } = services.bot.linkToPage({
      user: actor.user,
      askedBy: origin.event,
    });
    const directAnswer = await openDirectAnswer(context);
    const remove = await directAnswer(
      [
        `Open this link within ${exactSpan(validForMs)}. It works once:`,
        url,
        'Whoever opens it sees the page as you, so don’t pass it on.',
      ],
      validForMs,
    );
    whenOver(remove);
    return { validForMs };
  },
  answer(_, result) {
    if ('closed' in result) {
      const { closed } = result;
      return {
        mark: '✅',
        title:
          closed === 0
            ? ['You had no session on the page']
            : ['Ended ', bold(count(closed, 'session')), ' of yours on the page'],
        body: [line('If you had a link, it doesn’t work any more.')],
        data: { closed },
      };
    }
    const { validForMs } = result;
    return {
      mark: 'ℹ️',
      title: ['The page is ready for you'],
      body: [
        sentDirect('a link'),
        line(`It works once, within ${exactSpan(validForMs)}. A new link replaces it.`),
      ],
      data: { validForMs },
    };
  },
});
