import { didTo, nameAndId } from '../../chat/answers/account.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';

export default defineCommand({
  name: 'experimental-features',
  synonyms: ['experiments', 'features', 'labs', 'msc'],
  summary: 'Shows, enables or disables experimental features of Synapse for individual accounts',
  doesNot: ['show features that Synapse’s configuration enables for everybody'],
  args: {
    account: usersArgument,
    enable: flag('word', 'Enable this feature, such as msc3881', {
      many: true,
      placeholder: 'FEATURE',
    }),
    disable: flag('word', 'Disable this feature', { many: true, placeholder: 'FEATURE' }),
  },
  danger: ({ enable, disable }) => (enable.length + disable.length > 0 ? 'change' : 'read'),
  maxDanger: 'change',
  // A client that relies on a feature may stop working without it.
  protects: ({ enable, disable }) => enable.length + disable.length > 0,
  example: 'experimental-features @vera:example.com --enable msc3881',
  endpoints: [
    'GET /_synapse/admin/v1/experimental_features/{user_id}',
    'PUT /_synapse/admin/v1/experimental_features/{user_id}',
  ],
  repeats: true,
  inBatch: ({ enable, disable }) =>
    enable.length + disable.length > 0
      ? 'Change the experimental features of'
      : 'Show the experimental features of',
  check({ enable, disable }) {
    const both = enable.find((feature) => disable.includes(feature));
    if (both !== undefined) {
      throw new UsageError(`\`${cut(both)}\` is both enabled and disabled.`, { word: both });
    }
  },
  async preview({ args, services }) {
    const before = await services.accounts.experimentalFeatures(args.account.name);
    const wanted = wantedOf(args);
    return {
      title: [
        wanted.size === 0
          ? 'Show the experimental features of '
          : 'Change the experimental features of ',
        ...nameAndId(args.account),
        '?',
      ],
      body: [...featureLines('Now', before), ...featureLines('New', wanted)],
    };
  },
  async run({ args, services: { accounts } }) {
    const { name } = args.account;
    const wanted = wantedOf(args);
    return wanted.size === 0
      ? { before: new Map<string, boolean>(), features: await accounts.experimentalFeatures(name) }
      : accounts.setExperimentalFeatures(name, wanted);
  },
  answer({ args }, { features }) {
    const { account } = args;
    const isChange = wantedOf(args).size > 0;
    return {
      mark: isChange ? '✅' : 'ℹ️',
      title: isChange
        ? didTo('Changed the experimental features of', account)
        : [bold('Experimental features'), ' of ', ...nameAndId(account)],
      body: featureLines('Now', features),
      data: {
        userId: account.name,
        features: [...features].map(([feature, enabled]) => ({ feature, enabled })),
      },
    };
  },
  undo({ args: { account } }, { before }) {
    const flags = [...before].map(
      ([feature, enabled]) => `--${enabled ? 'enable' : 'disable'} ${quote(feature)}`,
    );
    return flags.length === 0
      ? undefined
      : `experimental-features ${idWord(account.name)} ${flags.join(' ')}`;
  },
  reconcile: async ({ args, services }) =>
    services.accounts.reconcileExperimentalFeatures(args.account.name, wantedOf(args)),
});

interface Wish {
  readonly enable: readonly string[];
  readonly disable: readonly string[];
}

function wantedOf({ enable, disable }: Wish): ReadonlyMap<string, boolean> {
  return new Map([
    ...enable.map((feature) => [feature, true] as const),
    ...disable.map((feature) => [feature, false] as const),
  ]);
}

/** `Now: msc3881 enabled, msc4222 disabled`; empty if there are none. */
function featureLines(title: string, features: ReadonlyMap<string, boolean>): Block[] {
  return features.size === 0
    ? []
    : [
        line(
          `${title}: `,
          ...[...features].flatMap(([feature, enabled], at) => [
            at === 0 ? '' : ', ',
            code(cut(feature)),
            enabled ? ' enabled' : ' disabled',
          ]),
        ),
      ];
}
