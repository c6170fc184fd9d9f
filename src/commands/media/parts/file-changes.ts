import { bold, code, facts, line, sentence } from '../../../chat/answers/answer.ts';
import type { Answer, Block, Content, Preview } from '../../../chat/answers/answer.ts';
import { count } from '../../../chat/answers/phrases.ts';
import type { MxcUri } from '../../../core/ids.ts';
import { whyFailed } from '../../../services/services.ts';
import type { FailedFile, FileChanges, NamedFile } from '../../../services/services.ts';
import { fileState, mediaFacts, ownersMedia } from './stored-media.ts';

/** At most this many files of a kind are described. */
const maxDescribed = 10;
/** A line to copy names at most this many files. */
const maxCopied = 3;

/** Each file with its address, what it is, and its state. */
export function fileList(files: readonly NamedFile[], now: number): Block[] {
  const others = files.length - maxDescribed;
  return [
    {
      kind: 'list',
      items: [
        ...files.slice(0, maxDescribed).map((one) => fileItem(one, now)),
        ...(others > 0 ? [[`and ${count(others, 'other')}`]] : []),
      ],
    },
  ];
}

/** `mxc://… image/png, 3 kB · uploaded 3 minutes ago by @mallory:example.com · quarantined` */
function fileItem({ uri, file }: NamedFile, now: number): Content {
  const what = mediaFacts(file, now, fileState(file));
  return [code(uri), ' ', ...(what.kind === 'line' ? what.content : [])];
}

/** The files that were not changed, or of which that is not known, with the reason. */
export function failedBlocks(failed: readonly FailedFile[], what: string): Block[] {
  const others = failed.length - maxDescribed;
  return failed.length === 0
    ? []
    : [
        line(bold(`${what}: `), count(failed.length, 'file')),
        {
          kind: 'list',
          items: [
            ...failed.slice(0, maxDescribed).map((one) => sentence(`${whyFailed(one)}.`)),
            ...(others > 0 ? [[`and ${count(others, 'other')}`]] : []),
          ],
        },
      ];
}

/** For programs: which files were not changed. */
export function failedData(failed: readonly FailedFile[]): readonly object[] {
  return failed.map(({ uri, error }) => ({ uri, code: error.code, message: error.message }));
}

/** The only file that a command named, and what became of it; undefined if it named several. */
export function onlyFile(
  { changed, wasSo }: FileChanges,
  media: readonly MxcUri[],
): (NamedFile & { readonly wasSo: boolean }) | undefined {
  const [file] = [...changed, ...wasSo];
  return file === undefined || media.length !== 1
    ? undefined
    : { ...file, wasSo: changed.length === 0 };
}

/** What became of several files. */
export function severalAnswer(
  { changed, wasSo, failed, unknown }: FileChanges,
  words: {
    /** `Quarantined` */
    readonly did: string;
    /** `quarantined before` */
    readonly before: string;
    /** `Not quarantined` */
    readonly failed: string;
    /** `Not known whether quarantined` */
    readonly unknown: string;
    /** What follows for those that were changed. */
    readonly effect: string;
    readonly now: number;
    /** The name of the command that takes it back. */
    readonly back: string;
  },
): Answer {
  const owners = new Set(changed.map(({ file }) => file.userId));
  const [first] = changed;
  const isComplete = failed.length === 0 && unknown.length === 0;
  return {
    mark: isComplete ? '✅' : '⚠️',
    title: [
      bold(`${words.did} ${changed.length === 0 ? 'no file' : count(changed.length, 'file')}`),
    ],
    body: [
      ...(changed.length === 0 ? [] : fileList(changed, words.now)),
      ...failedBlocks(failed, words.failed),
      ...failedBlocks(unknown, words.unknown),
      ...(wasSo.length === 0 ? [] : [facts(`${count(wasSo.length, 'file')} ${words.before}`)]),
      ...(changed.length === 0 ? [] : [line(words.effect)]),
    ],
    next: [
      ...(changed.length === 0 || changed.length > maxCopied
        ? []
        : [`${words.back} ${addresses(changed)}`]),
      ...(first === undefined || owners.size > 1 ? [] : ownersMedia(first.file)),
    ],
    ...(isComplete ? {} : { status: 'partial' as const }),
    data: {
      changed: changed.map(({ uri }) => uri),
      before: wasSo.map(({ uri }) => uri),
      failed: failedData(failed),
      unknown: failedData(unknown),
    },
  };
}

/** The addresses of files, for a command line. */
function addresses(files: readonly NamedFile[]): string {
  return files.map(({ uri }) => uri).join(' ');
}

/** The files that were changed, or may have been, whether they were named or found: what an undo takes back. */
export function changedFiles({
  changed,
  unknown = [],
}: {
  readonly changed: readonly (MxcUri | NamedFile)[];
  readonly unknown?: readonly FailedFile[];
}): MxcUri[] {
  return [...changed, ...unknown].map((one) => (typeof one === 'string' ? one : one.uri));
}

/** What a dry run shows of files that are named: `Quarantine mxc://…` */
export function filesPreview(what: string, media: readonly MxcUri[]): Preview {
  const [only] = media;
  return only !== undefined && media.length === 1
    ? { title: [`${what} `, code(only), '?'], body: [] }
    : {
        title: [`${what} ${count(media.length, 'file')}?`],
        body: [{ kind: 'list', items: media.map((uri) => [code(uri)]) }],
      };
}
