import { createRequire, registerHooks } from 'node:module';

import type { RustSdkCryptoStoreType } from 'matrix-bot-sdk';

import { SetupError } from '../../core/errors.ts';
import { unusedPackages } from './unused-packages.ts';

/** The package whose native library is downloaded when it is installed, from outside the registry. */
const cryptoPackage = '@matrix-org/matrix-sdk-crypto-nodejs';

/** What matrix-bot-sdk reads of it while loading; the rest is asked for only with encryption on. */
const withoutLibrary = 'exports.StoreType = { Sled: 0, Sqlite: 1 };';

/** What is asked of it here: the SDK doesn't pass on how it calls a store of keys in SQLite. */
interface NativeLibrary {
  readonly StoreType: { readonly Sqlite: RustSdkCryptoStoreType };
}

function loadLibrary(): NativeLibrary | undefined {
  const fromSdk = createRequire(createRequire(import.meta.url).resolve('matrix-bot-sdk'));
  try {
    return fromSdk(cryptoPackage) as NativeLibrary;
  } catch {
    return undefined;
  }
}

const library = loadLibrary();

/** Whether encryption can be had on this machine. */
export const canEncrypt = library !== undefined;

/** @throws SetupError encryption is wanted, and can't be had on this machine */
export function nativeLibrary(): NativeLibrary {
  if (library === undefined) {
    throw new SetupError(
      `encryption.enabled: the native library of ${cryptoPackage} is missing or does not fit this machine.`,
      `Run \`npm rebuild ${cryptoPackage}\` where it can be downloaded from github.com, ` +
        'or set encryption.enabled: false and use a room without encryption.',
    );
  }
  return library;
}

const isUnused = new RegExp(
  `/node_modules/(?:${unusedPackages.join('|').replaceAll('.', '\\.')})/`,
  'u',
);

registerHooks({
  load(url, context, next) {
    // Only encryption needs the library; without it the bot must start all the same.
    const isMissing = !canEncrypt && url.includes(`/${cryptoPackage}/`);
    return isMissing || isUnused.test(url)
      ? {
          format: 'commonjs',
          source: isMissing ? withoutLibrary : '',
          shortCircuit: true,
        }
      : next(url, context);
  },
});

// A dependency of the SDK's uses an old API of Node's; operators can't do anything about that.
const { noDeprecation } = process;
process.noDeprecation = true;
const sdk = await import('matrix-bot-sdk');
process.noDeprecation = noDeprecation === true;

export const {
  EncryptedRoomEvent,
  LogLevel,
  LogService,
  MatrixClient,
  MatrixError,
  RustSdkCryptoStorageProvider,
  setRequestFn,
} = sdk;
