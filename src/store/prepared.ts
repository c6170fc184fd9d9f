import type { CompiledQuery, Compilable } from 'kysely';

import { dialectOf } from './dialect.ts';
import type { Connection } from './schema.ts';

type Values = Readonly<Record<string, string | number | null>>;

/** A statement, and where each of its parameters comes from. */
interface Prepared<Row> {
  readonly query: CompiledQuery<Row>;
  readonly valuesOf: (values: Values) => unknown[];
}

const known = new Map<string, Prepared<unknown>>();

/**
 * Runs a statement that is written once for all its values. For the few that a bulk runs for each account: to write
 * such a statement takes longer than SQLite takes to run it.
 *
 * @param name of the statement; the same with other columns is another one
 * @param values one for each column; only the parameters of the statement differ from call to call
 */
export async function runPrepared<Row, Given extends Values>(
  db: Connection,
  name: string,
  values: Given,
  write: (values: Given) => Compilable<Row>,
): Promise<readonly Row[]> {
  const key = `${dialectOf(db)} ${name} ${Object.keys(values).join(' ')}`;
  const { query, valuesOf } = (known.get(key) ?? prepare(key, values, write)) as Prepared<Row>;
  const { rows } = await db.executeQuery<Row>({ ...query, parameters: valuesOf(values) });
  return rows;
}

function prepare<Row, Given extends Values>(
  key: string,
  values: Given,
  write: (values: Given) => Compilable<Row>,
): Prepared<Row> {
  // Kysely hands parameters through as they are, so that each mark comes out where its value belongs.
  const marks = new Map<unknown, string>();
  const marked = Object.fromEntries(
    Object.keys(values).map((column) => {
      const mark = new Date(0);
      marks.set(mark, column);
      return [column, mark];
    }),
  ) as unknown as Given;
  const query = write(marked).compile();
  const sources = query.parameters.map((parameter) => ({
    parameter,
    column: marks.get(parameter),
  }));
  const prepared: Prepared<Row> = {
    query,
    valuesOf: (given) =>
      sources.map(({ parameter, column }) => (column === undefined ? parameter : given[column])),
  };
  known.set(key, prepared);
  return prepared;
}
