/** What the commands do, by the first word of their names. */
const commands: ReadonlyMap<string, string> = new Map([
  [
    'init',
    `  init           set the bot up: its account, room and configuration; see
                 lawspeaker init --help`,
  ],
  ['start', `  start          run the bot`],
  [
    'check-config',
    `  check-config   check the configuration, also with the homeserver; for
                 scripts: --json`,
  ],
  [
    'audit',
    `  audit verify   check the hash chain of the audit log, and compare it with
                 the heads in the management room and the witness; without
                 the homeserver: --offline
  audit list     show the newest entries of the audit log
  audit export   print all entries, oldest first
                 both take --by @user:server, --target, --command, --operation,
                 --status, --text WORDS, --since 7d, --until, --limit,
                 --format jsonl or csv`,
  ],
  [
    'report',
    `  report         print a transparency report without personal data:
                 --from 2026-07-01 --to 2026-12-31, --format md, csv or json,
                 --hide-below 5`,
  ],
  ['backup', `  backup FILE    copy the database to a new file; the bot may be running`],
  [
    'restore',
    `  restore FILE   check a backup, and put it in the place of the database; stop
                 the bot first`,
  ],
  [
    'move-database',
    `  move-database  copy the database to PostgreSQL, or back to a file: --to URL or
                 FILE; the bot may be running. Another source than the
                 configured one: --from URL or FILE`,
  ],
  [
    'forget',
    `  forget USER    remove a person from the database; stop the bot first. Without
                 --yes it only shows what names them`,
  ],
  ['healthcheck', `  healthcheck    ask the running bot at http.listen whether it is ready`],
  [
    'rules',
    `  rules test     show what the rules would have done with the reports of the
                 last 30 days; other periods: --since 7d, --since 2026-11-01`,
  ],
]);

/** The help of the command line: about all commands, or those that begin with a word. */
export function usage(word?: string): string {
  const about = word === undefined ? undefined : commands.get(word);
  return [
    'Usage: lawspeaker COMMAND [--config FILE]',
    about ?? [...commands.values(), '  --version, --help'].join('\n'),
    'The default FILE is config/lawspeaker.yaml.',
  ].join('\n\n');
}

/** How to get the help that somebody needs who has typed this. */
export function helpLine(argv: readonly string[]): string {
  const word = argv.find((one) => commands.has(one));
  return word === undefined
    ? 'For the commands: lawspeaker --help'
    : `For more: lawspeaker ${word} --help`;
}
