/** From the `data` section of a config to examples in shared memory or in a file, split. */
import type { DataConfig } from '../config/data.js';
import { generateDigits } from './digits/digits.js';
import type { Encoding, TargetScaling } from './encoding.js';
import { type Dataset, elements, type Splits } from './examples.js';
import { idxExamples } from './idx/folder.js';
import { warnOfRounding } from './precision.js';
import { Reading, type ReadingOptions } from './reading.js';
import { budgetBytes, closeRows, RowWriter } from './rows.js';
import type { Source, SourceExamples } from './source.js';
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
    const splits = 'training' in source.split ? source.split : splitExamples(read, source.split, seed);
    const scaling = scalingOf(config, read, splits, options.targetScaling);
    const examples = scaling ? standardizeTargets(read, scaling, source.where) : plainTargets(read);
    const input = (await source.encode?.(splits)) ?? plainEncoding(examples);
    const encoding = { ...classNames(examples), ...input, ...(scaling && { targetScaling: scaling }) };
    const description = describe(examples, splits, source.origin, scaling);
    return { examples, splits, description, encoding, columns: source.columns, where: source.where };
  } catch (error) {
    if (read.file) closeRows(read.file);
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
        where: (example, part) => `data.${part}.${example}`,
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

/** Moves the features of a source that knows no budget to a file if they exceed it. */
async function withinBudget(examples: SourceExamples, budget: number, reading: Reading): Promise<SourceExamples> {
  const { features, count } = examples;
  // Rows that overlap share their memory: written out one by one they would take many times the room.
  if (examples.file || examples.featureStride !== undefined || features.byteLength <= budget) return examples;
  const width = elements(examples.featureShape);
  const rows = new RowWriter(width, features instanceof Uint8Array ? 'uint8' : 'float32', budget);
  try {
    for (let i = 0; i < count; i++) {
      rows.append(features.subarray(i * width, (i + 1) * width));
      if (reading.due) await reading.pause();
    }
    return { ...examples, ...rows.finish() };
  } catch (error) {
    rows.discard();
    throw error;
  }
}

/** Classes are called by their indices where the source has no names for them. */
function classNames({ classes }: SourceExamples): Pick<Encoding, 'classes'> {
  return classes === undefined ? {} : { classes: Array.from({ length: classes }, (_, i) => String(i)) };
}

/** Small pictures are read as pictures, everything else as numbers. */
function plainEncoding({ featureShape, featureScale, features }: SourceExamples): Encoding {
  const [height, width, channels] = featureShape;
  if (featureShape.length === 3 && (channels === 1 || channels === 3) && features instanceof Uint8Array) {
    const greyscale = channels === 1 ? ('bt601' as const) : undefined;
    return { input: { kind: 'image', height, width, channels, greyscale, fit: 'fill' } };
  }
  return { input: { kind: 'numbers', scale: featureScale } };
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
  const targets = examples.classes === undefined ? numbers : `, ${examples.classes} classes`;
  const shape = examples.featureShape.join(', ');
  const place = examples.file ? ', in part read from disk' : '';
  return `${all.toLocaleString('en-US')} examples of shape [${shape}]${targets} (${origin}${place})`;
}
