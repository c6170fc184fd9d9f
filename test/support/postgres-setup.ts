import type { TestProject } from 'vitest/node';

import { startPostgres } from '../../dev/postgres/postgres.ts';
import { openStore } from '../../src/store/store.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of a database with all tables and nothing in them, to make others from. */
    postgres: string | undefined;
  }
}

/** Starts one PostgreSQL for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  try {
    const { Client } = (await import('pg')).default;
    const client = new Client(postgres.url('postgres'));
    await client.connect();
    await client.query('CREATE DATABASE lawspeaker_template');
    await client.end();
    const url = postgres.url('lawspeaker_template');
    await (await openStore(url)).close();
    project.provide('postgres', url);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return postgres.stop;
}
