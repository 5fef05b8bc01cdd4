/** Scaled dot-product attention (Vaswani et al. 2017) as one operation with a gradient of its own. */
import tf = require('@tensorflow/tfjs-core');

import { computedAfter } from '../tfjs/after.js';
import { isWhole } from '../tfjs/whole-operations.js';
import { differing } from './document-ids.js';

/** What is added to a score that must not count. */
const least = -1e9;

/** How much of it there is at a time. */
export interface AttentionLimits {
  /** Rows of queries that are attended for at a time, as long as that does not take more blocks than `blocks`. */
  readonly rows: number;
  readonly blocks: number;
  /** Scores of a head that are kept for the gradient. More of them are computed again, which takes less memory. */
  readonly kept: number;
}
const usual: AttentionLimits = { rows: 128, blocks: 16, kept: 256 * 256 };

export interface AttentionOptions {
  /** Whether a place sees none after it. */
  readonly causal: boolean;
  /** Scores are divided by its root; they are as they are without it. */
  readonly size?: number;
  /** [batch, others], 0 where a key is not there. */
  readonly mask?: tf.Tensor;
  /** [batch, places], of which each sees those of its own document; the others are the same places. */
  readonly documents?: tf.Tensor;
  /** Makes factors of the shares, which drop some; called once for all that is attended for at a time, in the order of rows. */
  readonly factors?: (shape: number[]) => tf.Tensor;
}

/** Some rows of queries, and the keys that they may see, which are the first. */
interface QueryBlock {
  readonly from: number;
  readonly rows: number;
  readonly keys: number;
}

function blocksOf(places: number, others: number, causal: boolean, limits: AttentionLimits): QueryBlock[] {
  const rows = places * others <= limits.kept ? places : Math.max(limits.rows, Math.ceil(places / limits.blocks));
  return Array.from({ length: Math.ceil(places / rows) }, (_, i) => {
    const from = i * rows;
    const end = Math.min(from + rows, places);
    return { from, rows: end - from, keys: causal ? Math.min(end, others) : others };
  });
}

/** What is attended with: queries [batch, heads, places, size], and keys and values of each group of heads. */
class Attended {
  readonly batch: number;
  readonly heads: number;
  readonly groups: number;

  constructor(
    readonly q: tf.Tensor,
    readonly k: tf.Tensor,
    readonly v: tf.Tensor,
    readonly causal: boolean,
    readonly size: number,
    readonly mask: tf.Tensor | undefined,
    readonly documents: tf.Tensor | undefined,
  ) {
    [this.batch, this.heads] = q.shape as [number, number];
    this.groups = k.shape[1]!;
  }

  /** Rows of a block of x [batch, heads, places, n], those of the heads of a group below one another: [batch, groups, rows, n]. */
  rows(x: tf.Tensor, { from, rows }: QueryBlock): tf.Tensor {
    const [batch, heads, places, n] = x.shape as [number, number, number, number];
    const part = rows === places ? x : tf.slice(x, [0, 0, from, 0], [batch, heads, rows, n]);
    return this.grouped(part);
  }
  grouped(x: tf.Tensor): tf.Tensor {
    const [, , rows, n] = x.shape as [number, number, number, number];
    return tf.reshape(x, [this.batch, this.groups, (this.heads / this.groups) * rows, n]);
  }
  apart(x: tf.Tensor, { rows }: QueryBlock): tf.Tensor {
    return tf.reshape(x, [this.batch, this.heads, rows, x.shape[3]!]);
  }
  /** The keys or values [batch, groups, others, n] that a block sees. */
  seen(x: tf.Tensor, { keys }: QueryBlock): tf.Tensor {
    const [batch, groups, others, n] = x.shape as [number, number, number, number];
    return keys === others ? x : tf.slice(x, [0, 0, 0, 0], [batch, groups, keys, n]);
  }

  /** How much each place of a block sees of each key, [batch, heads, rows, keys]. @param q the block's rows of queries */
  shares(q: tf.Tensor, block: QueryBlock): tf.Tensor {
    let scores = this.apart(tf.matMul(q, this.seen(this.k, block), false, true), block);
    const isKernel = isWhole('AttentionShares');
    const unseen = this.unseen(block, this.causal && !isKernel);
    if (unseen) scores = tf.add(scores, unseen);
    if (this.mask) {
      const seen = tf.slice(this.mask, [0, 0], [this.batch, block.keys]);
      scores = tf.add(scores, tf.reshape(tf.mul(tf.sub(1, seen), least), [this.batch, 1, 1, block.keys]));
    }
    if (!isKernel) return tf.softmax(tf.mul(scores, this.size ** -0.5));
    return tf.engine().runKernel('AttentionShares', { scores }, this.numbers(block)) as tf.Tensor;
  }
  /** What reaches the scores of what reaches their shares, by the gradient of softmax. */
  slopes(shares: tf.Tensor, slopes: tf.Tensor, block: QueryBlock): tf.Tensor {
    if (isWhole('AttentionSlopes')) {
      return tf.engine().runKernel('AttentionSlopes', { shares, slopes }, this.numbers(block)) as tf.Tensor;
    }
    const along = tf.sum(tf.mul(shares, slopes), -1, true);
    return tf.mul(tf.mul(shares, tf.sub(slopes, along)), this.size ** -0.5);
  }
  /** Of a block: the keys that its first row sees, and what scores are divided by the root of. */
  numbers({ from, keys }: QueryBlock): tf.NamedAttrMap {
    return { seen: this.causal ? Math.min(from + 1, keys) : keys, size: this.size };
  }

