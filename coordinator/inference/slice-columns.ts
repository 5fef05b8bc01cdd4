/** Which columns slices and groups are made of: as the config and the command line ask, and as the data have them. */

import { mostBins, type SliceBy, twiceIn } from '../../src/config/evaluation.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { targetEncoding } from '../../src/data/encoding.js';
import { type ExampleColumn, textColumn, type WantedColumn } from '../../src/data/example-columns.js';
import type { Dataset } from '../../src/data/examples.js';
import { ofRole } from '../../src/data/field.js';
import { originOf } from '../../src/data/row-origins.js';
import type { Decider } from '../../src/data/splits/split-key.js';
import { deciderOf } from '../../src/data/splits/split-plan.js';
import { ConfigError, DataError } from '../../src/errors.js';
import type { Bins, SliceColumn, Slicing } from '../../src/evaluate/slicing.js';
import { groupNumbers, slicingOf } from '../../src/evaluate/slicing.js';
import { plural } from '../../src/ground/units.js';

/** A way to slice, and who asks for it. */
interface AskedSlicing {
  readonly asked: string;
  readonly by: readonly SliceColumn[];
}

/** What examples belong to. */
interface AskedGroup {
  readonly asked: string;
  readonly name: string;
  /** Whether the run's split says so, and nobody else. */
  readonly isDefault: boolean;
}

interface AskedSlices {
  readonly slicings: readonly AskedSlicing[];
  readonly group?: AskedGroup;
  /** Columns to read beside the examples. */
  readonly columns: readonly WantedColumn[];
}

/** A name that every source of classes has: the true class. */
const trueClass = 'class';

/**
 * @param by as `--by` has it, in the place of `evaluation.slices`: `sex`, `age:4`, `sex,age:4`
 * @param from where that was said, for messages
 * @throws ConfigError where it asks for bins that cannot be
 */
export function askedSlices({ evaluation, data }: RunConfig, by: readonly string[] = [], from = '--by '): AskedSlices {
  const slicings = by.length > 0 ? by.map((text) => fromOption(text, from)) : evaluation.slices.map(fromConfig);
  const twice = twiceIn(by);
  if (twice !== undefined) throw new ConfigError(`${from}${twice}: stands there twice`, 'name it once');
  const group = askedGroup(evaluation.group, 'split' in data ? deciderOf(data) : undefined);
  const columns = [
    ...slicings.flatMap(({ asked, by: each }) =>
      each.map(({ name }) => ({ name, asked, ...(name === trueClass && { optional: true }) })),
    ),
    ...(group ? [{ name: group.name, asked: group.asked, optional: group.isDefault }] : []),
  ];
  return { slicings, group, columns };
}

function fromOption(text: string, from: string): AskedSlicing {
  const asked = `${from}${text}`;
  const by = text.split(',').map((part): SliceColumn => {
    const [, name, count] = /^(.*):(\d+)$/.exec(part) ?? [];
    if (name === undefined) return { name: part };
    const bins = Number(count);
    if (bins >= 2 && bins <= mostBins) return { name, bins: { bins } };
    throw new ConfigError(`${asked}: ${count} is no number of bins`, `ask for 2 to ${mostBins} bins: ${name}:4`);
  });
  if (by.some(({ name }) => name === ''))
    throw new ConfigError(`${asked}: names no column`, 'name columns: column, column:4 or one,other');
  const twice = twiceIn(by.map(({ name }) => name));
  if (twice !== undefined) throw new ConfigError(`${asked}: names ${twice} twice`, 'name it once');
  return { asked, by };
}

function fromConfig(entry: SliceBy | readonly SliceBy[]): AskedSlicing {
  const by = [entry].flat().map((one): SliceColumn => {
    if (typeof one === 'string') return { name: one };
    const [[name, bins]] = Object.entries(one as Readonly<Record<string, Bins>>);
    return { name, bins };
  });
  return { asked: `evaluation.slices: ${by.map(({ name }) => name).join(', ')}`, by };
}

function askedGroup(group: string | false | undefined, split: Decider | undefined): AskedGroup | undefined {
  if (group === false) return undefined;
  if (group !== undefined) return { asked: `evaluation.group: ${group}`, name: group, isDefault: false };
  if (split?.kind !== 'group') return undefined;
  return { asked: `data.split.group: ${split.name}`, name: split.name, isDefault: true };
}

/** What tells the examples of a split apart. */
export interface ToldApart {
  readonly slicings: readonly Slicing[];
  /** What they belong to; absent where each stands for itself. */
  readonly groups?: FoundGroups;
}

interface SliceChoice {
  readonly by?: readonly string[];
  readonly byFrom?: string;
  readonly warn?: (message: string) => void;
}

/** @throws DataError where a column does not do */
export function toldApart(
  config: RunConfig,
  { dataset, rows }: { readonly dataset: Dataset; readonly rows: Int32Array },
  { by: given, byFrom, warn = () => {} }: SliceChoice,
): ToldApart {
  const { slicings, group } = askedSlices(config, given, byFrom);
  const made = slicings.map(({ asked, by }) => {
    const columns = (name: string) => dataset.shown?.get(name) ?? classColumn(dataset, asked);
    return slicingOf(by, columns, rows, asked);
  });
  const groups = group && groupsIn(group, dataset, rows, warn);
  return { slicings: made, ...(groups && { groups }) };
}

/** The true class of each example. */
function classColumn({ examples, encoding }: Dataset, asked: string): ExampleColumn {
  const targets = ofRole(examples.columns, 'target');
  const [target] = targets;
  if (targets.length > 1) {
    const names = targets.map(({ name }) => name).join(', ');
    throw new DataError(
      `${asked}: there are several targets, ${names}`,
      'name a column of the data, such as that of one of them',
    );
  }
  if (target.categories === undefined || target.shape.length > 0) {
    throw new DataError(
      `${asked}: ${target.categories === undefined ? 'targets are numbers' : 'an example has many classes'}`,
      'name a column of the data, or leave it out',
    );
  }
  const { classes } = targetEncoding(encoding, target);
  return textColumn(Array.from(target.values, (index) => classes?.[index] ?? String(index)));
}

export interface FoundGroups {
  readonly column: string;
  /** How many there are in the split. */
  readonly count: number;
  /** Of each example of the split. */
  readonly numbers: Int32Array;
}

/** Fewer groups give intervals that are too narrow. */
const fewGroups = 30;

/** @throws DataError where an example of the split is of no group */
function groupsIn(
  { name, asked, isDefault }: AskedGroup,
  dataset: Dataset,
  rows: Int32Array,
  warn: (message: string) => void,
): FoundGroups | undefined {
  const column = dataset.shown?.get(name);
  if (!column) {
    warn(
      `${asked}: these data have no ${name}, so that intervals take examples for independent; evaluation.group names another column`,
    );
    return undefined;
  }
  const odd = rows.find((row) => column.codes[row] < 0);
  if (odd !== undefined) {
    throw new DataError(
      `${asked}: ${originOf(dataset, odd, name)} has no value in ${name}`,
      isDefault ? 'fill it in, or set evaluation.group' : 'fill it in, or name another column',
    );
  }
  const { numbers, count } = groupNumbers(column, rows);
  if (count < fewGroups) {
    warn(
      `${asked}: intervals are of ${plural(count, 'group')}; of fewer than ${fewGroups} they are too narrow` +
        `${count < 2 ? ', and of one there are none' : ''}`,
    );
  }
  return { column: name, count, numbers };
}
