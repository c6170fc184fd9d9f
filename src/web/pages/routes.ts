import { auditPage } from './audit.ts';
import { entryPage } from './entry.ts';
import { operationPage } from './operation.ts';
import { operationsPage } from './operations.ts';
import { overviewPage } from './overview.ts';
import type { MakePage } from './page-context.ts';
import { reportPage } from './report.ts';
import { reportsPage } from './reports.ts';

interface Route {
  readonly make: MakePage;
  /** The command that asks for the same in the room: whoever may use it may see the page. */
  readonly command: string | undefined;
}

/** By path; `#` stands for a number. */
const routes: ReadonlyMap<string, Route> = new Map([
  ['/', { make: overviewPage, command: undefined }],
  ['/reports', { make: reportsPage, command: 'reports' }],
  ['/reports/#', { make: reportPage, command: 'report' }],
  ['/operations', { make: operationsPage, command: 'jobs' }],
  ['/operations/#', { make: operationPage, command: 'jobs' }],
  ['/audit', { make: auditPage, command: 'audit' }],
  ['/audit/#', { make: entryPage, command: 'audit' }],
]);

/** The page at a path, and the number in the path. */
export function routeTo(path: string): (Route & { readonly id: number }) | undefined {
  const [, start = path, number] = /^(.+\/)([1-9]\d{0,14})$/u.exec(path) ?? [];
  const route = number === undefined ? routes.get(path) : routes.get(`${start}#`);
  return route && { ...route, id: Number(number ?? 0) };
}
