import type { Block } from '../../chat/answers/answer.ts';
import { notedLines } from '../../chat/answers/noted.ts';
import { ago, count, dateTime, span, whole } from '../../chat/answers/phrases.ts';
import {
  accusation,
  missingContent,
  placeOf,
  reasonsOf,
  saysOtherwise,
} from '../../chat/answers/report-item.ts';
import { cut } from '../../core/text.ts';
import { filesOf, readContent } from '../../services/reports/reported-content.ts';
import type { ItemStory, ReportItem, ReportedContent } from '../../services/services.ts';
import {
  address,
  beginning,
  code,
  facts,
  lines,
  link,
  quoted,
  state,
  table,
  time,
  words,
} from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html, Value } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { entryColumns } from './audit.ts';
import type { PageContext } from './page-context.ts';

const shownReasons = 10;
/** Steps of its history that are shown, the latest. */
const shownHistory = 100;
const maxReasonLength = 300;

/** One item of the report queue: what was said, by whom, and what was done about it. */
export async function reportPage(context: PageContext, id: number): Promise<Page | undefined> {
  const { services, viewer, now } = context;
  const item = await services.reports.get(id);
  if (item === undefined) {
    return undefined;
  }
  const story = await services.reports.story(item, now);
  return {
    title: `Report #${id}`,
    body: html`<p class="lead">${words(accusation(story))}</p>
      ${facts([
        ['State', state(item.state)],
        ['About', item.kind === 'user' ? 'a user' : 'a message'],
        ['User', sender(item)],
        [
          'Account',
          item.senderCreatedAt !== null &&
            `${span(item.lastReportAt - item.senderCreatedAt)} old when it was last reported`,
        ],
        [
          'Room',
          item.roomId !== null &&
            html`${words(placeOf(item).slice(1))}
            ${link(address('/reports', { room: item.roomId, state: 'all' }), 'all reports')}`,
        ],
        ['Room ID', item.roomId !== null && code(item.roomId)],
        ['Event', item.kind === 'event' && code(item.subject)],
        ['Reports', count(item.reports, 'report')],
        ['Last report', time(item.lastReportAt, now)],
        [
          'Opened',
          html`${time(item.openedAt, now)}${item.reopened > 0 && html`, after it was closed ${count(item.reopened, 'time')}`}`,
        ],
        [
          'Claimed by',
          item.claimedBy !== null &&
            html`${code(item.claimedBy)} ${item.claimedAt !== null && time(item.claimedAt, now)}`,
        ],
        [
          'Closed by',
          item.closedBy !== null &&
            html`${code(item.closedBy)} ${item.closedAt !== null && time(item.closedAt, now)}`,
        ],
        ['Note', item.note !== null && lines(beginning(item.note))],
        ['Notes on the user', noted(notedLines(story.ofSender, dateTime))],
        ['Notes on the room', noted(notedLines(story.ofRoom, dateTime))],
      ])}
      ${item.kind === 'event' && messageSection(item, now)} ${reasonSection(story)}
      ${reporterSection(story, now)} ${earlierSection(story, now)}
      ${
        story.actions.length > 0 &&
        html`<section aria-labelledby="actions">
          <h2 id="actions">Latest actions on the account</h2>
          ${table({
            caption: 'Newest first',
            columns: viewer.may('audit') ? entryColumns(now) : entryColumns(now).slice(1),
            rows: story.actions,
            nothing: '',
          })}
        </section>`
      }
      ${historySection(story, now)}`,
  };
}

function noted(blocks: readonly Block[]): Value {
  return blocks.flatMap((block) =>
    block.kind === 'line' ? [html`<div>${words(block.content)}</div>`] : [],
  );
}

function sender({ sender: user }: ReportItem): Value {
  return user === null
    ? 'unknown'
    : html`${code(user)} ${link(address('/reports', { sender: user, state: 'all' }), 'all reports')}`;
}

function messageSection(item: ReportItem, now: number): Html {
  const content = readContent(item.content);
  return html`<section aria-labelledby="message">
    <h2 id="message">Message</h2>
    ${content === undefined ? html`<p>${missingContent(item)}</p>` : message(content, now)}
  </section>`;
}

