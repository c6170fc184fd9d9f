import {
  ForeignAnswerError,
  HomeserverError,
  SetupError,
  UnreachableError,
} from '../../core/errors.ts';
import { networkAdvice } from '../../homeserver/network-faults.ts';

/** Ends the advice if nothing better is known. */
export const again = 'Then run lawspeaker init again: it continues where it stopped.';

/**
 * Makes requests for one step.
 *
 * @param step what is tried, for example `log in as @ana:example.com`
 * @param explain what an error of the homeserver means here; undefined for nothing particular
 * @throws SetupError what failed, why, and what to do
 */
export async function attempt<Result>(
  step: string,
  request: () => Promise<Result>,
  explain: (error: HomeserverError) => SetupError | undefined = () => undefined,
): Promise<Result> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof HomeserverError) {
      throw (
        explain(error) ??
        new SetupError(
          `Can’t ${step}: ${error.message}.`,
          error.advice ?? `The homeserver’s log may say why. ${again}`,
        )
      );
    }
    if (error instanceof ForeignAnswerError && error.redirectsTo !== undefined) {
      throw new SetupError(
        `Can’t ${step}: it redirects to ${error.redirectsTo} (${error.status}).`,
        `If your homeserver answers there, use that address. ${again}`,
      );
    }
    if (error instanceof UnreachableError) {
      throw new SetupError(`Can’t ${step}: ${error.message}.`, adviceFor(error));
    }
    throw error;
  }
}

function adviceFor({ advice, networkCode }: UnreachableError): string {
  return (
    advice ??
    networkAdvice(networkCode, 'the URL') ??
    `Check the URL, and that the homeserver runs and can be reached from here. ${again}`
  );
}
