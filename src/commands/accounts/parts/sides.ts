import { facts, line } from '../../../chat/answers/answer.ts';
import type { Block } from '../../../chat/answers/answer.ts';
import type { Account } from '../../../services/services.ts';

type Sides = NonNullable<Account['sides']>;

/** What MAS and Synapse say about an account, and where they differ; empty if the homeserver has no MAS. */
export function masAndSynapse({ sides, appserviceId }: Account): Block[] {
  if (sides === undefined) {
    return [];
  }
  const { mas, synapse } = sides;
  if (mas === null) {
    return appserviceId === null
      ? [line('Only Synapse knows this account, and MAS does not, so nobody can log in to it.')]
      : [];
  }
  if (synapse === null) {
    return [line('Only MAS knows this account: Synapse has not heard of it yet.')];
  }
  const differences = differencesOf(mas, synapse);
  return [
    facts(`MAS: ${stateOf(mas)}`, `Synapse: ${stateOf(synapse)}`),
    ...(differences.length === 0
      ? []
      : [
          line(
            `They differ: ${differences.join(', ')}. What MAS says counts for logging in. A change at MAS takes a moment to reach Synapse.`,
          ),
        ]),
  ];
}

type Side = Pick<NonNullable<Sides['mas']>, 'locked' | 'deactivated'>;

function stateOf({ locked, deactivated }: Side): string {
  const states = [deactivated && 'deactivated', locked && 'locked'].filter(
    (state) => state !== false,
  );
  return states.length === 0 ? 'active' : states.join(', ');
}

function differencesOf(mas: Side, synapse: Side): string[] {
  return (['deactivated', 'locked'] as const).flatMap((state) =>
    mas[state] === synapse[state] ? [] : [`${state} only at ${mas[state] ? 'MAS' : 'Synapse'}`],
  );
}
