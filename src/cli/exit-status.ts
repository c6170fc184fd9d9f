/** The exit statuses of `lawspeaker`: done, failed, usage or configuration error. */
export const exitStatus = { done: 0, failed: 1, usage: 2 } as const;
