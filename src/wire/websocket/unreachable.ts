/** Why a place cannot be reached, in the system's words. */

/** @param places names of it, which stand beside these words: what the system says of an address that it was led to stays */
export function unreachableReason(error: NodeJS.ErrnoException, ...places: readonly string[]): string {
  const words = (error.message || error.code || 'no reason given').split(' ');
  return words.filter((word) => !places.includes(word)).join(' ');
}
