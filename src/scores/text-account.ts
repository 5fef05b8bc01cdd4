/** What a metric adds up of a system's texts, kept text by text for as long as resamples are drawn from it. */
import type { TextMetric } from './text-metric.js';

/** Rows kept in one piece. */
const blockRows = 1 << 14;

/** The summands of every text, [texts, width]: 8 bytes a number. */
class Summands {
  readonly #width: number;
  readonly #blocks: Float64Array[] = [];
  #rows = 0;

  constructor(width: number) {
    this.#width = width;
  }

  add(row: Float64Array): void {
    const at = this.#rows++ % blockRows;
    if (at === 0) this.#blocks.push(new Float64Array(blockRows * this.#width));
    this.#blocks.at(-1)!.set(row, at * this.#width);
  }

  /** @param times how often each row counts */
  sums(times: Float64Array): Float64Array {
    const width = this.#width;
    const sums = new Float64Array(width);
    for (const [block, values] of this.#blocks.entries()) {
      const rows = Math.min(blockRows, this.#rows - block * blockRows);
      for (let row = 0; row < rows; row++) {
        const count = times[block * blockRows + row];
        if (count === 0) continue;
        for (let i = 0; i < width; i++) sums[i] += count * values[row * width + i];
      }
    }
    return sums;
  }
}

/** What one metric adds up of one system. */
export class Account {
  readonly sums: Float64Array;
  readonly #metric: TextMetric;
  readonly #row: Float64Array;
  readonly #kept: Summands | undefined;

  constructor(metric: TextMetric, keeps: boolean) {
    this.#metric = metric;
    this.#row = new Float64Array(metric.width + metric.extra);
    this.sums = new Float64Array(metric.width + metric.extra);
    this.#kept = keeps ? new Summands(metric.width) : undefined;
  }

  /** @returns the scores of this text by itself, made when they are asked for */
  add(hypothesis: string, measure: ReturnType<TextMetric['against']>): () => number[] {
    const row = this.#row;
    measure(hypothesis, row);
    for (let i = 0; i < row.length; i++) this.sums[i] += row[i];
    this.#kept?.add(row.subarray(0, this.#metric.width));
    return () => this.#metric.alone?.(row) ?? this.#metric.scores(row, 1);
  }

  /** The scores where some texts are exchanged with those of the other system, of this one and of the other. @param swapped 1 for those */
  exchanged(other: Account, swapped: Float64Array, texts: number): [number[], number[]] {
    const [own, others] = [this.#kept!.sums(swapped), other.#kept!.sums(swapped)];
    const moved = (sums: Float64Array, out: Float64Array, into: Float64Array) =>
      Float64Array.from(out, (value, i) => sums[i] - value + into[i]);
    return [
      this.#metric.scores(moved(this.sums, own, others), texts),
      this.#metric.scores(moved(other.sums, others, own), texts),
    ];
  }

  /** The scores of a draw. */
  redrawn(times: Float64Array, texts: number): number[] {
    return this.#metric.scores(this.#kept!.sums(times), texts);
  }
}
