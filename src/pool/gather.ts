/** Copies the examples of a shard or evaluation batch from where they are into an engine's private buffers. */
import { type Augmenter, createAugmenter } from '../data/augment/augment.js';
import { elements } from '../data/examples.js';
import type { RowRange } from '../data/geometry.js';
import { RowReader } from '../data/row-reader.js';
import type { BatchBuffers } from '../engine/engine.js';
import type { PoolSpec } from './spec.js';

type Values = Float32Array | Uint8Array;

export class Gatherer {
  readonly #spec: PoolSpec;
  readonly #features: { readonly width: number; readonly stride: number };
  readonly #targets: { readonly width: number; readonly stride: number };
  readonly #weights: number;
  /** Rows in memory: the first ones. */
  readonly #inMemory: number;
  readonly #reader: RowReader | undefined;
  readonly #augment: Augmenter | undefined;

  constructor(spec: PoolSpec) {
    const { featureShape, featureStride, targetShape, targetStride, weightShape = [], features, file } = spec.examples;
    this.#spec = spec;
    const [width, targetWidth] = [elements(featureShape), elements(targetShape)];
    this.#features = { width, stride: featureStride ?? width };
    this.#targets = { width: targetWidth, stride: targetStride ?? targetWidth };
    this.#weights = elements(weightShape);
    this.#inMemory = file?.first ?? Number.POSITIVE_INFINITY;
    this.#reader = file && new RowReader(file, width, features.BYTES_PER_ELEMENT);
    this.#augment = spec.augment && createAugmenter(spec.augment, featureShape);
  }

  /**
   * @param range of `shared.rows`, where the examples are, and of `shared.keys`, which they are
   * @param next what will be asked for after this, to be read from disk meanwhile
   * @param epoch of a training step, whose examples are augmented
   */
  async load(
    { start, count }: RowRange,
    batch: BatchBuffers,
    next: RowRange | undefined,
    epoch?: number,
  ): Promise<void> {
    const { rows, keys } = this.#spec.shared;
    const wanted = rows.subarray(start, start + count);
    let fromDisk: Values | undefined;
    if (this.#reader) {
      fromDisk = await this.#reader.load(this.#onDisk(wanted), batch.features);
      if (next) {
        this.#reader.prefetch(this.#onDisk(rows.subarray(next.start, next.start + next.count)), batch.features);
      }
    }
    this.#copyFeatures(wanted, keys.subarray(start, start + count), batch, fromDisk, epoch);
    this.#copyTargets(wanted, batch);
  }

  #onDisk(rows: Int32Array): Int32Array {
    return rows.filter((row) => row >= this.#inMemory);
  }

  /**
   * @param keys example indices of the rows
   * @param fromDisk the rows that are not in memory, in their order
   */
  #copyFeatures(
    rows: Int32Array,
    keys: Int32Array,
    batch: BatchBuffers,
    fromDisk: Values | undefined,
    epoch: number | undefined,
  ): void {
    const { features } = this.#spec.examples;
    const { width, stride } = this.#features;
    let read = 0;
    for (let i = 0; i < rows.length; i++) {
      const isRead = rows[i] >= this.#inMemory;
      const start = isRead ? read++ * width : rows[i] * stride;
      const row = (isRead ? fromDisk! : features).subarray(start, start + width);
      if (this.#augment && epoch !== undefined) {
        const target = batch.features.subarray(i * width, (i + 1) * width);
        this.#augment(row, target, this.#spec.seed, epoch, keys[i]);
      } else batch.features.set(row, i * width);
    }
  }

  #copyTargets(rows: Int32Array, batch: BatchBuffers): void {
    const { targets, weights } = this.#spec.examples;
    const { width, stride } = this.#targets;
    for (let i = 0; i < rows.length; i++) {
      const start = rows[i] * stride;
      if (width === 1) batch.targets[i] = targets[start];
      else batch.targets.set(targets.subarray(start, start + width), i * width);
      if (!batch.weights) continue;
      const first = rows[i] * this.#weights;
      if (this.#weights === 1) batch.weights[i] = weights![first];
      else batch.weights.set(weights!.subarray(first, first + this.#weights), i * this.#weights);
    }
  }
}
