/** From the `data` section of a config to examples in shared memory or in a file, split. */
import type { DataConfig } from '../config/data.js';
import { FIELD_NAME } from '../config/data-parts.js';
import { DataError } from '../errors.js';
import { plural } from '../ground/units.js';
import { copiesOf, withCopies, withoutTargets } from './copies.js';
import { type TargetScaling, targetEncoding } from './encoding.js';
import { presentColumns } from './example-columns.js';
import {
  type Dataset,
  type Examples,
  type SourceColumn,
  type SourceExamples,
  type Splits,
  withColumn,
} from './examples.js';
import { ofRole, strideOf, widthOf } from './field.js';
import { warnOfRounding } from './precision.js';
import { Reading, type ReadingOptions } from './reading.js';
import { budgetBytes, closeExamples, RowWriter } from './row-writer.js';
import type { Source } from './source.js';
import { loadSource } from './sources.js';
import { splitExamples } from './splits/split.js';
import { withTrainingPart } from './splits/training-part.js';
import { fitTargets, requireNumbers, standardizedTargets } from './standardize.js';
import { completeEncoding, plainEncoding } from './trained-like.js';

/**
 * @param seed seed of the run: decides which examples the splits by fraction take
 * @param options `signal` ends the reading: its reason is thrown
 * @throws DataError if a file is missing or damaged, or if the examples cannot be split as asked
 */
export async function loadDataset(config: DataConfig, seed: number, options: ReadingOptions = {}): Promise<Dataset> {
  const reading = new Reading(options);
  const source = await loadSource(config, reading);
  requireShown(source, config, reading);
  const read = await withinBudget(source.examples, budgetBytes(config.memory), reading);
  warnOfRounding(read, reading.warn);
  try {
    const whole = 'training' in source.split ? source.split : splitExamples(read, source.split, seed, reading.warn);
    const splits = withTrainingPart(whole, fractionOf(config), read, source.split, seed);
    const cut = cutTo(read, source.places?.(splits));
    const scalings = scalingsOf(config, source, cut, splits, options.trained);
    const copies = copiesOf('targets' in config ? config.targets : undefined);
    // Classes of digits and folders are no targets where others are named.
    const isReplaced = Object.keys(copies).length > 0 && ['digits', 'idx', 'images'].includes(config.source);
    const rest = standardizedTargets(isReplaced ? withoutTargets(cut) : cut, scalings, source.where);
    const examples = withCopies(rest, copies);
    checkNames(examples);
    const own = (await source.encode?.(splits)) ?? plainEncoding(examples);
    const encoding = completeEncoding(own, examples, scalings);
    const description = describe(examples, splits, source.origin, scalings.size > 0);
    const by = 'training' in source.split ? undefined : source.split.by;
    const { columns, where, shown } = source;
    return { examples, splits, by, description, encoding, columns, where, shown };
  } catch (error) {
    closeExamples(read);
    throw error;
  }
}

/** @throws DataError where columns are asked for that the source has not; those of tables and arrays are refused before all is read */
function requireShown({ shown, examples }: Source, { source }: DataConfig, { columns }: Reading): void {
  try {
    presentColumns(columns, [...(shown?.keys() ?? [])], `source ${source}`);
  } catch (error) {
    closeExamples(examples);
    throw error;
  }
}

/** Inputs of so many places, by their names, and their masks: rows stay where they are, and what they have beyond is not read. */
function cutTo({ count, columns }: SourceExamples, places: ReadonlyMap<string, number> = new Map()): SourceExamples {
  const cut = columns.map((column): SourceColumn => {
    const { name, of, role, shape } = column;
    const first = places.get(role === 'mask' ? of! : name);
    if (first === undefined || first >= shape[0]) return column;
    return { ...column, shape: [first, ...shape.slice(1)], stride: strideOf(column) };
  });
  return { count, columns: cut };
}

/** Of the training split. */
const fractionOf = (config: DataConfig): number => ('trainingFraction' in config && config.trainingFraction) || 1;

/** Names of weights and masks are made from those of their fields. @throws DataError where one is taken, or too long */
function checkNames({ columns }: Examples): void {
  for (const [i, { name, role, of }] of columns.entries()) {
    if (columns.findIndex((other) => other.name === name) < i) {
      throw new DataError(`data: two fields are called ${name}`, 'give inputs and targets other names');
    }
    if (!FIELD_NAME.test(name)) {
      throw new DataError(
        `data: ${of} has a ${role}, and ${name} is longer than 48 characters`,
        'give it a shorter name',
      );
    }
  }
}

/** How targets are standardized, by their names: as a trained model's were, or as the config asks. */
function scalingsOf(
  config: DataConfig,
  source: Source,
  examples: SourceExamples,
  { training }: Splits,
  trained: ReadingOptions['trained'],
): Map<string, TargetScaling> {
  const isAsked = 'standardizeTargets' in config && config.standardizeTargets === true;
  const found = new Map<string, TargetScaling>();
  for (const target of ofRole(examples.columns, 'target')) {
    const given = trained && targetEncoding(trained, target).targetScaling;
    if (!given && !(source.standardize?.includes(target.name) ?? isAsked)) continue;
    if (trained && !given) {
      throw new DataError(
        `data.targets.${target.name}: the model was not trained on standardized numbers of it, or its encoding.json is gone`,
        `add --set data.targets.${target.name}.standardize=false, or name another model`,
      );
    }
    requireNumbers(target);
    found.set(target.name, given ?? fitTargets(examples, target, training));
  }
  return found;
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
  const rows = new RowWriter(width, type, budget);
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

function describe(
  examples: SourceExamples,
  { training, validation, test }: Splits,
  origin: string,
  isStandardized: boolean,
): string {
  // Not examples.count: of all windows of a text, splits take some.
  const all = training.length + validation.length + test.length;
  const standardized = isStandardized
    ? ', standardized targets (the loss is of these; metrics are in their own units)'
    : '';
  const targets = ofRole(examples.columns, 'target');
  const called = targets.length === 1 ? '' : targets.map(({ name }) => name).join(', ');
  const classes = targets.length === 1 ? targets[0].categories : undefined;
  const what =
    classes === undefined
      ? `${called && `, targets ${called}`}${standardized}`
      : `, ${plural(classes, 'class', 'classes')}`;
  const inputs = ofRole(examples.columns, 'input');
  const shapes = inputs.map(({ name, shape }) => `${inputs.length > 1 ? `${name} ` : ''}[${shape.join(', ')}]`);
  const place = examples.columns.some(({ file }) => file) ? ', in part read from disk' : '';
  const shape = `${inputs.length > 1 ? 'inputs' : 'shape'} ${shapes.join(', ')}`;
  return `${plural(all, 'example')} of ${shape}${what} (${origin}${place})`;
}
