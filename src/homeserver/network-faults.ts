/** Why a connection fails, for causes that rarely pass by themselves. */
export interface NetworkFault {
  readonly message: string;
  readonly advice: string;
}

/** The codes of Node, OpenSSL and Node's HTTP parser. */
const kinds = [
  [/^(?:ENOTFOUND|EAI_AGAIN)$/u, 'unknown host'],
  [/^(?:CERT_UNTRUSTED|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN)$/u, 'untrusted'],
  [/^UNABLE_TO_(?:GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)$/u, 'untrusted'],
  [/^(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/u, 'outdated'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/u, 'other name'],
  [/^(?:EPROTO$|ERR_SSL_)/u, 'no TLS'],
  [/^HPE_/u, 'no HTTP'],
] as const;

type Kind = (typeof kinds)[number][1];

function kindOf(code: string | undefined): Kind | undefined {
  return code === undefined ? undefined : kinds.find(([pattern]) => pattern.test(code))?.[1];
}

/**
 * What a network error code means.
 *
 * @param key what to correct, for the advice: the configuration key of the URL
 * @returns undefined if the fault may pass by itself, as for a homeserver that is not running yet
 */
export function networkFault(
  code: string | undefined,
  url: string,
  key: string,
): NetworkFault | undefined {
  const kind = kindOf(code);
  const { hostname, origin } = new URL(url);
  const messages: Readonly<Record<Kind, string>> = {
    'unknown host': `The host name ${hostname} can’t be found (${code}).`,
    untrusted: `The certificate of ${origin} is not trusted (${code}).`,
    outdated: `The certificate of ${origin} is not valid today (${code}).`,
    'other name': `The certificate of ${origin} is for another name (${code}).`,
    'no TLS': `${origin} does not speak TLS (${code}).`,
    'no HTTP': `${origin} does not speak HTTP (${code}).`,
  };
  return kind && { message: messages[kind], advice: advice(key)[kind] };
}

/** The advice of `networkFault`. */
export function networkAdvice(code: string | undefined, key: string): string | undefined {
  const kind = kindOf(code);
  return kind && advice(key)[kind];
}

const advice = (key: string): Readonly<Record<Kind, string>> => ({
  'unknown host': `Check ${key}. If the name is right, check the name servers of this machine or container.`,
  untrusted:
    'If it is your own, name the file of its authority in the environment: NODE_EXTRA_CA_CERTS=/path/to/ca.pem',
  outdated: 'Renew it. If it is new, check the clock of this machine.',
  'other name': `Use the name that the certificate is for in ${key}.`,
  'no TLS': `Begin ${key} with http:// if the server is on this machine or in a network that you trust. Otherwise, correct the port.`,
  'no HTTP': `Correct the port in ${key}.`,
});

/** The fault of an `http:` URL whose server speaks TLS. */
export function needsHttps(url: string, key: string): NetworkFault {
  return {
    message: `${new URL(url).origin} speaks TLS, and its address begins with http://.`,
    advice: `Begin ${key} with https://`,
  };
}
