/** Names of weights in the config of an optimizer. */
import type { OptimizerConfig } from '../config/optimizer.js';
import { ModelError } from '../errors.js';
import { firstFew } from '../ground/first-few.js';
import { globOf } from '../ground/glob.js';
import { oneOf } from '../ground/suggest.js';
import type { SlabLayout } from '../model/slab.js';
import { trainableIn } from './optimizer.js';

/** How many weights a message lists. */
const shown = 6;

/** The ends of the last part of a name, the longest first: of `block/query_bias` these are `query_bias` and `bias`. */
function endsOf(name: string): string[] {
  const words = name.slice(name.lastIndexOf('/') + 1).split('_');
  return words.map((_, i) => words.slice(i).join('_'));
}

/**
 * Whether a weight is named by one of the patterns: `*` stands for any letters; one without a slash is compared with the last part
 * of a name and with what follows each underscore in it, so that `bias` is that of every layer, also of one within another.
 * @param name such as `dense_1/kernel` or `transformerDecoder_1/attention_query_bias`
 */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.includes('/') ? [name] : endsOf(name)).some(globOf(pattern)));
}

/** @throws ModelError when a pattern names no weight that is trained: what was meant would not happen */
export function checkPatterns(config: OptimizerConfig, layout: SlabLayout): void {
  const names = trainableIn(layout).map(({ name }) => name);
  const [[optimizer, options]] = Object.entries(config);
  for (const [key, patterns] of Object.entries(options as object)) {
    if (!Array.isArray(patterns)) continue;
    const odd = patterns.find((pattern: string) => !names.some((name) => matchesAny(name, [pattern])));
    if (odd === undefined) continue;
    const candidates = odd.includes('/') ? names : [...new Set(names.flatMap(endsOf))];
    const listed = odd.includes('/') ? names : [...new Set(names.map((name) => endsOf(name).at(-1)!))];
    throw new ModelError(
      `optimizer.${optimizer}.${key}: ${JSON.stringify(odd)} names no weight that is trained`,
      oneOf(odd, candidates, `leave it out; there are ${firstFew(listed, shown)}`),
    );
  }
}
