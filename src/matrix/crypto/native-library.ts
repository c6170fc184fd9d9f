import { createRequire } from 'node:module';

import type { RustSdkCryptoStoreType } from 'matrix-bot-sdk';

import { SetupError } from '../../core/errors.ts';

/** Its native library does not come from the registry: installing the package downloads it. */
const cryptoPackage = '@matrix-org/matrix-sdk-crypto-nodejs';

/** The part of the library that the SDK does not export. */
interface NativeLibrary {
  readonly StoreType: { readonly Sqlite: RustSdkCryptoStoreType };
}

/**
 * The library that encryption needs. Without it, the SDK can't be loaded at all.
 *
 * @throws SetupError encryption can't work on this machine
 */
export function nativeLibrary(): NativeLibrary {
  const fromSdk = createRequire(createRequire(import.meta.url).resolve('matrix-bot-sdk'));
  try {
    return fromSdk(cryptoPackage) as NativeLibrary;
  } catch {
    throw new SetupError(
      `encryption.enabled: the native library of ${cryptoPackage} is missing or does not fit this machine.`,
      `Run \`npm rebuild ${cryptoPackage}\` where it can be downloaded from github.com, ` +
        'or set encryption.enabled: false and use a room without encryption.',
    );
  }
}
