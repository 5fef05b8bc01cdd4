/** How a rule over several keys says what is wrong. */
import type { z } from 'zod';

export type Refuse = (path: readonly string[], message: string, remedy: string) => void;

export const refusal =
  (context: z.RefinementCtx): Refuse =>
  (path, message, remedy) =>
    context.addIssue({ code: 'custom', path: [...path], message, params: { remedy } });
