/** Word and character error rates: the fewest insertions, deletions and substitutions, over the length of the reference. */
import { numbered } from './common-subsequence.js';
import type { TextMetric } from './text-metric.js';

/**
 * Sums: edits, tokens of the references. Of several references the one with the lowest rate counts.
 * @param signature of what makes the tokens
 */
export function errorRate(
  signature: string,
  of: 'words' | 'characters',
  tokensOf: (text: string) => readonly string[],
): TextMetric {
  return {
    names: [of === 'words' ? 'wer' : 'cer'],
    signature,
    width: 2,
    extra: 0,
    against(references) {
      const each = references.map(tokensOf);
      return (hypothesis, into) => {
        const own = tokensOf(hypothesis);
        const found = each.map((tokens) => ({ edits: editsBetween(tokens, own), length: tokens.length }));
        const rated = found.map((one) => ({ ...one, rate: one.edits / Math.max(1, one.length) }));
        const best = rated.reduce((least, one) => (one.rate < least.rate ? one : least));
        into[0] = best.edits;
        into[1] = best.length;
      };
    },
    scores: (sums) => [sums[0] / sums[1]],
    parts: (sums) => [{ edits: sums[0], referenceTokens: sums[1] }],
    note: (sums) => (sums[1] === 0 ? `the references have no ${of}` : undefined),
  };
}

/** Levenshtein (1966), with one row of the table. */
function editsBetween(some: readonly string[], others: readonly string[]): number {
  const [a, b] = numbered(some, others);
  const row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    let corner = row[0]++;
    for (let j = 0; j < b.length; j++) {
      const change = corner + Number(a[i] !== b[j]);
      corner = row[j + 1];
      row[j + 1] = Math.min(change, corner + 1, row[j] + 1);
    }
  }
  return row[b.length];
}
