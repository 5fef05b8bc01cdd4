/** Copies the examples of a shard or evaluation batch from where they are into an engine's private buffers. */
import { type Augmenter, createAugmenter } from '../data/augment/augment.js';
import { movedFields } from '../data/augment/moved.js';
import type { ImageRow } from '../data/augment/resample.js';
import type { Column } from '../data/examples.js';
import { strideOf, type Values, widthOf } from '../data/field.js';
import type { RowRange } from '../data/geometry.js';
import { RowReader } from '../data/row-reader.js';
import type { BatchBuffers } from '../engine/engine.js';
import type { ComputingOptions } from './pool-options.js';
import type { PoolSpec } from './shared-state.js';

/** What a step of an epoch does to rows on their way. */
interface BatchAugmentation {
  readonly augment: Augmenter;
  readonly seed: number;
  readonly epoch: number;
  /** Example indices of the rows. */
  readonly keys: Int32Array;
}

export class Gatherer {
  readonly #spec: PoolSpec<ComputingOptions>;
  readonly #columns: readonly ColumnGatherer[];
  /** Of each column: what changes its rows in training steps. */
  readonly #augmenters: readonly (Augmenter | undefined)[];
  /** Of those changes. */
  readonly #seed: number;

  constructor(spec: PoolSpec<ComputingOptions>) {
    const { examples } = spec;
    const augment = spec.use === 'evaluation' ? undefined : spec.augment;
    this.#spec = spec;
    this.#seed = spec.use === 'evaluation' ? 0 : spec.seed;
    this.#columns = examples.columns.map((column) => new ColumnGatherer(column));
    const moved = augment && movedFields(examples.columns, augment);
    this.#augmenters = examples.columns.map(({ name, shape }) => {
      const how = moved?.get(name);
      return how && createAugmenter(augment!, shape, how);
    });
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
    const { shared } = this.#spec;
    const rows = shared.rows.subarray(start, start + count);
    const later = next && shared.rows.subarray(next.start, next.start + next.count);
    for (let i = 0; i < this.#columns.length; i++) {
      const augment = epoch === undefined ? undefined : this.#augmenters[i];
      const keys = augment && shared.keys.subarray(start, start + count);
      const change = keys && { augment, seed: this.#seed, epoch: epoch!, keys };
      const column = this.#columns[i];
      const fromDisk = await column.read(rows, batch[i], later);
      column.copy(rows, batch[i], fromDisk, change);
    }
  }
}

/** One column's rows. */
class ColumnGatherer {
  readonly #values: Values;
  readonly #width: number;
  readonly #stride: number;
  /** Rows in memory: the first ones. */
  readonly #inMemory: number;
  readonly #reader: RowReader | undefined;

  constructor(column: Column) {
    const { values, file } = column;
    this.#values = values;
    this.#width = widthOf(column);
    this.#stride = strideOf(column);
    this.#inMemory = file?.first ?? Number.POSITIVE_INFINITY;
    this.#reader = file && new RowReader(file, column);
  }

  /** The rows that are not in memory, in their order. @param later is read ahead */
  async read(rows: Int32Array, batch: Values, later: Int32Array | undefined): Promise<Values | undefined> {
    if (!this.#reader) return undefined;
    const values = await this.#reader.load(this.#onDisk(rows), batch);
    if (later) this.#reader.prefetch(this.#onDisk(later), batch);
    return values;
  }

  #onDisk(rows: Int32Array): Int32Array {
    return rows.filter((row) => row >= this.#inMemory);
  }

  /** @param batch of whole rows, or of rows that are cut: of sequences the places that come first */
  copy(rows: Int32Array, batch: Values, fromDisk: Values | undefined, change: BatchAugmentation | undefined): void {
    const [values, width, stride] = [this.#values, this.#width, this.#stride];
    const taken = batch.length / rows.length;
    if (width === 1 && !fromDisk && !change) {
      for (let i = 0; i < rows.length; i++) batch[i] = values[rows[i] * stride];
      return;
    }
    let read = 0;
    for (let i = 0; i < rows.length; i++) {
      const isRead = rows[i] >= this.#inMemory;
      const start = isRead ? read++ * width : rows[i] * stride;
      const row = (isRead ? fromDisk! : values).subarray(start, start + taken);
      if (change) {
        const target = batch.subarray(i * taken, (i + 1) * taken);
        change.augment(row as ImageRow, target as ImageRow, change.seed, change.epoch, change.keys[i]);
      } else batch.set(row, i * taken);
    }
  }
}