function message(content: ReportedContent, now: number): Html {
  const { body, sentAt, msgtype, type, isEncrypted, edits = [] } = content;
  const files = filesOf(content);
  return html`${facts([
    ['Sent', sentAt !== undefined && time(sentAt, now)],
    ['Kind', code(msgtype ?? type)],
    ['Files', files.length > 0 && files.map((url) => html`${code(url)} `)],
    ['File type', content.mimetype],
  ])}
  ${
    isEncrypted
      ? html`<p>It is encrypted: nobody but the members of the room can read it.</p>`
      : body === undefined
        ? html`<p>It has no text, or it was redacted before it was reported.</p>`
        : quoted('Show what it says', body)
  }
  ${saysOtherwise(content) && quoted('Show it as clients with formatting show it', content.formatted ?? '')}
  ${edits.map((edit, at) => quoted(`Show later version ${at + 1} of ${edits.length}`, edit.formatted ?? edit.body ?? ''))}`;
}

function reasonSection({ reports }: ItemStory): Html | undefined {
  const reasons = reasonsOf(reports);
  return reasons.length === 0
    ? undefined
    : html`<section aria-labelledby="reasons">
        <h2 id="reasons">Reasons</h2>
        ${table({
          caption:
            reasons.length > shownReasons
              ? `The ${shownReasons} most common of ${reasons.length}`
              : 'The most common first',
          columns: [
            {
              title: 'Reason',
              cell: ({ reason }) => html`<bdi>${cut(reason, maxReasonLength)}</bdi>`,
            },
            { title: 'People', align: 'right', cell: ({ people }) => people },
          ],
          rows: reasons.slice(0, shownReasons),
          nothing: '',
        })}
      </section>`;
}

function reporterSection({ reporters, reporterCount }: ItemStory, now: number): Html {
  return html`<section aria-labelledby="reporters">
    <h2 id="reporters">Reported by</h2>
    ${table({
      caption:
        reporterCount > reporters.length
          ? `The latest ${reporters.length} of ${reporterCount} people`
          : 'The latest first',
      columns: [
        { title: 'Who', cell: ({ user }) => code(user) },
        {
          title: 'Account',
          cell: ({ createdAt }) => createdAt !== null && `created ${ago(createdAt, now)}`,
        },
        {
          title: 'Earlier reports',
          cell: ({ record: { resolved, dismissed } }) =>
            resolved + dismissed === 0
              ? 'none reviewed'
              : `${resolved} of ${resolved + dismissed} upheld`,
        },
      ],
      rows: reporters,
      nothing: 'Only the sender has reported it.',
    })}
  </section>`;
}

function earlierSection({ earlier }: ItemStory, now: number): Html | undefined {
  const { count: number, newest } = earlier;
  return number === 0
    ? undefined
    : html`<section aria-labelledby="earlier">
        <h2 id="earlier">Earlier reports about the account</h2>
        ${table({
          caption:
            number > newest.length
              ? `The latest ${newest.length} of ${whole(number)}`
              : 'The latest first',
          columns: [
            { title: 'Report', align: 'right', cell: ({ id }) => link(`/reports/${id}`, `#${id}`) },
            { title: 'Last report', cell: ({ lastReportAt }) => time(lastReportAt, now) },
            { title: 'Reports', align: 'right', cell: ({ reports }) => reports },
            { title: 'State', cell: (item) => state(item.state) },
          ],
          rows: newest,
          nothing: '',
        })}
      </section>`;
}

function historySection({ history }: ItemStory, now: number): Html {
  return html`<section aria-labelledby="history">
    <h2 id="history">History</h2>
    ${table({
      caption: history.length > shownHistory ? `The last ${shownHistory} steps` : 'Oldest first',
      columns: [
        { title: 'When', cell: ({ at }) => time(at, now) },
        { title: 'What', cell: ({ kind }) => kind },
        { title: 'By', cell: ({ actor }) => actor !== null && code(actor) },
        {
          title: 'Detail',
          cell: ({ detail }) => detail !== null && html`<bdi>${cut(detail, maxReasonLength)}</bdi>`,
        },
      ],
      rows: history.slice(-shownHistory),
      nothing: 'Nobody has worked on it yet.',
    })}
  </section>`;
}
