import { UsageError } from '../core/errors.ts';
import { readDays } from '../services/transparency/period.ts';
import type { Days } from '../services/transparency/period.ts';
import { createTransparencyService } from '../services/transparency/report.ts';
import { reportFormats, writeReport } from '../services/transparency/write-report.ts';
import type { ReportFormat } from '../services/transparency/write-report.ts';
import { openStore } from '../store/store.ts';
import type { CommandLine } from './command-line.ts';
import type { Output } from './output.ts';
import { readChoice, readNumber } from './read-option.ts';

/** What `report` is asked for. */
interface ReportRequest {
  readonly days: Days;
  readonly format: ReportFormat;
  readonly hideBelow: number | undefined;
}

/** @throws UsageError an option is missing or has an invalid value */
export function readReportRequest({
  from,
  to,
  format,
  'hide-below': hideBelow,
}: CommandLine['options']): ReportRequest {
  try {
    return {
      days: readDays(from, to),
      format: readChoice('format', format, reportFormats) ?? 'md',
      hideBelow: readNumber('hide-below', hideBelow),
    };
  } catch (error) {
    // Backticks are for the room.
    throw error instanceof UsageError
      ? new UsageError(error.message.replaceAll('`', ''), {
          advice: error.advice?.replaceAll('`', '') ?? '',
        })
      : error;
  }
}

/** Prints the transparency report about a period. The bot may be running. */
export async function printReport(
  place: string,
  { days, format, hideBelow }: ReportRequest,
  output: Output,
): Promise<void> {
  const store = await openStore(place, { readonly: true });
  try {
    const report = await createTransparencyService(store).report(days, hideBelow);
    await output(writeReport(report, format));
  } finally {
    await store.close();
  }
}
