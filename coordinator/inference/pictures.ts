/** Predicted masks and pictures as PNG files. */
import { basename, extname, join } from 'node:path';
import { encodePng } from '../../src/data/images/png.js';
import { ConfigError, OutputError } from '../../src/errors.js';
import { writeFileAtomically } from '../../src/ground/atomic-file.js';
import { statusOf } from '../../src/ground/status.js';
import { fileOnTheWay } from '../../src/ground/write-failure.js';
import type { OutputReading } from './output-meaning.js';

/** An output of the model, and how it is read. */
export interface PictureOutput {
  readonly reading: OutputReading;
  /** Of one example. */
  readonly shape: readonly number[];
  /** Name of the target, where it has one. */
  readonly target?: string;
}

export interface PictureOptions {
  /** Is made if it is not there. */
  readonly folder: string;
  /** Whether files may be replaced. */
  readonly force?: boolean;
}

/** Whether an output has something for each pixel: a class, or one or three numbers. */
const isPicture = ({ reading, shape }: PictureOutput): boolean =>
  shape.length === 3 && (reading.kind === 'places' || (reading.kind === 'numbers' && [1, 3].includes(shape[2])));

/** Names files of pictures after what they are of. */
export class PictureFiles {
  readonly #options: PictureOptions;
  readonly #taken = new Set<string>();

  /** @throws OutputError where there can be no such folder */
  constructor(options: PictureOptions) {
    this.#options = options;
    const why = fileOnTheWay(options.folder);
    if (why !== undefined) throw new OutputError(`--images ${options.folder}: ${why}`, 'choose another --images');
  }

  /**
   * @param name of the input's file, where it has one: inputs of other folders, and of other endings, may have the same
   * @param suffix what it is of an input, where there are several
   * @throws OutputError where it is there already
   */
  take(row: number, name: string | undefined, suffix: string): string {
    const { folder, force = false } = this.#options;
    const stem = name === undefined ? String(row).padStart(6, '0') : basename(name, extname(name));
    let file = join(folder, `${stem}${suffix}.png`);
    for (let i = 2; this.#taken.has(file); i++) file = join(folder, `${stem}-${i}${suffix}.png`);
    if (!force && statusOf(file)) {
      throw new OutputError(
        `${file}: is there already`,
        'choose another --images, or give --force to replace its files',
      );
    }
    this.#taken.add(file);
    return file;
  }
}

/** Writes a file for each output that is a mask or a picture, of each input. */
export class PictureWriter {
  readonly #files: PictureFiles;
  readonly #outputs: readonly PictureOutput[];

  /** @throws ConfigError where no output is a mask or a picture */
  constructor(outputs: readonly PictureOutput[], options: PictureOptions) {
    this.#files = new PictureFiles(options);
    this.#outputs = outputs;
    if (outputs.some(isPicture)) return;
    throw new ConfigError(
      `--images ${options.folder}: the model gives no masks and no pictures, but ${outputs.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ')}`,
      'leave --images out',
    );
  }

  /** Whether an output is written. */
  writes(output: number): boolean {
    return isPicture(this.#outputs[output]);
  }

  /**
   * @param output index of the output
   * @param values of one example: places by their classes, numbers from 0 to 1, of which what is beyond is cut off
   * @param name of the input's file, where it has one
   * @returns the file; undefined where the output is neither a mask nor a picture
   */
  async write(
    output: number,
    values: readonly (string | number | null)[],
    row: number,
    name?: string,
  ): Promise<string | undefined> {
    const about = this.#outputs[output];
    if (!isPicture(about)) return undefined;
    const [height, width, channels] = about.shape;
    const isMask = about.reading.kind === 'places';
    const own = isMask
      ? maskBytes(about.reading.names, values as (string | null)[])
      : pictureBytes(values as (number | null)[]);
    // What does not count is 0, and so are places at the end that are not there.
    const bytes = new Uint8Array(height * width * (isMask ? 1 : channels));
    bytes.set(own);
    const png = await encodePng(bytes, height, width, isMask ? 1 : (channels as 1 | 3));
    const several = this.#outputs.filter(isPicture).length > 1;
    const suffix = several && about.target !== undefined ? `.${about.target}` : '';
    const file = this.#files.take(row, name, suffix);
    writeFileAtomically(file, [png]);
    return file;
  }
}

/** The values that masks of the training had: classes that are numbers by these, others by their indices. */
function maskBytes(names: readonly string[], places: readonly (string | null)[]): Uint8Array {
  const areValues = names.every((name) => /^\d{1,3}$/.test(name) && Number(name) <= 255);
  const values = new Map(names.map((name, i) => [name, areValues ? Number(name) : i]));
  return Uint8Array.from(places, (place) => (place === null ? 0 : values.get(place)!));
}

const pictureBytes = (values: readonly (number | null)[]): Uint8Array =>
  Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, value ?? 0))));
