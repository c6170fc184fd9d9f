import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

import { SetupError } from '../../core/errors.ts';

/** Somebody who can be asked. */
export interface Terminal {
  /** @throws SetupError the input ended */
  ask(question: string): Promise<string>;
  /** Like `ask`, without showing what is typed. */
  askSecret(question: string): Promise<string>;
}

/** Asks on a terminal. Each question opens and closes it, so that nothing is read ahead. */
export function openTerminal(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Terminal {
  async function read(question: string, isSecret: boolean): Promise<string> {
    let isMuted = false;
    const shown = new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (!isMuted) {
          output.write(chunk);
        }
        done();
      },
    });
    const reader = createInterface({ input, output: shown, terminal: true, historySize: 0 });
    return new Promise((resolve, reject) => {
      reader.once('close', () => {
        reject(
          new SetupError(
            'Interrupted.',
            'What is done so far stays. Run lawspeaker init again to continue.',
          ),
        );
      });
      reader.question(`${question}: `, (answer) => {
        resolve(answer.trim());
        reader.close();
        if (isSecret) {
          output.write('\n');
        }
      });
      isMuted = isSecret;
    });
  }

  return {
    ask: async (question) => read(question, false),
    askSecret: async (question) => read(question, true),
  };
}
