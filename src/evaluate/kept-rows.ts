/** What is kept of every example of a split: outputs, targets and weights, as metrics read them all at once. */

import type { Numbers } from '../metrics/class-probabilities.js';
import { type EvaluatedBatch, EvaluatedRows } from '../metrics/evaluated-rows.js';
import { AskedMetric } from '../metrics/families.js';
import type { MetricSpec } from './metric-spec.js';

/** An output over all examples, an array for each thing; in memory that threads share. */
export interface KeptOutput {
  readonly examples: number;
  /** [examples, places, outputs] */
  readonly outputs: Numbers;
  /** Class indices, [examples, places], or values, [examples, places, outputs]. */
  readonly targets: Numbers;
  /** [examples, places]; absent where every place counts 1. */
  readonly weights?: Float32Array;
  /** Loss of each example, and what it adds to the divisor of their sum; absent where nobody knows them. */
  readonly losses?: Float32Array;
  readonly divisors?: Float32Array;
  /** Values of the users' metrics, [examples] or [examples, places] each. */
  readonly customs: readonly Float32Array[];
}

/** Where each thing lies in the numbers of an example. */
interface Layout {
  readonly targets: number;
  readonly weights: number;
  readonly loss: number;
  readonly divisor: number;
  readonly customs: number;
  readonly width: number;
}

const shared = (length: number): Float32Array => new Float32Array(new SharedArrayBuffer(4 * length));

/** Lays out what is kept of the examples of one output. */
export class RowKeeper {
  /** Numbers of an example. */
  readonly width: number;
  readonly #spec: MetricSpec;
  readonly #layout: Layout;
  readonly #customs: readonly string[];

  /** @param needed whether anything is kept at all */
  constructor(spec: MetricSpec, needed: boolean) {
    this.#spec = spec;
    const asked = spec.metrics.map((config) => new AskedMetric(config));
    this.#customs = asked.flatMap(({ family, label }) => (family.name === 'custom' ? label : []));
    this.#layout = layoutOf(spec, spec.keepsAll ? this.#customs.length : 0);
    this.width = needed || spec.keepsAll ? this.#layout.width : 0;
  }

  /**
   * Keeps a batch.
   * @param kept begins at the batch's first example; `stride` numbers further is the next one
   */
  keep(batch: EvaluatedBatch, kept: Float32Array, stride: number): void {
    if (this.width === 0) return;
    const { outputs: width, places: most, keepsAll } = this.#spec;
    const layout = this.#layout;
    const wide = targetsOf(this.#spec);
    const examples = batch.losses.length;
    // Sequences that are cut have fewer places; the others count nothing.
    const places = batch.outputs.length / width / examples;
    const divisors = keepsAll ? divisorsOf(batch, places) : undefined;
    for (let example = 0; example < examples; example++) {
      const from = example * places;
      const own = kept.subarray(example * stride, example * stride + this.width);
      own.fill(0);
      own.set(batch.outputs.subarray(from * width, (from + places) * width));
      for (let i = 0; i < places * wide; i++) own[layout.targets + i] = batch.targets[from * wide + i];
      for (let i = 0; i < places; i++) {
        own[layout.weights + i] = (batch.valid?.[from + i] ?? 1) * (batch.weights?.[from + i] ?? 1);
      }
      if (!divisors) continue;
      own[layout.loss] = batch.losses[example];
      own[layout.divisor] = divisors[example];
      batch.metrics.forEach((values, i) => {
        const each = values.length / examples;
        const at = layout.customs + i * (most + 1);
        own[at] = each;
        own.set(values.subarray(example * each, (example + 1) * each), at + 1);
      });
    }
  }

  /**
   * What was kept of all examples, an array for each thing.
   * @param offset where the output's numbers begin in those of an example, of which there are `stride`
   */
  collect(kept: Float32Array, offset: number, stride: number): KeptOutput {
    const { outputs: width, places, keepsAll } = this.#spec;
    const layout = this.#layout;
    const examples = kept.length / stride;
    const part = (start: number, length: number) => {
      const values = shared(examples * length);
      for (let i = 0; i < examples; i++) {
        const at = i * stride + offset + start;
        for (let j = 0; j < length; j++) values[i * length + j] = kept[at + j];
      }
      return values;
    };
    const weights = part(layout.weights, places);
    const customs = this.#customs.map((_, i) => {
      const at = layout.customs + i * (places + 1);
      return part(at + 1, keepsAll && examples > 0 ? kept[offset + at] : 0);
    });
    return {
      examples,
      outputs: part(0, places * width),
      targets: part(layout.targets, places * targetsOf(this.#spec)),
      ...(weights.some((weight) => weight !== 1) && { weights }),
      ...(keepsAll && { losses: part(layout.loss, 1), divisors: part(layout.divisor, 1) }),
      customs,
    };
  }

  /** What was collected, as the metrics read it. */
  rows({ customs, ...arrays }: KeptOutput): EvaluatedRows {
    const batch = { ...arrays, metrics: customs };
    return new EvaluatedRows(this.#spec, batch, this.#customs);
  }
}

function layoutOf(spec: MetricSpec, customs: number): Layout {
  const { outputs: width, places, keepsAll } = spec;
  const targets = places * width;
  const weights = targets + places * targetsOf(spec);
  const loss = weights + places;
  const all = loss + 2 + customs * (places + 1);
  return { targets, weights, loss, divisor: loss + 1, customs: loss + 2, width: keepsAll ? all : loss };
}

/** What each example adds to the divisor of a batch: its places that count where those divide, else 1. */
function divisorsOf({ losses, divisor, valid }: EvaluatedBatch, places: number): Float64Array {
  const each = new Float64Array(losses.length).fill(1);
  if (!valid) return each;
  const counting = each.map((_, example) =>
    valid.subarray(example * places, (example + 1) * places).reduce((sum, one) => sum + one, 0),
  );
  const sum = counting.reduce((a, b) => a + b, 0);
  return Math.fround(sum) === Math.fround(divisor) ? counting : each;
}

/** Numbers of the target of one place. */
const targetsOf = ({ classes, outputs }: MetricSpec): number => (classes ? 1 : outputs);
