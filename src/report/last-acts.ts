/** What is to be undone when a signal ends the process at once: no `finally` runs then. */
const acts = new Set<() => void>();

/** @param act must not wait for anything. @returns takes it back */
export function beforeDeath(act: () => void): () => void {
  acts.add(act);
  return () => acts.delete(act);
}

export function performLastActs(): void {
  for (const act of acts) {
    try {
      act();
    } catch {
      // The others are to be done all the same.
    }
  }
  acts.clear();
}
