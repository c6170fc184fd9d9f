import { z } from 'zod';

/** What heads may tell besides the end of the chain, as every witness keeps it. */
export const restoredFields = z.object({
  at: z.int(),
  kept: z.int().nonnegative(),
  told: z.boolean().optional(),
});

export const goneFields = z.object({ count: z.int().positive(), at: z.int() });

export const misfitFields = z.object({ count: z.int().positive() });
