/** Which inputs a saved model relies on: permutation importance on a split of its run, or on data of its own. */

import type { Encoding } from '../../src/data/encoding.js';
import { type Column, type Dataset, type Examples, type Splits, withColumn } from '../../src/data/examples.js';
import { ofRole, strideOf, valuesOf, widthOf } from '../../src/data/field.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { type Importance, permutationImportance } from '../../src/evaluate/permutation-importance.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { randomStream, shuffle } from '../../src/ground/random.js';
import type { Metrics } from '../../src/report/events.js';
import type { Looks } from '../../src/report/looks.js';
import { type EvaluatedExamples, withChosen, withPool } from './evaluate-examples.js';
import type { ChosenData, EvaluateOptions } from './evaluated-data.js';
import { placeText, tableColumns } from './explained-inputs.js';

/** Where importance is measured, and how. */
export interface ImportanceOptions extends EvaluateOptions {
  /** How often each input is shuffled; default: 10. */
  readonly repeats?: number;
}

/** How much worse a model gets without what each of its inputs says. */
export interface ImportanceResult {
  /** The folder or file of the model. */
  readonly model: string;
  /** null where other data were evaluated. */
  readonly split: keyof Splits | null;
  /** One line about the data. */
  readonly data: string;
  /** How many examples were evaluated. */
  readonly examples: number;
  /** How often each input was shuffled. */
  readonly repeats: number;
  /** The loss and the metrics of the examples as they are. */
  readonly metrics: Metrics;
  /** By input and metric. */
  readonly importance: readonly Importance[];
  /** Looks at the test split of the run since it ended, this one included; absent for a model that is in no run. */
  readonly looks?: Looks;
}

/**
 * How much worse loss and metrics get when an input's values change places among the examples: the same number for any number of
 * threads. An input is a column of a table, with all that it was encoded to, or one of several inputs as a whole.
 *
 * @param place a run's folder or a model's
 * @throws LockstepError as `evaluate` does; ConfigError where there is nothing to shuffle: one text, or one picture
 */
export async function importance(place: string, options: ImportanceOptions = {}): Promise<ImportanceResult> {
  return withChosen(place, options, async ({ located, config, chosen, guard }) => {
    const { dataset, split, rows } = chosen;
    const found = await measuredImportance({ located, config, ...chosen }, options);
    const looks = guard.looked(split);
    return {
      model: located.path,
      split,
      data: dataset.description,
      examples: rows.length,
      ...found,
      ...(looks && { looks }),
    };
  });
}

/** A model and the examples that it is measured on, while they are open. */
type MeasuredModel = ChosenData & Pick<EvaluatedExamples, 'located' | 'config'>;

/** The same of examples that are chosen already. */
export async function measuredImportance(
  { located, config, dataset, rows }: MeasuredModel,
  options: ImportanceOptions,
): Promise<Pick<ImportanceResult, 'repeats' | 'metrics' | 'importance'>> {
  const { repeats = 10 } = options;
  const groups = groupsOf(dataset.examples, dataset.encoding);
  if (groups.length === 0) {
    throw new ConfigError(
      'the model reads one picture, text or sequence, of which no part means the same in every example',
      'explain an example: npx lockstep explain RUN INPUT',
    );
  }
  const examples = withOwnInputs(dataset.examples, groups);
  const shuffler = new Shuffler(dataset.examples, examples, rows, config.seed);
  const own = { dataset: { ...dataset, examples }, all: [rows], isKept: false };
  // A shuffled sequence may be longer than the bucket of the one that was there.
  const whole = { ...config, training: { ...config.training, buckets: undefined } };
  return withPool(located, whole, own, options, async (pool, heads) => {
    const run = new RunMetrics(heads);
    const higher = new Set(run.numbers.flatMap(({ name, family }) => (family?.better === 'higher' ? name : [])));
    const score = async () => run.results(await pool.evaluate(rows)).scalars;
    const metrics = await score();
    const importance = await permutationImportance({
      inputs: groups.map(({ name }) => name),
      isHigherBetter: (metric) => higher.has(metric),
      repeats,
      confidence: config.evaluation.confidence,
      score: async (shuffled) => (shuffled ? shuffler.with(groups[shuffled.input], shuffled.repeat, score) : metrics),
    });
    return { repeats, metrics, importance };
  });
}

