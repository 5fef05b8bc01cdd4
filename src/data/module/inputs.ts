/** The rows of one input, as a module gives them. */

import { elements } from '../../ground/elements.js';
import type { SourceColumn } from '../examples.js';
import { type FieldType, isCode } from '../field.js';
import type { Reading } from '../reading.js';
import { RowWriter } from '../row-writer.js';
import { maskOf, padRows, SequenceLengths } from '../sequences.js';
import type { Fail } from './example.js';
import type { NestedNumbers } from './nested.js';

interface ModuleInputOptions {
  readonly categories?: number;
  /** Makes it a sequence of so many places. */
  readonly length?: number | 'longest';
  /** Whether what is longer is cut. */
  readonly truncate: boolean;
  /** Whether the places are those of a model that was trained. */
  readonly isTrained: boolean;
}

export class ModuleInputRows {
  readonly #first: NestedNumbers;
  readonly #options: ModuleInputOptions;
  readonly #budget: number;
  /** A row for each example; for sequences, a row for each place. */
  #rows: RowWriter;
  /** Lengths of the examples, where the input is a sequence. */
  readonly lengths: SequenceLengths | undefined;

  /**
   * @param label what messages call it
   * @param budget bytes that it may hold in memory
   */
  constructor(
    readonly name: string,
    readonly label: string,
    first: NestedNumbers,
    options: ModuleInputOptions,
    budget: number,
    fail: Fail,
  ) {
    this.#first = first;
    this.#options = options;
    this.#budget = budget;
    this.lengths = options.length === undefined ? undefined : new SequenceLengths(options.length);
    if (this.lengths && first.shape.length === 0) {
      throw fail(`has ${label} of one number, and data.length makes it a sequence`, 'give an array of places');
    }
    this.#rows = new RowWriter(this.#width, this.#type, budget);
  }

  get #type(): FieldType {
    return this.#options.categories !== undefined ? 'int32' : this.#first.bytes ? 'uint8' : 'float32';
  }

  get #width(): number {
    const { shape } = this.#first;
    return elements(this.lengths ? shape.slice(1) : shape);
  }

  add(numbers: NestedNumbers, fail: Fail): void {
    this.#checkForm(numbers, fail);
    const { values } = numbers;
    const { categories } = this.#options;
    if (categories !== undefined) this.#checkCategories(values, categories, fail);
    if (!this.lengths) {
      this.#rows.append(values);
      return;
    }
    const places = this.#placesOf(numbers, fail);
    this.lengths.given.push(numbers.shape[0]);
    const width = this.#width;
    for (let i = 0; i < places; i++) this.#rows.append(sliceOf(values, i * width, (i + 1) * width));
  }

  /** The column, and the mask of sequences. */
  async finish(reading: Reading): Promise<SourceColumn[]> {
    const of = { name: this.name, role: 'input' as const, type: this.#type, categories: this.#options.categories };
    const { shape } = this.#first;
    if (!this.lengths) return [{ ...of, shape: shape.length === 0 ? [1] : shape, ...this.#rows.finish() }];
    const places = this.#rows;
    const { length } = this.lengths;
    try {
      this.#rows = new RowWriter(length * this.#width, this.#type, this.#budget);
      await padRows(places, this.lengths, this.#rows, reading);
    } finally {
      places.discard();
    }
    return [{ ...of, shape: [length, ...shape.slice(1)], ...this.#rows.finish() }, maskOf(this.name, this.lengths)];
  }

  /** Gives back what the rows hold. */
  discard(): void {
    this.#rows.discard();
  }

  #checkForm({ shape, bytes }: NestedNumbers, fail: Fail): void {
    const { shape: wanted, bytes: wantedBytes } = this.#first;
    const from = this.lengths && shape.length > 0 ? 1 : 0;
    if (shape.slice(from).join() !== wanted.slice(from).join() || shape.length !== wanted.length) {
      const isOther = from === 0 && shape.length > 0 && shape.slice(1).join() === wanted.slice(1).join();
      throw fail(
        `has ${this.label} of shape [${shape.join(', ')}], example 0 of [${wanted.join(', ')}]`,
        `give all examples one shape${isOther ? ', or, where its first axis counts places, set data.length: longest' : ''}`,
      );
    }
    if (bytes !== wantedBytes) {
      throw fail(`has ${this.label} in ${bytes ? '' : 'no '}bytes, unlike example 0`, 'use one kind of array for all');
    }
  }

  #checkCategories(values: ArrayLike<number>, categories: number, fail: Fail): void {
    for (let i = 0; i < values.length; i++) {
      if (isCode(values[i], categories)) continue;
      throw fail(
        `has ${this.label} with ${values[i]}, not a category of the ${categories} that data.categories says`,
        `use whole numbers from 0 to ${categories - 1}, or say how many there are`,
      );
    }
  }

  #placesOf({ shape: [places] }: NestedNumbers, fail: Fail): number {
    const { length, truncate, isTrained } = this.#options;
    if (length === 'longest' || places <= length!) return places;
    if (truncate) return length!;
    throw fail(
      `has ${this.label} of ${places} places, and ${isTrained ? 'the model takes' : 'data.length is'} ${length}`,
      isTrained
        ? `cut it there or set data.truncate: true, or train with data.length: ${places} or more`
        : `make it ${places} or longest, or set data.truncate: true to cut off what is beyond it`,
    );
  }
}

function sliceOf(values: ArrayLike<number>, start: number, end: number): ArrayLike<number> {
  return Array.isArray(values) ? values.slice(start, end) : (values as Float32Array).subarray(start, end);
}
