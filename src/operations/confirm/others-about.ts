import { facts } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { actorName } from '../../chat/command/invocation.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { targetsOf } from '../authorize/targets.ts';
import { intentFor } from '../execute/intent.ts';
import { askerName } from '../execute/outcome.ts';
import type { House } from '../house.ts';
import { readInvocation } from '../parse/stored-invocation.ts';
import type { Parsed } from '../stages.ts';

/** At most this many other confirmations are named. */
const maxNamed = 3;

/** What somebody should know who is asked: the same targets are in other open confirmations. */
export async function othersAbout(
  house: House,
  { confirmations }: Pick<StoreTables, 'confirmations'>,
  parsed: Pick<Parsed, 'command' | 'invocation'>,
  { id }: Confirmation,
): Promise<Block[]> {
  const own = new Set(targetNames(parsed));
  const found: Block[] = [];
  for (const other of await confirmations.pending()) {
    const command = house.registry.find(other.command);
    const invocation = readInvocation(other.invocation);
    const isOpen = other.id !== id && other.expiresAt > house.now();
    if (!isOpen || command === undefined || invocation === undefined) {
      continue;
    }
    const shared = targetNames({ command, invocation }).filter((name) => own.has(name)).length;
    if (shared > 0 && found.length < maxNamed) {
      const isOwn = actorName(invocation.actor) === actorName(parsed.invocation.actor);
      const who = isOwn ? 'You are' : `${askerName(house, invocation.actor)} is`;
      const what = own.size === 1 ? 'the same target' : count(shared, 'of these', 'of these');
      found.push(
        facts([
          `${who} already asking about ${what}: `,
          { kind: 'code', text: other.command },
          `, code ${other.code}`,
        ]),
      );
    }
  }
  return found;
}

function targetNames(parsed: Pick<Parsed, 'command' | 'invocation'>): string[] {
  const accounts: string[] = targetsOf(parsed);
  const { target } = intentFor(parsed, undefined);
  return accounts.length > 0 ? accounts : target ? [target] : [];
}
