/** From the `data` section of a config to examples in shared memory or in a file, split. */
import type { DataConfig } from '../config/data.js';
import { generateDigits } from './digits/digits.js';
import type { Encoding, TargetScaling } from './encoding.js';
import {
  type Dataset,
  inputColumn,
  type SourceColumn,
  type SourceExamples,
  type Splits,
  targetColumn,
  withColumn,
} from './examples.js';
import { ofRole, widthOf } from './field.js';
import { idxExamples } from './idx/folder.js';
import { warnOfRounding } from './precision.js';
import { Reading, type ReadingOptions } from './reading.js';
import { budgetBytes, closeExamples, RowWriter } from './rows.js';
import type { Source } from './source.js';
import { splitExamples } from './split.js';
import { fitTargets, plainTargets, requireNumbers, standardizeTargets } from './standardize.js';
import { valueExamples } from './values.js';

/**
 * @param seed seed of the run: decides which examples the splits by fraction take
 * @param options `signal` ends the reading: its reason is thrown
 * @throws DataError if a file is missing or damaged, or if the examples cannot be split as asked
 */
export async function loadDataset(config: DataConfig, seed: number, options: ReadingOptions = {}): Promise<Dataset> {
  const reading = new Reading(options);
  const source = await loadSource(config, reading);
  const read = await withinBudget(source.examples, budgetBytes(config.memory), reading);
  warnOfRounding(read, reading.warn);
  try {
    const splits = 'training' in source.split ? source.split : splitExamples(read, source.split, seed, reading.warn);
    const scaling = scalingOf(config, read, splits, options.targetScaling);
    const examples = scaling ? standardizeTargets(read, scaling, source.where) : plainTargets(read);
    const input = (await source.encode?.(splits)) ?? plainEncoding(examples);
    const encoding = { ...classNames(examples), ...input, ...(scaling && { targetScaling: scaling }) };
    const description = describe(examples, splits, source.origin, scaling);
    return { examples, splits, description, encoding, columns: source.columns, where: source.where };
  } catch (error) {
    closeExamples(read);
    throw error;
  }
}

/** How targets are standardized: as a trained model's were, or as the config asks. */
function scalingOf(
  config: DataConfig,
  examples: SourceExamples,
  { training }: Splits,
  given: TargetScaling | undefined,
): TargetScaling | undefined {
  if (!given && !('standardizeTargets' in config && config.standardizeTargets)) return undefined;
  requireNumbers(examples);
  return given ?? fitTargets(examples, training);
}

async function loadSource(config: DataConfig, reading: Reading): Promise<Source> {
  switch (config.source) {
    case 'digits': {
      const examples = await generateDigits(config.examples, config.seed, reading);
      return { examples, split: config, origin: `synthetic digits, seed ${config.seed}` };
    }
    case 'values':
      return {
        ...{ examples: valueExamples(config, reading.ignoreClass), split: config, origin: 'values in the config' },
        where: (example, field) => `data.${field}.${example}`,
      };
    case 'idx': {
      const { examples, plan, origin } = await idxExamples(config, reading);
      return { examples, split: plan, origin };
    }
    case 'images': {
      const { imageSource } = await import('./images/source.js');
      return imageSource(config, reading);
    }
    case 'text': {
      const { textSource } = await import('./text/source.js');
      return textSource(config, reading);
    }
    case 'csv': {
      const { csvSource } = await import('./table/csv.js');
      return csvSource(config, reading);
    }
    case 'parquet': {
      const { parquetSource } = await import('./table/parquet.js');
      return parquetSource(config, reading);
    }
    case 'npy': {
      const { npySource } = await import('./npy/source.js');
      return npySource(config, reading);
    }
    case 'module': {
      const { moduleExamples } = await import('./module/source.js');
      return moduleExamples(config, reading);
    }
  }
}

/** Moves to a file what a source that knows no budget has of inputs beyond it. */
async function withinBudget(examples: SourceExamples, budget: number, reading: Reading): Promise<SourceExamples> {
  let moved = examples;
  let left = budget;
  for (const column of ofRole(examples.columns, 'input')) {
    const { values, file, stride } = column;
    const room = left;
    left = Math.max(0, left - values.byteLength);
    // Rows that overlap share their memory: written out one by one they would take many times the room.
    if (file || stride !== undefined || values.byteLength <= room) continue;
    try {
      moved = withColumn(moved, { ...column, ...(await rowsWithin(column, examples.count, room, reading)) });
    } catch (error) {
      closeExamples(moved);
      throw error;
    }
  }
  return moved;
}

async function rowsWithin(column: SourceColumn, count: number, budget: number, reading: Reading) {
  const { values, type } = column;
  const width = widthOf(column);
  const rows = new RowWriter(width, type === 'uint8' ? 'uint8' : 'float32', budget);
  try {
    for (let i = 0; i < count; i++) {
      rows.append(values.subarray(i * width, (i + 1) * width));
      if (reading.due) await reading.pause();
    }
    return rows.finish();
  } catch (error) {
    rows.discard();
    throw error;
  }
}

/** Classes are called by their indices where the source has no names for them. */
function classNames(examples: SourceExamples): Pick<Encoding, 'classes'> {
  const { categories: classes } = targetColumn(examples);
  return classes === undefined ? {} : { classes: Array.from({ length: classes }, (_, i) => String(i)) };
}

/** Small pictures are read as pictures, everything else as numbers. */
function plainEncoding(examples: SourceExamples): Encoding {
  const { shape, scale = 1, type } = inputColumn(examples);
  const [height, width, channels] = shape;
  if (shape.length === 3 && (channels === 1 || channels === 3) && type === 'uint8') {
    const greyscale = channels === 1 ? ('bt601' as const) : undefined;
    return { input: { kind: 'image', height, width, channels, greyscale, fit: 'fill' } };
  }
  return { input: { kind: 'numbers', scale } };
}

function describe(
  examples: SourceExamples,
  { training, validation, test }: Splits,
  origin: string,
  scaling: TargetScaling | undefined,
): string {
  // Not examples.count: of all windows of a text, splits take some.
  const all = training.length + validation.length + test.length;
  const numbers = scaling ? ', standardized targets (the loss is of these; metrics are in their own units)' : '';
  const { categories } = targetColumn(examples);
  const targets = categories === undefined ? numbers : `, ${categories} classes`;
  const shape = inputColumn(examples).shape.join(', ');
  const place = examples.columns.some(({ file }) => file) ? ', in part read from disk' : '';
  return `${all.toLocaleString('en-US')} examples of shape [${shape}]${targets} (${origin}${place})`;
}
