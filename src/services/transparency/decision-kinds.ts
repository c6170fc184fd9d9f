/**
 * What kind of decision each command is. The codes are those of the DSA Transparency Database; kinds without a
 * code restrict nobody.
 */
export const decisionKinds = {
  account_terminated: {
    title: 'Account closed',
    code: 'DECISION_ACCOUNT_TERMINATED',
    commands: ['deactivate'],
  },
  account_suspended: {
    title: 'Account suspended or locked',
    code: 'DECISION_ACCOUNT_SUSPENDED',
    commands: ['suspend', 'lock'],
  },
  visibility_other: {
    title: 'Account’s messages hidden from others',
    code: 'DECISION_VISIBILITY_OTHER',
    commands: ['shadow-ban'],
  },
  content_removed: {
    title: 'Messages, files or rooms removed',
    code: 'DECISION_VISIBILITY_CONTENT_REMOVED',
    commands: ['redact', 'redact-user', 'delete-media', 'delete-room'],
  },
  content_disabled: {
    title: 'Files or rooms blocked',
    code: 'DECISION_VISIBILITY_CONTENT_DISABLED',
    commands: ['quarantine', 'block-room'],
  },
  service_restricted: {
    title: 'Banned, removed or muted in rooms',
    code: 'DECISION_PROVISION_PARTIAL_SUSPENSION',
    commands: ['ban', 'kick', 'mute'],
  },
  lifted: {
    title: 'Restriction lifted',
    code: undefined,
    commands: [
      'reactivate',
      'unsuspend',
      'unlock',
      'unshadow-ban',
      'unquarantine',
      'unblock-room',
      'unban',
      'unmute',
    ],
  },
} as const satisfies Record<
  string,
  {
    readonly title: string;
    readonly code: string | undefined;
    readonly commands: readonly string[];
  }
>;

export type DecisionKind = keyof typeof decisionKinds;

const kindOfCommand = new Map<string, DecisionKind>(
  Object.entries(decisionKinds).flatMap(([kind, { commands }]) =>
    commands.map((command): [string, DecisionKind] => [command, kind as DecisionKind]),
  ),
);

/**
 * The kind of a decision; undefined for what decides about nobody, such as claiming a report.
 *
 * @param step which part of a takedown
 */
export function kindOf(command: string, step: string | null): DecisionKind | undefined {
  return kindOfCommand.get(command === 'takedown' ? (step ?? '') : command);
}
