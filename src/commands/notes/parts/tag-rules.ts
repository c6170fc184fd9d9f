import { code, facts, line } from '../../../chat/answers/answer.ts';
import type { Block, Content } from '../../../chat/answers/answer.ts';
import { parseRoomId } from '../../../core/ids.ts';
import { nearest } from '../../../core/text.ts';
import type { ConfiguredRule, Tag } from '../../../services/services.ts';

/** Which rules of the configuration look at a tag; empty if none looks at any tag of a user, or of a room. */
export function tagRules(
  rules: readonly ConfiguredRule[],
  { subject, name }: Pick<Tag, 'subject' | 'name'>,
): Block[] {
  const isRoom = parseRoomId(subject) !== undefined;
  const looking = rules.flatMap((rule) => {
    const { anyOf = [], noneOf = [] } = (isRoom ? rule.roomTags : rule.tags) ?? {};
    return anyOf.length + noneOf.length === 0 ? [] : [{ rule, anyOf, noneOf }];
  });
  if (looking.length === 0) {
    return [];
  }
  const matching = looking.filter(({ anyOf }) => anyOf.includes(name));
  const heldOff = looking.filter(({ noneOf }) => noneOf.includes(name));
  if (matching.length + heldOff.length > 0) {
    return [
      facts(
        matching.length > 0 && ['Rules that match it: ', ...namesOf(matching)],
        heldOff.length > 0 && ['Rules that it holds off: ', ...namesOf(heldOff)],
      ),
    ];
  }
  const others = looking.flatMap(({ anyOf, noneOf }) => [...anyOf, ...noneOf]);
  const guess = nearest(name, others);
  return [
    line(
      `No rule looks at this tag of a ${isRoom ? 'room' : 'user'}.`,
      ...(guess === undefined ? [] : [' Did you mean ', code(guess), '?']),
    ),
  ];
}

/** `known-spammers (act), newcomers (propose)` */
function namesOf(found: readonly { readonly rule: ConfiguredRule }[]): Content {
  return found.flatMap(({ rule: { name, effect } }, at) => [
    at === 0 ? '' : ', ',
    code(name),
    ` (${effect})`,
  ]);
}