  /** `least` where a place of a block must not see a key, [rows, keys] or [batch, 1, rows, keys]. @param causal not those behind it */
  unseen(block: QueryBlock, causal: boolean): tf.Tensor | undefined {
    const later = causal ? laterPlaces(block) : undefined;
    if (!this.documents) return later;
    const { from, rows, keys } = block;
    const [own, seen] = [tf.slice(this.documents, [0, from], [-1, rows]), tf.slice(this.documents, [0, 0], [-1, keys])];
    const others = tf.mul(differing(own, seen), least);
    return tf.reshape(later ? tf.add(others, later) : others, [this.batch, 1, rows, keys]);
  }
}

/** `least` where a key stands behind the query, [rows, keys]. */
const laterPlaces = ({ from, rows, keys }: QueryBlock): tf.Tensor =>
  tf.tensor2d(
    Float32Array.from({ length: rows * keys }, (_, at) => (at % keys > from + Math.floor(at / keys) ? least : 0)),
    [rows, keys],
  );

/** x, with zeros for the keys that a block does not see, [batch, groups, others, n]. */
const widened = (x: tf.Tensor, others: number): tf.Tensor =>
  x.shape[2] === others
    ? x
    : tf.pad(x, [
        [0, 0],
        [0, 0],
        [0, others - x.shape[2]!],
        [0, 0],
      ]);

/** Gradients of queries, keys and values. */
type AttentionSlopes = readonly [q: tf.Tensor, k: tf.Tensor, v: tf.Tensor];

/**
 * softmax(q k^T / root of size) v. Each key head serves as many query heads in a row as there are of them to
 * one: grouped queries (Ainslie et al. 2023). Rows are attended for in blocks, and the gradient computes the scores of long
 * sequences again, so that they are never there all at once (Rabe and Staats 2021; Dao et al. 2022).
 * @param q [batch, heads, places, size] @param k [batch, key heads, others, size] @param v [batch, key heads, others, value size]
 */
export function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: AttentionOptions, limits = usual): tf.Tensor {
  const [places, others] = [q.shape[2]!, k.shape[2]!];
  const blocks = blocksOf(places, others, options.causal, limits);
  const isKept = places * others <= limits.kept;
  const { causal, size = 1, mask, documents, factors } = options;
  const operation = tf.customGrad((...given) => {
    const [q, k, v, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const attended = new Attended(q, k, v, causal, size, mask, documents);
    const kept: tf.Tensor[] = [];
    const outputs = blocks.map((block) => {
      const shares = attended.shares(attended.rows(q, block), block);
      const factor = factors?.(shares.shape);
      const used = factor ? tf.mul(shares, factor) : shares;
      if (isKept) kept.push(shares);
      if (factor) kept.push(factor);
      return attended.apart(tf.matMul(attended.grouped(used), attended.seen(v, block)), block);
    });
    const value = outputs.length === 1 ? outputs[0]! : tf.concat(outputs, 2);
    save([q, k, v, ...(mask ? [mask] : []), ...(documents ? [documents] : []), ...kept]);
    return {
      value,
      gradFunc: (dy, saved) => {
        const [q, k, v, ...rest] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
        const attended = new Attended(q, k, v, causal, size, mask && rest.shift(), documents && rest.shift());
        const made = blocks.map(() => ({ shares: isKept ? rest.shift() : undefined, factor: factors && rest.shift() }));
        return [...slopes(attended, blocks, made, dy as tf.Tensor)];
      },
    };
  });
  return operation(q, k, v);
}

/** @param made shares of each block, where they are kept, and what they were multiplied with */
function slopes(
  attended: Attended,
  blocks: readonly QueryBlock[],
  made: readonly { readonly shares?: tf.Tensor; readonly factor?: tf.Tensor }[],
  dy: tf.Tensor,
): AttentionSlopes {
  const { k, v } = attended;
  const others = k.shape[2]!;
  const found: tf.Tensor[] = [];
  let sums: [tf.Tensor, tf.Tensor] | undefined;
  blocks.forEach((block, i) => {
    const q = attended.rows(attended.q, block);
    const { factor, shares = attended.shares(computedAfter(q, dy, ...found.slice(-1), ...(sums ?? [])), block) } =
      made[i]!;
    const dyRows = attended.rows(dy, block);
    const reached = attended.apart(tf.matMul(dyRows, attended.seen(v, block), false, true), block);
    const dShares = factor ? tf.mul(reached, factor) : reached;
    const dScores = attended.grouped(attended.slopes(shares, dShares, block));
    const used = attended.grouped(factor ? tf.mul(shares, factor) : shares);
    found.push(attended.apart(tf.matMul(dScores, attended.seen(k, block)), block));
    const [dk, dv] = [tf.matMul(dScores, q, true), tf.matMul(used, dyRows, true)].map((x) => widened(x, others)) as [
      tf.Tensor,
      tf.Tensor,
    ];
    sums = sums ? [tf.add(sums[0], dk), tf.add(sums[1], dv)] : [dk, dv];
  });
  return [found.length === 1 ? found[0]! : tf.concat(found, 2), ...sums!];
}