/** Whether the inputs of examples have parts that mean the same in each. */
export const hasColumns = ({ examples, encoding }: Dataset): boolean => groupsOf(examples, encoding).length > 0;

/** What is shuffled together. */
interface FeatureGroup {
  readonly name: string;
  /** Columns of the examples by their names, and which of their features. */
  readonly of: readonly { readonly column: string; readonly features: readonly number[] }[];
}

const all = (column: Column): number[] => Array.from({ length: widthOf(column) }, (_, i) => i);

/** @returns none where the model has one input that is one thing, but a column of texts */
function groupsOf({ columns }: Examples, encoding: Encoding): FeatureGroup[] {
  const inputs = ofRole(columns, 'input');
  return inputs.flatMap((column): FeatureGroup[] => {
    const { name } = column;
    const own = encoding.input.kind === 'table' ? tableColumns(encoding.input, name, inputs.length > 1) : undefined;
    // Sequences of unequal length go with their lengths.
    const masks = ofRole(columns, 'mask').filter(({ of }) => of === name);
    const whole = [column, ...masks].map((each) => ({ column: each.name, features: all(each) }));
    if (masks.length > 0) return own || inputs.length > 1 ? [{ name: own?.[0].name ?? name, of: whole }] : [];
    if (own) return own.map((part) => ({ name: part.name, of: [{ column: name, features: part.features }] }));
    if (inputs.length > 1) return [{ name, of: whole }];
    const isVector = column.shape.length === 1 && column.stride === undefined;
    if (!isVector) return [];
    return all(column).map((i) => ({ name: placeText(column.shape, i), of: [{ column: name, features: [i] }] }));
  });
}

/** The examples with copies of the inputs that are shuffled: targets and others may share their memory. */
function withOwnInputs(examples: Examples, groups: readonly FeatureGroup[]): Examples {
  const names = new Set(groups.flatMap(({ of }) => of.map(({ column }) => column)));
  return examples.columns
    .filter(({ name }) => names.has(name))
    .reduce<Examples>((found, column) => {
      if (column.file) {
        throw new DataError(
          'the data are larger than data.memory, and are shuffled in memory',
          'raise it: --set data.memory=8GB',
        );
      }
      const { type, values } = column;
      const copy = valuesOf(type, new SharedArrayBuffer(values.byteLength));
      copy.set(values);
      return { count: examples.count, columns: withColumn(found, { ...column, values: copy }).columns as Column[] };
    }, examples);
}

/** Has the values of one group change places, in memory that all threads read. */
class Shuffler {
  readonly #original: Examples;
  readonly #shuffled: Examples;
  readonly #rows: Int32Array;
  readonly #seed: number;

  constructor(original: Examples, shuffled: Examples, rows: Int32Array, seed: number) {
    this.#original = original;
    this.#shuffled = shuffled;
    this.#rows = rows;
    this.#seed = seed;
  }

  /** Does `work` while the values are shuffled; the order is that of the repeat, the same for every group. */
  async with<T>(group: FeatureGroup, repeat: number, work: () => Promise<T>): Promise<T> {
    const order = this.#rows.slice();
    shuffle(order, randomStream('importance', this.#seed, repeat));
    this.#place(group, order);
    try {
      return await work();
    } finally {
      this.#place(group, this.#rows);
    }
  }

  /** @param from the example whose values each row gets */
  #place({ of }: FeatureGroup, from: Int32Array): void {
    for (const { column: name, features } of of) {
      const [source, target] = [this.#original, this.#shuffled].map(
        ({ columns }) => columns.find((column) => column.name === name)!,
      );
      const stride = strideOf(target);
      this.#rows.forEach((row, i) => {
        for (const feature of features)
          target.values[row * stride + feature] = source.values[from[i] * stride + feature];
      });
    }
  }
}
