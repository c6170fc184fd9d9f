/** A mistake that somebody could make in the code, and the test beside it that must notice it. */
export interface SeededFault {
  /** The effect on users. */
  readonly name: string;
  readonly file: string;
  /** A piece of the file that occurs once. */
  readonly right: string;
  readonly wrong: string;
  readonly test: string;
}

/** Faults that no test noticed when somebody first tried them, or only a distant test. */
export const seededFaults: readonly SeededFault[] = [
  {
    name: 'redact-user ignores --since: everything that was ever sent is redacted',
    file: 'src/commands/accounts/redact-user.ts',
    right: '  return { user: account.name, since, room };',
    wrong: '  return { user: account.name, since: 0 * since, room };',
    test: 'test/commands/accounts/redact-user.test.ts',
  },
  {
    name: 'redact-user looks back a month if nothing is said',
    file: 'src/commands/accounts/redact-user.ts',
    right: "default: '1d' }",
    wrong: "default: '30d' }",
    test: 'test/commands/accounts/redact-user.test.ts',
  },
  {
    name: 'a direct room with a third person in it is used for secrets',
    file: 'src/matrix/direct/direct.ts',
    right: 'if (!before.isPrivate || ',
    wrong: 'if (',
    test: 'test/matrix/direct/direct.test.ts',
  },
  {
    name: 'whoever is in a direct room can let others in',
    file: 'src/matrix/direct/direct.ts',
    right: 'powerLevelContentOverride: { invite: 100, state_default: 100 },',
    wrong: 'powerLevelContentOverride: {},',
    test: 'test/matrix/direct/direct.test.ts',
  },
  {
    name: 'a rule acts on what a protected person has sent, where its line names no account',
    file: 'src/operations/execute/run-rule.ts',
    right: '    await assertUnprotected(context, call);\n',
    wrong: '',
    test: 'test/operations/execute/run-rule.test.ts',
  },
  {
    name: 'events that a sync left out come in the wrong order: an old power level wins',
    file: 'src/matrix/sync/room-update.ts',
    right: 'newestFirst.reverse(), isWhole: true',
    wrong: 'newestFirst, isWhole: true',
    test: 'test/matrix/sync/sync.test.ts',
  },
  {
    name: 'state that a sync tells apart from the timeline is dropped',
    file: 'src/matrix/sync/room-update.ts',
    right: ', ...stated],',
    wrong: '],',
    test: 'test/matrix/sync/sync.test.ts',
  },
  {
    name: 'a second person confirms what somebody asked who has lost the role since',
    file: 'src/operations/confirm/decide.ts',
    right: 'resolveAgain(context, authorize(context, parsed))',
    wrong: 'resolveAgain(context, { ...parsed, role: requireRole(context, parsed, by) } as never)',
    test: 'test/operations/parse/decision-word.test.ts',
  },
  {
    name: 'a device that is still there is called deleted after a crash',
    file: 'src/services/devices/device-service.ts',
    right: "? 'done'\n        : found.unknown.length === 0\n          ? 'not_done'",
    wrong: "? 'not_done'\n        : found.unknown.length === 0\n          ? 'done'",
    test: 'test/commands/reconcile.test.ts',
  },
  {
    name: 'an account that was deactivated before is called erased after a crash',
    file: 'src/services/accounts/account-service.ts',
    right: 'now.deactivated && (!erase || now.erased)',
    wrong: 'now.deactivated',
    test: 'test/commands/reconcile.test.ts',
  },
  {
    name: 'a batch with one unknown outcome is called failed',
    file: 'src/operations/execute/outcome.ts',
    right: "isUnknown ? 'unknown' : 'failed'",
    wrong: "'failed'",
    test: 'test/operations/confirm/batch.test.ts',
  },
  {
    name: 'the breaker is not asked again between two lines of a rule',
    file: 'src/reports/rules/apply-rules.ts',
    right: "const now = mode === 'act' && !(await isBreakerOpen()) ? 'act' : 'propose';",
    wrong: "const now = mode === 'act' ? 'act' : 'propose';",
    test: 'test/reports/rules/apply-rules.test.ts',
  },
  {
    name: 'a second rule acts on what the first has resolved',
    file: 'src/reports/rules/apply-rules.ts',
    right: '.matches && !(await isDecided(id))',
    wrong: '.matches',
    test: 'test/reports/rules/apply-rules.test.ts',
  },
  {
    name: 'accounts of one wave of sign-ups count for the next',
    file: 'src/reports/sign-ups/wave.ts',
    right: 'rest = times.filter((time) => time > before.coveredUntil);',
    wrong: 'rest = times;',
    test: 'test/reports/sign-ups/wave.test.ts',
  },
  {
    name: 'a tap on an older card does what the reaction stands for now',
    file: 'src/reports/cards/configured-reactions.ts',
    right: 'offeredAt !== undefined && offeredAt >= since',
    wrong: 'offeredAt !== undefined',
    test: 'test/reports/cards/configured-reactions.test.ts',
  },
  {
    name: 'timers count against the breaker',
    file: 'src/store/tables/audit/audit-log.ts',
    right: "        .where('actor', '<', 'rule;')\n",
    wrong: '',
    test: 'test/store/tables/audit/audit-log.test.ts',
  },
  {
    name: 'reports are read anew without an overlap',
    file: 'src/reports/intake/intake.ts',
    right: 'const overlap = 10;',
    wrong: 'const overlap = 0;',
    test: 'test/reports/intake/intake.test.ts',
  },
  {
    name: 'a list of reports that fails is asked for less and less often, without an end',
    file: 'src/reports/intake/poller.ts',
    right: 'firstMs: intervalMs * 2, maxMs: maxPauseMs',
    wrong: 'firstMs: intervalMs * 2, maxMs: Number.POSITIVE_INFINITY',
    test: 'test/reports/intake/poller-pause.test.ts',
  },
  {
    name: 'a command for admins is open to rules where roles.commands lowers it',
    file: 'src/operations/authorize/authorize.ts',
    right: "danger === 'critical' || roles.indexOf(needed)",
    wrong: 'roles.indexOf(needed)',
    test: 'test/operations/authorize/authorize.test.ts',
  },
  {
    name: 'a proposal that was committed before a crash is started again',
    file: 'src/operations/execute/run-rule.ts',
    right: 'if (await wasAsked(context, parsed)) {',
    wrong: 'if (false as boolean) {',
    test: 'test/operations/execute/run-rule.test.ts',
  },
  {
    name: 'somebody else’s earlier deletion of a room is taken for the one whose answer was lost',
    file: 'src/services/rooms/room-deletion.ts',
    right: 'started !== undefined && started.id !== before?.id',
    wrong: 'started !== undefined',
    test: 'test/services/rooms/room-deletion.test.ts',
  },
  {
    name: 'of two confirmations with the same code the older one is found',
    file: 'src/store/tables/operations/confirmations.ts',
    right: ".orderBy('id', 'desc')",
    wrong: ".orderBy('id', 'asc')",
    test: 'test/store/tables/operations/confirmations.test.ts',
  },
  {
    name: 'a confirmation whose time runs out at this moment is stored as confirmed',
    file: 'src/store/tables/operations/confirmations.ts',
    right: "...(state === 'confirmed' ? { expiringAfter: at } : {}),",
    wrong: '',
    test: 'test/store/tables/operations/confirmations.test.ts',
  },
  {
    name: 'a confirmation whose time is up counts until the bot has noticed',
    file: 'src/operations/confirm/decide.ts',
    right: "if (confirmation.state === 'pending' && confirmation.expiresAt > context.now()) {",
    wrong: "if (confirmation.state === 'pending') {",
    test: 'test/operations/parse/decision-word.test.ts',
  },
  {
    name: 'the bot’s own tick confirms',
    file: 'src/operations/confirm/decide.ts',
    right: '  assertNotOwn(context.settings, by);\n',
    wrong: '',
    test: 'test/operations/parse/decision-word.test.ts',
  },
  {
    name: 'the bot takes in its own events',
    file: 'src/operations/pipeline.ts',
    right: 'incoming.sender === settings.botUser || ',
    wrong: '',
    test: 'test/operations/parse/decision-word.test.ts',
  },
  {
    name: 'after one account of a batch has failed, the others are left out',
    file: 'src/operations/execute/advance.ts',
    right: '  unit.attempt = told;\n',
    wrong:
      "  unit.attempt = told;\n  if (attempt.status === 'failed') run.queue.isPaused = true;\n",
    test: 'test/operations/execute/execute.test.ts',
  },
  {
    name: 'a timer does lasting harm for somebody who may not',
    file: 'src/operations/authorize/authorize.ts',
    right: "parsed.danger === 'change' ? 'moderator' : requireRole(context, parsed, actor.user)",
    wrong: "'moderator'",
    test: 'test/operations/authorize/authorize.test.ts',
  },
  {
    name: 'a rule does by itself what a second person must confirm',
    file: 'src/operations/execute/run-rule.ts',
    right: "policyFor(parsed.danger, context.settings) === 'other' ||",
    wrong: '',
    test: 'test/operations/execute/run-rule.test.ts',
  },
  {
    name: 'a rule acts on what a server admin has sent',
    file: 'src/operations/authorize/authorize.ts',
    right: 'admin: account?.admin ?? false',
    wrong: 'admin: false',
    test: 'test/operations/execute/run-rule.test.ts',
  },
  {
    name: 'between two steps of a restore, there is no database',
    file: 'src/store/files/replace.ts',
    right: '    renameSync(prepared, place);',
    wrong: '    rmSync(place, { force: true });\n    renameSync(prepared, place);',
    test: 'test/store/files/interrupted-restore.test.ts',
  },
  {
    name: 'the log of an unreadable database is left beside the restored one',
    file: 'src/store/files/replace.ts',
    right: '    present.filter((name) => name !== place).forEach((name) => rmSync(name));\n',
    wrong: '',
    test: 'test/store/files/restore.test.ts',
  },
];
