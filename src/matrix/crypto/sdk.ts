import { registerHooks } from 'node:module';

import { unusedPackages } from './unused-packages.ts';

const isUnused = new RegExp(
  `/node_modules/(?:${unusedPackages.join('|').replaceAll('.', '\\.')})/`,
  'u',
);

registerHooks({
  load: (url, context, next) =>
    isUnused.test(url)
      ? { format: 'commonjs', source: '', shortCircuit: true }
      : next(url, context),
});

// A dependency of the SDK uses an old API of Node's. Operators can't do anything about the warning.
const { noDeprecation } = process;
process.noDeprecation = true;
const sdk = await import('matrix-bot-sdk');
process.noDeprecation = noDeprecation === true;

export const {
  EncryptedRoomEvent,
  LogLevel,
  LogService,
  MatrixClient,
  RustSdkCryptoStorageProvider,
} = sdk;
