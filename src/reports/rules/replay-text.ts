import { amount, count, dateTime } from '../../chat/answers/phrases.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { ReplayedMatch, Replay } from './replay.ts';
import { isLine } from './rule-lines.ts';
import type { Rule } from './rule.ts';

/** One line for each time that a rule would have matched an item. */
export function matchLine({ at, rule, mode, item, lines }: ReplayedMatch): string {
  const held = mode === rule.mode ? mode : `${mode} (the breaker)`;
  const done = lines.map((line) => (isLine(line) ? line.line : `nothing: ${line.why}`));
  return plain(
    [
      dateTime(at),
      rule.name,
      held,
      `#${item.id}`,
      item.sender ?? 'unknown sender',
      ...(done.length === 0 ? ['alert'] : [done.join(' ; ')]),
    ].join('  '),
  );
}

/** The result of each rule, what people decided about the same items, and what a replay can't know. */
export function summaryLines(
  { matches, reports, items, ofUnknownAge }: Replay,
  rules: readonly Rule[],
  since: number,
): string[] {
  const length = Math.max(0, ...rules.map(({ name }) => name.length));
  const perRule = rules.map((rule) => {
    const own = matches.filter((match) => match.rule === rule);
    return `${rule.name.padEnd(length)}  ${own.length === 0 ? 'matched nothing' : ruleSummary(own)}`;
  });
  return [
    ...perRule,
    `${amount(reports, 'report')} on ${amount(items, 'item')} since ${dateTime(since)}, as if these rules had been in place. Nothing was changed.`,
    ...(ofUnknownAge === 0
      ? []
      : [
          `${count(ofUnknownAge, 'report')} by accounts of unknown age: ignored by rules that act or propose, or that require an age.`,
        ]),
    ...(rules.some(({ seesTags }) => seesTags)
      ? [
          'A replay sees the tags that there were when each report came in. The bot also applies rules to open reports when a tag is set or removed; a replay does not.',
        ]
      : []),
    ...(matches.some(({ rule }) => rule.lines.length > 0)
      ? [
          'A replay does not ask the homeserver who is protected. Actions against server admins, moderators and protected users would have been refused.',
        ]
      : []),
  ];
}

function ruleSummary(own: readonly ReplayedMatch[]): string {
  const inMode = (wanted: string) => own.filter(({ mode }) => mode === wanted).length;
  const heldBack = own.filter(({ mode, rule }) => mode !== rule.mode).length;
  const modes = [
    [inMode('act'), 'act'],
    [inMode('propose'), 'propose'],
    [inMode('observe'), 'observe'],
  ] as const;
  const byPeople = (state: ReportItem['state']) =>
    own.filter(({ item }) => item.state === state && item.closedBy?.startsWith('rule:') !== true)
      .length;
  const byRules = own.filter(({ item }) => item.closedBy?.startsWith('rule:') === true).length;
  const open = byPeople('open') + byPeople('claimed');
  return [
    `${count(own.length, 'item')}: ${modes
      .filter(([number]) => number > 0)
      .map(([number, mode]) => `${mode} ${number}`)
      .join(', ')}`,
    ...(heldBack === 0 ? [] : [`held back by the breaker ${heldBack}`]),
    `people resolved ${byPeople('resolved')}, dismissed ${byPeople('dismissed')}, left open ${open}`,
    ...(byRules === 0 ? [] : [`closed by a rule ${byRules}`]),
  ].join('; ');
}

/** Names that strangers chose must not control the terminal. */
function plain(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
