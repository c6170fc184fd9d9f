import { defineConfig } from 'oxlint';
import type { OxlintOverride } from 'oxlint';

/**
 * The arrows of the house: what each folder under `src/` may import besides itself,
 * `ids.ts` and `errors.ts`. See `docs/design.md`.
 */
const arrows: Record<string, readonly string[]> = {
  config: [],
  'admin-api': [],
  store: [],
  observability: [],
  services: ['admin-api', 'store'],
  command: ['services'],
  commands: ['command', 'services'],
  jobs: ['services', 'store'],
  pipeline: ['command', 'services', 'store'],
  matrix: ['pipeline', 'command'],
  reports: ['pipeline', 'services', 'store', 'command', 'config'],
  cli: ['config', 'command', 'matrix', 'services', 'store'],
};

const folders = Object.keys(arrows);

export default defineConfig({
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
    'import/no-cycle': 'error',
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
        (other) => other !== folder && !arrows[folder]?.includes(other),
      );
      return {
        files: [`src/${folder}/**`],
        rules: {
          'no-restricted-imports': [
            'error',
            {
              patterns: [
                {
                  regex: `^(\\.\\./)+(${[...forbidden, 'app\\.ts', 'main\\.ts'].join('|')})(/|$)`,
                  message: `${folder}/ may import only ${['ids.ts', 'errors.ts', ...(arrows[folder] ?? [])].join(', ')}.`,
                },
              ],
            },
          ],
        },
      };
    }),
    { files: ['dev/**', 'src/main.ts'], rules: { 'no-console': 'off' } },
  ],
});
