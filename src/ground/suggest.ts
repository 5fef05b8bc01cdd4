/** "Did you mean ...?": the nearest of the names that would have been right. */
import { aliasOf } from './aliases.js';

/**
 * The candidate that Keras or PyTorch calls `name`; else the one with the fewest edits from it, ignoring case, if that is
 * few enough to be a slip.
 *
 * @returns undefined when nothing is near
 */
export function suggest(name: string, candidates: readonly string[]): string | undefined {
  const alias = aliasOf(name, candidates);
  if (alias !== undefined) return alias;
  const limit = Math.max(1, Math.floor(name.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    // Names without a letter in common are not alike, however short both are.
    if (distance < Math.min(bestDistance, Math.max(name.length, candidate.length))) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** The remedy for a name that is none of the candidates. @param otherwise where none of them is near */
export function oneOf(
  name: string,
  candidates: readonly string[],
  otherwise = `use one of ${candidates.join(', ')}`,
): string {
  const near = suggest(name, candidates);
  return near === undefined ? otherwise : `did you mean ${near}?`;
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  for (let j = 0; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.length][b.length];
}
