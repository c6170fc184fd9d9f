import type { Selectable } from 'kysely';

import type { Connection, SignUpWavesTable } from '../../schema.ts';

/** Many accounts that were created within a short time, and what people were told about them. */
export interface SignUpWave {
  readonly id: number;
  readonly rule: string;
  /** The homeserver of the accounts. Empty if it is not known. */
  readonly server: string;
  /** When its first account was created, in milliseconds since 1970. */
  readonly startedAt: number;
  /** When its newest account was created. */
  readonly newestAt: number;
  readonly accounts: number;
  /** How many accounts there were when people were alerted. */
  readonly alertedAccounts: number;
  /** How many accounts the alert shows by now. */
  readonly shownAccounts: number;
  /** How often the alert was edited. */
  readonly revision: number;
}

function waveOf(row: Selectable<SignUpWavesTable>): SignUpWave {
  return {
    id: row.id,
    rule: row.rule,
    server: row.server,
    startedAt: row.started_at,
    newestAt: row.newest_at,
    accounts: row.accounts,
    alertedAccounts: row.alerted_accounts,
    shownAccounts: row.shown_accounts,
    revision: row.revision,
  };
}

/** The waves of new accounts that people were alerted about. */
export function signUpWaves(db: Connection) {
  return {
    /** The wave of a rule on a homeserver that more accounts may join; undefined if there is none. */
    async open(rule: string, server: string): Promise<SignUpWave | undefined> {
      const row = await db
        .selectFrom('sign_up_waves')
        .selectAll()
        .where('rule', '=', rule)
        .where('server', 'in', [server, ''])
        .where('ended_at', 'is', null)
        .executeTakeFirst();
      return row && waveOf(row);
    },

    /** When the newest account of all waves of a rule on a homeserver was created; undefined if it has had none. */
    async newestAt(rule: string, server: string): Promise<number | undefined> {
      const row = await db
        .selectFrom('sign_up_waves')
        .select(({ fn }) => fn.max<number | null>('newest_at').as('newest'))
        .where('rule', '=', rule)
        .where('server', 'in', [server, ''])
        .executeTakeFirst();
      return row?.newest ?? undefined;
    },

    /** Records a wave about which people are alerted now. */
    async begin(
      wave: Pick<SignUpWave, 'rule' | 'server' | 'startedAt' | 'newestAt' | 'accounts'>,
      { at, isOver }: { readonly at: number; readonly isOver: boolean },
    ): Promise<void> {
      await db
        .insertInto('sign_up_waves')
        .values({
          rule: wave.rule,
          server: wave.server,
          started_at: wave.startedAt,
          newest_at: wave.newestAt,
          accounts: wave.accounts,
          alerted_at: at,
          alerted_accounts: wave.accounts,
          shown_accounts: wave.accounts,
          ended_at: isOver ? at : null,
        })
        .execute();
    },

    /** Records how a wave has gone on. With `endedAt`, no account joins it any more. */
    async update(
      id: number,
      wave: Pick<SignUpWave, 'newestAt' | 'accounts' | 'shownAccounts' | 'revision'>,
      endedAt: number | null,
    ): Promise<void> {
      await db
        .updateTable('sign_up_waves')
        .set({
          newest_at: wave.newestAt,
          accounts: wave.accounts,
          shown_accounts: wave.shownAccounts,
          revision: wave.revision,
          ended_at: endedAt,
        })
        .where('id', '=', id)
        .execute();
    },
  };
}

export type SignUpWaves = ReturnType<typeof signUpWaves>;
