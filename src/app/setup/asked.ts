import { keyOf } from '../../config/homeservers.ts';
import type { Config } from '../../config/schema.ts';
import {
  ForeignAnswerError,
  HomeserverError,
  SetupError,
  UnreachableError,
} from '../../core/errors.ts';
import { needsHttps, networkFault } from '../../homeserver/network-faults.ts';
import type { NetworkFault } from '../../homeserver/network-faults.ts';
import { speaksHttp, speaksTls } from '../../homeserver/protocol-probe.ts';

/** Where one of the homeserver's APIs answers. */
export interface Address {
  readonly url: string;
  /** The configuration key that says so. */
  readonly key: string;
  readonly isAdmin: boolean;
}

export const clientAddress = (homeserver: Config['homeserver']): Address => ({
  url: homeserver.url,
  key: keyOf(homeserver, 'url'),
  isAdmin: false,
});

export const adminAddress = (homeserver: Config['homeserver']): Address => ({
  url: homeserver.adminUrl ?? homeserver.url,
  key: keyOf(homeserver, 'adminUrl'),
  isAdmin: true,
});

/**
 * The address can't be right: its name is unknown, or its certificate not trusted. For a bot that has worked
 * with it, this is an outage.
 */
export class AddressError extends SetupError {}

/**
 * Makes one request of the start.
 *
 * @param explain what an error means here; undefined for nothing particular
 * @throws SetupError what is wrong and what to do
 * @throws UnreachableError the homeserver does not answer; this may pass
 */
export async function asked<Result>(
  request: () => Promise<Result>,
  explain: (error: HomeserverError) => SetupError | undefined,
  address: Address,
): Promise<Result> {
  const { url, key } = address;
  try {
    return await request();
  } catch (error) {
    if (error instanceof UnreachableError) {
      throw await whyUnreachable(error, address);
    }
    if (!(error instanceof HomeserverError)) {
      throw error;
    }
    if (error.isTemporary) {
      // For example, a proxy whose Synapse is still starting. This passes.
      throw new UnreachableError(
        error.request,
        `at ${url} answers with ${error.status} ${error.errcode}`,
        false,
      );
    }
    throw (
      explain(error) ??
      new SetupError(
        `${url} answered ${error.request} with ${error.status} ${error.errcode}.`,
        `Check ${key}: it must be where your Synapse answers.`,
      )
    );
  }
}

async function whyUnreachable(error: UnreachableError, address: Address): Promise<Error> {
  const { url } = address;
  const fault =
    networkFault(error.networkCode, url, address.key) ?? (await schemeFault(error, address));
  if (fault !== undefined) {
    return new AddressError(fault.message, fault.advice);
  }
  if (error instanceof ForeignAnswerError && error.status < 500) {
    return foreignAnswer(error, address);
  }
  return new UnreachableError(error.request, `at ${url} ${error.reason}`, false, {
    advice:
      error.networkCode === 'ECONNREFUSED'
        ? `Nothing listens there. Start Synapse, or check the port in ${address.key}.`
        : `Check ${address.key}, and that Synapse runs and can be reached from here.`,
  });
}

/**
 * Finds out whether `http` and `https` are mixed up. Without TLS, servers that speak it hang up, or refuse with
 * 400. With TLS, Synapse waits for more.
 */
async function schemeFault(
  error: UnreachableError,
  { url, key }: Address,
): Promise<NetworkFault | undefined> {
  const { networkCode } = error;
  if (url.startsWith('https:')) {
    return networkCode === 'ETIMEDOUT' && (await speaksHttp(url))
      ? networkFault('EPROTO', url, key)
      : undefined;
  }
  const isRefused = error instanceof ForeignAnswerError && error.status === 400;
  return (networkCode === 'ECONNRESET' || isRefused) && (await speaksTls(url))
    ? needsHttps(url, key)
    : undefined;
}

function foreignAnswer(
  { status, redirectsTo }: ForeignAnswerError,
  { url, key, isAdmin }: Address,
): SetupError {
  if (redirectsTo !== undefined) {
    return new SetupError(
      `${url} redirects to ${redirectsTo} (${status}).`,
      `If Synapse answers there, set ${key} to that address.`,
    );
  }
  if (status >= 300 && status < 400) {
    return new SetupError(
      `${url} redirects to another page (${status}).`,
      `Something in between answers, such as a login page. Set ${key} to where Synapse itself answers.`,
    );
  }
  return new SetupError(
    `Something other than Synapse answers at ${url} (HTTP ${status}).`,
    isAdmin
      ? `Proxies often block /_synapse/admin. Set ${key} to the address where Synapse itself listens, such as http://127.0.0.1:8008`
      : `Set ${key} to the address that your clients use.`,
  );
}
