import { HomeserverError, UnreachableError } from '../core/errors.ts';
import type { Around } from './http.ts';

/** Lets errors say which of several homeservers they are about. */
export function namedServer(serverName: string): Around {
  return async (_, send) => {
    try {
      return await send();
    } catch (error) {
      throw aboutServer(error, serverName);
    }
  };
}

/** The same error, with the name of the homeserver that it is about. */
export function aboutServer(error: unknown, serverName: string): unknown {
  if (error instanceof HomeserverError || error instanceof UnreachableError) {
    error.message = error.message
      .replace(/^the homeserver/u, serverName)
      .replace(/^the authentication service/u, `the authentication service of ${serverName}`);
  }
  return error;
}
