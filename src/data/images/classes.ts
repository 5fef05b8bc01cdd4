/** What the values of masks stand for. */

import { DataError } from '../../errors.js';
import { plural } from '../../ground/units.js';
import type { Reading } from '../reading.js';
import type { FileField } from './files.js';
import { type MaskImage, pixelPlace } from './masks.js';

/** White, which some masks have for the foreground, and others (Pascal VOC) for places that do not count. */
const white = 255;

/** The classes of one field's masks. */
export class MaskClasses {
  readonly #field: FileField;
  readonly #reading: Reading;
  /** Class index of each value; undefined where it is none. */
  readonly #indices: readonly (number | undefined)[];
  readonly #ignored: number | undefined;
  /** First file that holds each value. */
  readonly #files = new Map<number, string>();

  constructor(field: FileField, reading: Reading) {
    const { classes = 256, values } = field.mask ?? {};
    const ignored = reading.ignoredClass(field.name);
    this.#field = field;
    this.#reading = reading;
    this.#ignored = ignored;
    this.#indices = Array.from({ length: 256 }, (_, value) => {
      const index = values ? values.indexOf(value) : value;
      if (index >= 0 && index < classes) return index;
      return value === ignored ? value : undefined;
    });
  }

  /** Class of what is beyond a mask: one that does not count, else the first. */
  get outside(): number {
    const ignored = this.#ignored ?? 0;
    return ignored >= 0 && ignored < 256 ? ignored : 0;
  }

  /** @throws DataError naming the pixel of a value that is no class */
  indices({ file, width, values }: MaskImage): Uint8Array {
    const indices = new Uint8Array(values.length);
    let last = -1;
    let index: number | undefined;
    for (let i = 0; i < values.length; i++) {
      // Neighbours are mostly of one class.
      if (values[i] !== last) {
        last = values[i];
        index = this.#indices[last];
        if (index === undefined) throw this.#noClass(file, pixelPlace(i, width), last);
        if (!this.#files.has(last)) this.#files.set(last, file);
      }
      indices[i] = index!;
    }
    return indices;
  }

  #noClass(file: string, place: string, value: number): DataError {
    const { classes, values } = this.#field.mask!;
    const known = values ? `one of ${values.join(', ')}` : `a class from 0 to ${classes! - 1}`;
    return new DataError(
      `${file}: pixel ${place} is ${value}, not ${known}`,
      `${values ? 'add it to values' : `set classes: ${value + 1}`} of ${this.#key}, or leave such places out by ${this.#ignoring(value)}`,
    );
  }

  get #key(): string {
    return `data.targets.${this.#field.name}`;
  }

  /** How many there are. @throws DataError where the values do not say it */
  count(): number {
    const { classes, values } = this.#field.mask ?? {};
    if (values) return values.length;
    if (classes !== undefined) return classes;
    const found = [...this.#files.keys()].filter((value) => value !== this.#ignored).sort((a, b) => a - b);
    const highest = found.at(-1) ?? 0;
    if (highest === white) throw this.#unclear(found);
    if (found.length < 2) {
      throw new DataError(
        `${this.#key}: all pixels of all masks are of class ${highest}`,
        'use masks of two classes or more, or say how many there are: classes: 2',
      );
    }
    if (found.length <= highest / 2) {
      this.#reading.warn(
        `${this.#key}: of the ${plural(highest + 1, 'class', 'classes')} from 0 to ${highest} masks hold ${found.length} only (${found.slice(0, 10).join(', ')}${found.length > 10 ? ', ...' : ''}); ` +
          'where values are no class indices, say what they stand for: values: [...]',
      );
    }
    return highest + 1;
  }

  #unclear(found: readonly number[]): DataError {
    const others = found.slice(0, -1);
    const listed = others.length < 10 ? `values: [${[...others, white].join(', ')}]` : 'classes: 256';
    return new DataError(
      `${this.#key}: masks hold ${white}, such as ${this.#files.get(white)}: a class, or what does not count?`,
      `set ${listed} where it is a class; where it does not count, ${this.#ignoring(white)}`,
    );
  }

  #ignoring(value: number): string {
    return `loss: { ${this.#field.name}: { sparseCategoricalCrossentropy: { ignoreClass: ${value} } } }`;
  }
}
