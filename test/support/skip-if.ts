/** Tests that cannot run everywhere: whatever is left out says why. */
import { describe, it } from 'vitest';

/** `describe` and `it`, which skip where there is a reason to. @param reason what this machine lacks; nothing where it lacks nothing */
export function skipIf(reason: string | false | undefined): { describe: typeof describe.skip; it: typeof it.skip } {
  if (!reason) return { describe, it };
  console.warn(`skipped: ${reason}`);
  return { describe: describe.skip, it: it.skip };
}
