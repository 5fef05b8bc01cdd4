/** Copies the examples of a shard or evaluation batch from where they are into an engine's private buffers. */
import { elements } from '../data/examples.js';
import { RowReader } from '../data/row-reader.js';
import type { RowRange } from '../data/shards.js';
import type { BatchBuffers } from '../engine/engine.js';
import type { PoolSpec } from './spec.js';

export class Gatherer {
  readonly #spec: PoolSpec;
  readonly #features: { readonly width: number; readonly stride: number };
  readonly #targets: { readonly width: number; readonly stride: number };
  readonly #reader: RowReader | undefined;

  constructor(spec: PoolSpec) {
    const { featureShape, featureStride, targetShape, targetStride, features, file } = spec.examples;
    this.#spec = spec;
    const [width, targetWidth] = [elements(featureShape), elements(targetShape)];
    this.#features = { width, stride: featureStride ?? width };
    this.#targets = { width: targetWidth, stride: targetStride ?? targetWidth };
    this.#reader = file && new RowReader(file, width, features.BYTES_PER_ELEMENT);
  }

  /**
   * @param range of `shared.rows`, the example indices
   * @param next what will be asked for after this, to be read from disk meanwhile
   */
  async load({ start, count }: RowRange, batch: BatchBuffers, next: RowRange | undefined): Promise<void> {
    const { rows } = this.#spec.shared;
    const wanted = rows.subarray(start, start + count);
    if (this.#reader) {
      await this.#reader.load(wanted, batch.features);
      if (next) this.#reader.prefetch(rows.subarray(next.start, next.start + next.count), batch.features);
    } else this.#copyFeatures(wanted, batch);
    this.#copyTargets(wanted, batch);
  }

  #copyFeatures(rows: Int32Array, batch: BatchBuffers): void {
    const { features } = this.#spec.examples;
    const { width, stride } = this.#features;
    for (let i = 0; i < rows.length; i++) {
      const start = rows[i] * stride;
      batch.features.set(features.subarray(start, start + width), i * width);
    }
  }

  #copyTargets(rows: Int32Array, batch: BatchBuffers): void {
    const { targets, weights } = this.#spec.examples;
    const { width, stride } = this.#targets;
    for (let i = 0; i < rows.length; i++) {
      const start = rows[i] * stride;
      if (width === 1) batch.targets[i] = targets[start];
      else batch.targets.set(targets.subarray(start, start + width), i * width);
      if (batch.weights) batch.weights[i] = weights![rows[i]];
    }
  }
}
