import { progressText } from '../../commands/bot/parts/open-operation.ts';
import { cut } from '../../core/text.ts';
import type { Operation } from '../../services/services.ts';
import type { Viewer } from '../access/viewer.ts';
import { address, code, facts, link, pager, state, table, time } from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { endedPage, forbiddenPage } from './notices.ts';
import { lineOf } from './operations.ts';
import { firstPage, pageSize } from './page-context.ts';
import type { PageContext } from './page-context.ts';

const maxDetailLength = 300;

/** One operation with its targets. */
export async function operationPage(context: PageContext, id: number): Promise<Page | undefined> {
  const { services, viewer, now } = context;
  const operation = await services.operations.get(id);
  if (operation === undefined) {
    return undefined;
  }
  if (!maySee(viewer, operation)) {
    return operation.state === 'awaiting' ? forbiddenPage : endedPage;
  }
  const progress = await services.operations.progressOf(operation);
  const {
    actor,
    confirmer,
    createdAt,
    notBefore,
    startedAt,
    finishedAt,
    reverts,
    stopRequestedBy,
  } = operation;
  return {
    title: `Operation #${id}: ${operation.command}`,
    body: html`${facts([
      ['State', state(operation.state)],
      ['Command', code(lineOf(context, operation))],
      ['Requested by', code(actor)],
      ['Confirmed by', confirmer !== null && code(confirmer)],
      ['Stopped by', stopRequestedBy !== null && code(stopRequestedBy)],
      ['Created', time(createdAt, now)],
      ['Runs', notBefore !== null && time(notBefore, now)],
      ['Started', startedAt !== null && time(startedAt, now)],
      ['Finished', finishedAt !== null && time(finishedAt, now)],
      ['Progress', startedAt !== null && progressText(progress)],
      ['Undoes', reverts !== null && entryLink(viewer, reverts.intent)],
    ])}
    ${viewer.may('audit') && (await targetSection(context, id))}`,
  };
}

/** What became of each target is part of the record. */
async function targetSection({ services, viewer, query }: PageContext, id: number): Promise<Html> {
  const [position, step] = query.position('after', 2) ?? [];
  const after = position === undefined || step === undefined ? undefined : { position, step };
  const found = await services.operations.targets(id, { after, limit: pageSize + 1 });
  const { rows, last } = firstPage(found);
  const path = `/operations/${id}`;
  return html`<section aria-labelledby="targets">
    <h2 id="targets">Targets</h2>
    ${table({
      caption: after === undefined ? 'In order' : 'Continued',
      columns: [
        {
          title: 'Target',
          cell: ({ target }) => (target === undefined ? 'none' : code(target)),
        },
        { title: 'Step', align: 'right', cell: (one) => one.step + 1 },
        { title: 'State', cell: (one) => state(one.state) },
        {
          title: 'Entry',
          cell: ({ intent }) => intent !== undefined && entryLink(viewer, intent),
        },
        {
          title: 'Detail',
          cell: ({ detail }) =>
            detail !== undefined && html`<bdi>${cut(detail, maxDetailLength)}</bdi>`,
        },
      ],
      rows,
      nothing: 'It has no targets yet: they are listed when it starts.',
    })}
    ${pager({
      first: after === undefined ? undefined : path,
      next:
        last === undefined ? undefined : address(path, { after: `${last.position}.${last.step}` }),
    })}
  </section>`;
}

/** What runs or is scheduled is for whoever may ask for it in the room; the rest is part of the record. */
function maySee(viewer: Viewer, { state: current }: Operation): boolean {
  if (current === 'running' || current === 'scheduled') {
    return true;
  }
  return viewer.may('audit') || (current === 'awaiting' && viewer.may('pending'));
}

function entryLink(viewer: Viewer, id: number) {
  return viewer.may('audit') ? link(`/audit/${id}`, `#${id}`) : `#${id}`;
}
