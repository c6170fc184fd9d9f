import { line } from '../../chat/answers/answer.ts';
import { exactSpan } from '../../chat/answers/phrases.ts';
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
  ],
  doesNot: ['let anybody change anything: the page is read-only'],
  args: {},
  danger: 'read',
  answersSecret: true,
  example: 'open',
  async run(context) {
    const { actor, services } = context;
    if (actor.kind !== 'person') {
      throw new DeniedError('only people can open the page');
    }
    const { url, validForMs, whenOver } = services.bot.linkToPage(actor.user);
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
  answer: (_, { validForMs }) => ({
    mark: 'ℹ️',
    title: ['The page is ready for you'],
    body: [
      sentDirect('a link'),
      line(`It works once, within ${exactSpan(validForMs)}. A new link replaces it.`),
    ],
    data: { validForMs },
  }),
});
