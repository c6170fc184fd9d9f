import type { Connection } from '../../schema.ts';

export type RuleMode = 'act' | 'propose' | 'observe';

/** A rule that matches an item. It does so once. */
export interface RuleMatch {
  readonly rule: string;
  readonly mode: RuleMode;
  readonly at: number;
  /** Null while some of its lines may still have to be run. */
  readonly endedAt: number | null;
}

/** Which rules have matched which items of the report queue. */
export function ruleMatches(db: Connection) {
  return {
    /** Returns false if the rule has matched the item before. */
    async add(
      match: { readonly itemId: number; readonly rule: string; readonly mode: RuleMode },
      at: number,
    ): Promise<boolean> {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('rule_matches')
        .values({
          item_id: match.itemId,
          rule: match.rule,
          mode: match.mode,
          at,
          ended_at: null,
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },

    /** All lines of the rule were run, proposed or refused. */
    async end(itemId: number, rule: string, at: number): Promise<void> {
      await db
        .updateTable('rule_matches')
        .set({ ended_at: at })
        .where('item_id', '=', itemId)
        .where('rule', '=', rule)
        .execute();
    },

    /** Oldest first. */
    async ofItem(itemId: number): Promise<RuleMatch[]> {
      return db
        .selectFrom('rule_matches')
        .select(['rule', 'mode', 'at', 'ended_at as endedAt'])
        .where('item_id', '=', itemId)
        .orderBy('at')
        .orderBy('rule')
        .execute();
    },
  };
}

export type RuleMatches = ReturnType<typeof ruleMatches>;
