import { amount, count, dateTime } from '../../chat/answers/phrases.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import type { RuleMatch, Replay } from './replay.ts';
import { isLine } from './rule-lines.ts';
import type { Rule } from './rule.ts';

/** One line for each time that a rule would have fitted an item. */
export function matchLine({ at, rule, mode, item, lines }: RuleMatch): string {
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

/** What came of each rule, what people made of the same items, and what a replay can't know. */
export function summaryLines(
  { firings, reports, items, ofUnknownAge }: Replay,
  rules: readonly Rule[],
  since: number,
): string[] {
  const length = Math.max(0, ...rules.map(({ name }) => name.length));
  const perRule = rules.map((rule) => {
    const own = firings.filter((match) => match.rule === rule);
    return `${rule.name.padEnd(length)}  ${own.length === 0 ? 'fitted nothing' : ruleSummary(own)}`;
  });
  return [
    ...perRule,
    `${amount(reports, 'report')} on ${amount(items, 'item')} since ${dateTime(since)}, as if they had come in under these rules. Nothing was done.`,
    ...(ofUnknownAge === 0
      ? []
      : [
          `Of ${count(ofUnknownAge, 'report')} it is not known how old the reporter’s account is: to rules that act or propose, or ask for an age, they don’t count.`,
        ]),
    ...(firings.some(({ rule }) => rule.lines.length > 0)
      ? [
          'Who is protected is not known without the homeserver: what would have hit a server admin, a moderator or a protected user would have been refused.',
        ]
      : []),
  ];
}

function ruleSummary(own: readonly RuleMatch[]): string {
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
    `of these people resolved ${byPeople('resolved')}, dismissed ${byPeople('dismissed')}, left open ${open}`,
    ...(byRules === 0 ? [] : [`settled by a rule ${byRules}`]),
  ].join('; ');
}

/** What strangers have chosen must not move the cursor of a terminal. */
function plain(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
