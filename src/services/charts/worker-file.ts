/** The program that draws. The build puts the name of the built file in its place. */
export const workerFile = new URL('worker.ts', import.meta.url);
