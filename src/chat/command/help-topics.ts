import { bold, code, line } from '../answers/answer.ts';
import type { Answer } from '../answers/answer.ts';
import { withPrefix } from './properties.ts';

/** Something that many commands can do, and that help explains once. */
interface Topic {
  readonly name: string;
  readonly title: string;
  /** In what they do, and in the notes, `!` before a command stands for the prefix. */
  readonly flags: readonly (readonly [flag: string, what: string])[];
  /** Other words that people type if they look for it. */
  readonly words: readonly string[];
  readonly notes: readonly string[];
  /** A command line, without the prefix. */
  readonly example: string;
  readonly next: readonly string[];
  /** Only a few need it: the list of all commands doesn't name it. */
  readonly isRare?: true;
}

export const topics: readonly Topic[] = [
  {
    name: 'matching',
    title: 'Many accounts in one command',
    flags: [
      [
        '--matching "FILTERS"',
        'all accounts that match. The filters are those of !users, all in one pair of quotes',
      ],
      [
        '--from-file',
        'the users in a file: send it to the room, and reply to it with the command. One user per line, or CSV with a user_id column',
      ],
    ],
    words: ['batch', 'bulk', 'filter', 'filters', 'many', 'mass', 'multiple', 'raid', 'several'],
    notes: [
      'You can also name several users: separate them with spaces or commas.',
      'Several accounts always need a confirmation, which shows who they are. --dry-run shows the same and asks nothing.',
    ],
    example: 'deactivate --matching "spam* --created-after 2d" --reason raid',
    next: ['help users', 'help undo', 'help jobs', 'help stop-job'],
  },
  {
    name: 'later',
    title: 'Later, or for a limited time',
    flags: [
      ['--in 2h', 'run it after this time: 30m, 2h, 7d'],
      ['--at 22:00', 'run it at the next 22:00 UTC; or at "2026-12-31 22:00"'],
      ['--for 24h', 'undo it after this time'],
    ],
    words: ['delay', 'schedule', 'temporary', 'timer', 'tomorrow'],
    notes: ['!jobs lists what is scheduled, and !stop-job stops it.'],
    example: 'suspend @mallory:example.com --in 2h --reason spam',
    next: ['help jobs', 'help stop-job'],
  },
  {
    name: 'dry-run',
    title: 'Reasons, dry runs and protected accounts',
    flags: [
      ['--reason TEXT', 'why. The audit log keeps it. Put several words in quotes'],
      ['--dry-run', 'show what would happen, and change nothing'],
      [
        '--override-protection',
        'also act on protected accounts. Only admins can use it, and it always asks for confirmation',
      ],
    ],
    words: ['preview', 'protected', 'protection', 'simulate'],
    notes: [],
    example: 'deactivate @mallory:example.com --reason "spam links" --dry-run',
    next: ['help audit'],
  },
  {
    name: 'homeservers',
    title: 'Several homeservers',
    flags: [
      [
        '--on NAME',
        'the homeserver that a command is about, if it does not follow from its users, rooms or files. Without it, the first',
      ],
    ],
    words: ['homeserver'],
    notes: [
      'Users, rooms, messages and files are on the homeserver that their IDs name. One command can be about users of several.',
      '!status lists the homeservers. If there is only one, there is no such flag.',
    ],
    example: 'rooms lobby --on work',
    next: ['status'],
    isRare: true,
  },
];

/** The topic of this name, or the one that a flag or another word leads to. */
export function topicFor(word: string): Topic | undefined {
  const wanted = word.normalize('NFKC').toLowerCase();
  return topics.find(
    ({ name, words, flags }) =>
      name === wanted ||
      words.includes(wanted) ||
      flags.some(([flag]) => flag.split(' ', 1)[0] === `--${wanted}`),
  );
}

/** The answer to `help matching` or `help later`. */
export function helpForTopic(topic: Topic, prefix: string): Answer {
  const { title, flags, notes, example, next } = topic;
  return {
    mark: 'ℹ️',
    title: [bold(title)],
    body: [
      {
        kind: 'list',
        items: flags.map(([flag, what]) => [code(flag), `: ${withPrefix(what, prefix)}`]),
      },
      ...notes.map((note) => line(withPrefix(note, prefix))),
      line('Example: ', code(`${prefix}${example}`)),
      line(`${prefix}help COMMAND shows which of these flags a command takes.`),
    ],
    next,
  };
}
