import { bold, code, line } from '../../chat/answers/answer.ts';
import { dateTime, when } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { actorName } from '../../chat/command/invocation.ts';
import { idWord } from '../../chat/reading/values.ts';
import { dayMs } from '../../core/duration.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { SetTag, Tag } from '../../services/services.ts';
import { assertSubject, nextAbout, subjectArgument } from './parts/subject.ts';
import { tagLine } from './parts/tag-line.ts';
import { checkTagName, tagArgument } from './parts/tag-name.ts';
import { tagRules } from './parts/tag-rules.ts';

/** An end later than this is probably a mistake. */
const maxYears = 10;
const maxForMs = maxYears * 366 * dayMs;

export default defineCommand({
  name: 'tag',
  synonyms: ['categorize', 'label', 'watch'],
  summary: 'Tags a user or a room, for people and rules',
  does: [
    'show the tag with !user, !room, !history and on report cards',
    'apply rules with a tags or roomTags condition to open reports',
    'replace the end of a tag that is there already',
    'accept users of other servers',
  ],
  doesNot: ['tell the user', 'tell the homeserver anything'],
  args: {
    target: subjectArgument,
    name: tagArgument,
    for: flag('duration', 'The tag ends after this time', {
      placeholder: '30d',
      ifWrong:
        'To name a day or a time, with or without a zone, use `--until "2026-11-01 10:00 Europe/Berlin"`.',
    }),
    until: flag('date', 'The tag ends at this time (UTC, unless it names another zone)', {
      ahead: true,
      placeholder: 'TIME',
    }),
  },
  danger: 'change',
  withoutEnd: true,
  changes: ['target', 'name'],
  example: 'tag @mallory:example.com known-spammer --for 30d',
  endpoints: ['GET /_synapse/admin/v2/users/{user_id}'],
  check({ name, for: forMs, until }, { now }) {
    checkTagName(name);
    if (forMs !== undefined && until !== undefined) {
      throw new UsageError('Give `--for` or `--until`, not both.', { word: '--until' });
    }
    const word = until === undefined ? '--for' : '--until';
    if ((forMs ?? (until ?? now) - now) > maxForMs) {
      throw new UsageError(`\`${word}\` can be at most ${maxYears} years from now.`, {
        word,
        advice: 'Without it, the tag has no end.',
      });
    }
  },
  assertReady: assertPossible,
  async preview({ args, services, now }) {
    const tag = { subject: args.target, name: args.name };
    return {
      title: ['Tag ', code(tag.subject), ' as ', code(tag.name), '?'],
      body: [line(endOf({ expiresAt: endIn(args, now) }, now)), ...tagRules(services.rules, tag)],
    };
  },
  async run(context) {
    const { args, actor, origin, services, now } = context;
    const { target: subject, name } = args;
    await assertPossible(context);
    const expiresAt = endIn(args, now);
    const author = actorName(actor);
    return services.tags.set({ subject, name, author, at: now, expiresAt }, origin.event);
  },
  answer({ now, services }, { tag, before }) {
    const isSame = wasThere({ tag, before });
    return {
      mark: isSame ? 'ℹ️' : '✅',
      title: [
        bold(
          isSame ? 'Already tagged' : before === undefined ? 'Tagged' : 'Changed the end of a tag',
        ),
        ': ',
        code(tag.subject),
        ' is ',
        code(tag.name),
      ],
      body: [
        line(endOf(tag, now)),
        ...(before === undefined || isSame ? [] : [line(beforeOf(before))]),
        ...tagRules(services.rules, tag),
      ],
      next: [`untag ${idWord(tag.subject)} ${tag.name}`, ...nextAbout(tag.subject)],
      data: tag,
    };
  },
  undo(_, { tag, before }) {
    const { subject, name } = tag;
    if (before === undefined) {
      return `untag ${idWord(subject)} ${name}`;
    }
    return wasThere({ tag, before }) ? undefined : tagLine(before);
  },
  wasSo: wasThere,
  reconcile: async ({ args, origin, services, now }) =>
    services.tags.reconcileSet(origin.event, {
      subject: args.target,
      name: args.name,
      // With `--for`, every command sets another end.
      expiresAt: args.for === undefined ? (args.until ?? null) : undefined,
      now,
    }),
});

function wasThere({ tag, before }: SetTag): boolean {
  return before?.id === tag.id;
}

/** @throws TargetError the end has passed, or there is no such account */
async function assertPossible(
  context: Pick<Context, 'now' | 'serverName' | 'services'> & { readonly args: TagArguments },
): Promise<void> {
  const { args, now } = context;
  if (args.until !== undefined && args.until <= now) {
    throw new TargetError(
      'state',
      `the tag was to end at ${dateTime(args.until)}, which has passed`,
      'Nothing was changed. Times are UTC unless a zone follows: `--until "2026-11-01 10:00 Europe/Berlin"`.',
    );
  }
  await assertSubject(context, args.target);
}

interface TagArguments {
  readonly target: UserId | RoomId;
  readonly for: number | undefined;
  readonly until: number | undefined;
}

/** When the tag ends; null for never. */
function endIn({ for: forMs, until }: Omit<TagArguments, 'target'>, now: number): number | null {
  return until ?? (forMs === undefined ? null : now + forMs);
}

function endOf({ expiresAt }: Pick<Tag, 'expiresAt'>, now: number): string {
  return expiresAt === null ? 'It has no end.' : `It ends ${when(expiresAt, now)}.`;
}

function beforeOf({ expiresAt }: Tag): string {
  return expiresAt === null
    ? 'Before, it had no end.'
    : `Before, it was to end at ${dateTime(expiresAt)}.`;
}
