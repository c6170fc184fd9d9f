import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';

/** A self-signed certificate of localhost and 127.0.0.1, valid for a hundred years, and its key. */
export const certificate = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBmzCCAUGgAwIBAgIUJFnfr0G+tuHizc9pN5FMvsr0L9UwCgYIKoZIzj0EAwIw',
  'FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNzIzMDQyNFoYDzIxMjYxMTAz',
  'MjMwNDI0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO',
  'PQMBBwNCAARSqqjgH5VwRKFBYSTv2B1ReSiw2GTvLGPOcn9OpCadrK+FphKthYgg',
  'HNyIP0MzzDxMKRHdYgFDadQV0BMVmNjdo28wbTAdBgNVHQ4EFgQU3cYnNsaUWyEF',
  'jPv9/1n1/TL/0ewwHwYDVR0jBBgwFoAU3cYnNsaUWyEFjPv9/1n1/TL/0ewwDwYD',
  'VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI',
  'zj0EAwIDSAAwRQIhAMU7Uo8cczLme/YHLq3cOoYvoL7R2QJqBFk3PGO73Kj9AiB6',
  'WEOeFrdsVceuLtJisXJI0kvY96z8MCpa4xhiOMZwxA==',
  '-----END CERTIFICATE-----',
].join('\n');

const key = [
  '-----BEGIN PRIVATE KEY-----',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgqOj+Fp7/u3LnrQgH',
  'x1zXghjWSUQAetERPJsuH69Egi2hRANCAARSqqjgH5VwRKFBYSTv2B1ReSiw2GTv',
  'LGPOcn9OpCadrK+FphKthYggHNyIP0MzzDxMKRHdYgFDadQV0BMVmNjd',
  '-----END PRIVATE KEY-----',
].join('\n');

export interface TlsServer extends AsyncDisposable {
  readonly port: number;
}

/** A local HTTPS server with a certificate that nobody trusts. */
export async function startTlsServer(answer: RequestListener): Promise<TlsServer> {
  const server = createServer({ cert: certificate, key }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
