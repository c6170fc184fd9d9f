import { defineConfig } from 'oxlint';
import type { OxlintOverride } from 'oxlint';

/** What each folder under `src/` may import besides itself. `app/`, `cli/` and `main.ts` may import all. */
export const allowedImports: Record<string, readonly string[]> = {
  core: [],
  config: ['core'],
  observability: ['core'],
  homeserver: ['core'],
  store: ['core'],
  services: ['homeserver', 'store', 'core'],
  chat: ['services', 'core'],
  commands: ['chat', 'services', 'core'],
  operations: ['chat', 'services', 'store', 'core'],
  matrix: ['operations', 'chat', 'homeserver', 'store', 'core'],
  reports: ['operations', 'chat', 'services', 'store', 'config', 'core'],
  web: ['commands', 'chat', 'services', 'core'],
};

const folders = Object.keys(allowedImports);

export default defineConfig({
  ignorePatterns: ['dist/**'],
  plugins: ['typescript', 'import', 'unicorn', 'oxc', 'promise', 'node', 'vitest'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  options: { typeAware: true },
  rules: {
    eqeqeq: 'error',
    'no-console': 'error',
    'no-await-in-loop': 'off',
    'no-shadow': 'off',
    // tsc knows which switches are exhaustive.
    'typescript/consistent-return': 'off',
    // Our objects are closures: their functions know no `this`.
    'typescript/unbound-method': 'off',
    'promise/no-callback-in-promise': 'off',
    'oxc/no-map-spread': 'off',
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/no-unsafe-type-assertion': 'off',
    // Imports of types count, too.
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-default-export': 'off',
    'import/no-unassigned-import': 'off',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    'unicorn/no-array-sort': 'off',
    // A rule of the configuration has a list `then`, which nothing takes for a promise.
    'unicorn/no-thenable': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'promise/always-return': 'off',
    'vitest/require-mock-type-parameters': 'off',
  },
  overrides: [
    ...folders.map((folder): OxlintOverride => {
      const forbidden = folders.filter(
        (other) => other !== folder && !allowedImports[folder]?.includes(other),
      );
      return {
        files: [`src/${folder}/**`],
        rules: {
          'no-restricted-imports': [
            'error',
            {
              patterns: [
                {
                  regex: `^(\\.\\./)+(${[...forbidden, 'app', 'cli', 'main\\.ts'].join('|')})(/|$)`,
                  message: `${folder}/ may import only ${allowedImports[folder]?.join(', ') || 'nothing else'}.`,
                },
              ],
            },
          ],
        },
      };
    }),
    { files: ['bench/**', 'dev/**', 'src/main.ts', 'src/cli/**'], rules: { 'no-console': 'off' } },
  ],
});
