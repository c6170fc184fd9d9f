/** Writes text. Resolves when there is room for more. */
export type Output = (text: string) => Promise<void>;

/**
 * Writes to a stream, no faster than it is read. A reader that has enough (`| head`) closes the stream,
 * which is not an error: `onClosed` is called, and nothing more is written.
 */
export function outputTo(stream: NodeJS.WritableStream, onClosed: () => void): Output {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      onClosed();
    }
  });
  return async (text) =>
    new Promise((resolve, reject) => {
      stream.write(text, (error) => {
        if (error === null || error === undefined) {
          resolve();
        } else if ((error as NodeJS.ErrnoException).code !== 'EPIPE') {
          reject(error);
        }
      });
    });
}
