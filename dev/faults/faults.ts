/** A mistake that somebody could make in the code, and the test beside it that must notice it. */
export interface SeededFault {
  /** What users would suffer. */
  readonly name: string;
  readonly file: string;
  /** A piece of the file that stands there once. */
  readonly right: string;
  readonly wrong: string;
  readonly test: string;
}

/** Faults that were put in once, by hand or by mutation, and that no test noticed then, or only tests far away. */
export const seededFaults: readonly SeededFault[] = [
  {
    name: 'redact-user ignores --since: everything that was ever sent is redacted',
    file: 'src/commands/redact-user.ts',
    right: '  return { user: account.name, since, room };',
    wrong: '  return { user: account.name, since: 0 * since, room };',
    test: 'test/commands/redact-user.test.ts',
  },
  {
    name: 'redact-user looks back a month if nothing is said',
    file: 'src/commands/redact-user.ts',
    right: "default: '1d' }",
    wrong: "default: '30d' }",
    test: 'test/commands/redact-user.test.ts',
  },
  {
    name: 'a direct room with a third person in it is used for secrets',
    file: 'src/matrix/direct.ts',
    right: 'if (!before.isPrivate || ',
    wrong: 'if (',
    test: 'test/matrix/direct.test.ts',
  },
  {
    name: 'whoever is in a direct room can let others in',
    file: 'src/matrix/direct.ts',
    right: 'power_level_content_override: { invite: 100, state_default: 100 },',
    wrong: '',
    test: 'test/matrix/direct.test.ts',
  },
  {
    name: 'a rule acts on what a protected person has sent, where its line names no account',
    file: 'src/pipeline/run-rule.ts',
    right: '    await refuseProtected(house, call);\n',
    wrong: '',
    test: 'test/pipeline/run-rule.test.ts',
  },
  {
    name: 'events that a sync left out come in the wrong order: an old power level wins',
    file: 'src/matrix/gap.ts',
    right: 'newestFirst.reverse(), isWhole: true',
    wrong: 'newestFirst, isWhole: true',
    test: 'test/matrix/sync.test.ts',
  },
  {
    name: 'state that a sync tells apart from the timeline is dropped',
    file: 'src/matrix/sync.ts',
    right: ', ...stated];',
    wrong: '];',
    test: 'test/matrix/sync.test.ts',
  },
  {
    name: 'a second person confirms what somebody asked who has lost the role since',
    file: 'src/pipeline/settle-question.ts',
    right: 'resolve(house, authorize(house, parsed))',
    wrong: 'resolve(house, { ...parsed, role: requireRole(house, parsed, by) } as never)',
    test: 'test/pipeline/decision-word.test.ts',
  },
  {
    name: 'a device that is still there is called deleted after a crash',
    file: 'src/commands/delete-device.ts',
    right: "devices.length === 0 ? 'done' : unknown.length === 0 ? 'not_done' : 'unknowable'",
    wrong: "devices.length === 0 ? 'not_done' : unknown.length === 0 ? 'done' : 'unknowable'",
    test: 'test/commands/reconcile.test.ts',
  },
  {
    name: 'an account that was deactivated before is called erased after a crash',
    file: 'src/commands/deactivate.ts',
    right: 'now.deactivated && (!erase || now.erased)',
    wrong: 'now.deactivated',
    test: 'test/commands/reconcile.test.ts',
  },
  {
    name: 'a batch with one unknown outcome is called failed',
    file: 'src/pipeline/outcome.ts',
    right: "isUnknown ? 'unknown' : 'failed'",
    wrong: "'failed'",
    test: 'test/pipeline/batch.test.ts',
  },
  {
    name: 'the breaker is not asked again between two lines of a rule',
    file: 'src/reports/apply-rules.ts',
    right: "const now = mode === 'act' && !(await isBreakerOpen()) ? 'act' : 'propose';",
    wrong: "const now = mode === 'act' ? 'act' : 'propose';",
    test: 'test/reports/apply-rules.test.ts',
  },
  {
    name: 'a second rule acts on what the first has resolved',
    file: 'src/reports/apply-rules.ts',
    right: '.fits && !(await isSettled(id))',
    wrong: '.fits',
    test: 'test/reports/apply-rules.test.ts',
  },
  {
    name: 'timers count against the breaker',
    file: 'src/store/audit-log.ts',
    right: "        .where('actor', '<', 'rule;')\n",
    wrong: '',
    test: 'test/store/audit-log.test.ts',
  },
  {
    name: 'reports are read anew without an overlap',
    file: 'src/reports/intake.ts',
    right: 'const overlap = 10;',
    wrong: 'const overlap = 0;',
    test: 'test/reports/intake.test.ts',
  },
  {
    name: 'a list of reports that fails is asked for less and less often, without an end',
    file: 'src/reports/poller.ts',
    right: 'pauseMs = Math.min(pauseMs * 2, longestPauseMs);',
    wrong: 'pauseMs *= 2;',
    test: 'test/reports/poller-pause.test.ts',
  },
  {
    name: 'a command for admins is open to rules where roles.commands lowers it',
    file: 'src/pipeline/authorize.ts',
    right: "danger === 'critical' || roles.indexOf(needed)",
    wrong: 'roles.indexOf(needed)',
    test: 'test/pipeline/authorize.test.ts',
  },
  {
    name: 'a proposal that was committed before a crash is begun again',
    file: 'src/pipeline/run-rule.ts',
    right: 'if (await wasAsked(house, parsed)) {',
    wrong: 'if (false as boolean) {',
    test: 'test/pipeline/run-rule.test.ts',
  },
  {
    name: 'somebody else’s earlier deletion of a room is taken for the one whose answer was lost',
    file: 'src/services/room-deletion.ts',
    right: 'begun !== undefined && begun.id !== before?.id',
    wrong: 'begun !== undefined',
    test: 'test/services/room-deletion.test.ts',
  },
  {
    name: 'of two confirmations with the same code the older one is found',
    file: 'src/store/confirmations.ts',
    right: ".orderBy('id', 'desc')",
    wrong: ".orderBy('id', 'asc')",
    test: 'test/store/confirmations.test.ts',
  },
  {
    name: 'a confirmation whose time runs out at this moment is stored as confirmed',
    file: 'src/store/confirmations.ts',
    right: "query.where('expires_at', '>', at)",
    wrong: 'query',
    test: 'test/store/confirmations.test.ts',
  },
  {
    name: 'a confirmation whose time is up counts until the bot has noticed',
    file: 'src/pipeline/question.ts',
    right: "if (question.state === 'pending' && question.expiresAt > house.now()) {",
    wrong: "if (question.state === 'pending') {",
    test: 'test/pipeline/decision-word.test.ts',
  },
  {
    name: 'the bot’s own tick confirms',
    file: 'src/pipeline/settle-question.ts',
    right: '  assertNotOwn(house, by);\n',
    wrong: '',
    test: 'test/pipeline/decision-word.test.ts',
  },
  {
    name: 'the bot takes in its own events',
    file: 'src/pipeline/intake.ts',
    right: 'incoming.sender === settings.botUser || ',
    wrong: '',
    test: 'test/pipeline/decision-word.test.ts',
  },
  {
    name: 'after one account of a batch has failed, the others are left out',
    file: 'src/pipeline/execute.ts',
    right: '    attempts.push(attempt);\n',
    wrong: "    attempts.push(attempt);\n    if (attempt.status === 'failed') break;\n",
    test: 'test/pipeline/execute.test.ts',
  },
  {
    name: 'a timer runs what is destructive',
    file: 'src/pipeline/authorize.ts',
    right: "if (parsed.danger !== 'change') {",
    wrong: 'if (false as boolean) {',
    test: 'test/pipeline/authorize.test.ts',
  },
  {
    name: 'a rule does by itself what a second person must confirm',
    file: 'src/pipeline/run-rule.ts',
    right: "mode === 'propose' || policyFor(parsed.danger, house.settings) === 'other'",
    wrong: "mode === 'propose'",
    test: 'test/pipeline/run-rule.test.ts',
  },
  {
    name: 'a rule acts on what a server admin has sent',
    file: 'src/pipeline/run-rule.ts',
    right: 'admin: account?.admin ?? false',
    wrong: 'admin: false',
    test: 'test/pipeline/run-rule.test.ts',
  },
];
