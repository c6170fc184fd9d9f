import { createRequire, registerHooks } from 'node:module';

/** The package whose native library is downloaded when it is installed, from outside the registry. */
const cryptoPackage = '@matrix-org/matrix-sdk-crypto-nodejs';

/** What matrix-bot-sdk reads of it while loading; the rest is asked for only with encryption on. */
const withoutLibrary = 'exports.StoreType = { Sled: 0, Sqlite: 1 };';

function hasNativeLibrary(): boolean {
  const fromSdk = createRequire(createRequire(import.meta.url).resolve('matrix-bot-sdk'));
  try {
    fromSdk(cryptoPackage);
    return true;
  } catch {
    return false;
  }
}

/** Whether encryption can be had on this machine. */
export const canEncrypt = hasNativeLibrary();

if (!canEncrypt) {
  // Only encryption needs the library; without it the bot must start all the same.
  registerHooks({
    load(url, context, next) {
      return url.includes(`/${cryptoPackage}/`)
        ? { format: 'commonjs', source: withoutLibrary, shortCircuit: true }
        : next(url, context);
    },
  });
}

// A dependency of the SDK's uses an old API of Node's; operators can't do anything about that.
const { noDeprecation } = process;
process.noDeprecation = true;
const sdk = await import('matrix-bot-sdk');
process.noDeprecation = noDeprecation === true;

export const { MatrixClient, MatrixError, LogLevel, LogService, setRequestFn } = sdk;
