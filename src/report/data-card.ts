/** The data card of a report: how large the splits are, how targets are spread over them, and what tells the data from others. */
import { eachRow } from '../data/each-row.js';
import { targetEncoding } from '../data/encoding.js';
import { type Column, type Dataset, type SplitName, splitNames } from '../data/examples.js';
import { ofRole, strideOf, widthOf } from '../data/field.js';
import { fingerprintOf } from '../data/fingerprint.js';
import type { DataCard, NumberSpread, TargetCard } from './evaluation-report.js';

/** Numbers of a target that are told apart; more of them are told together. */
const mostNumbers = 16;

/**
 * @param isWhole other data, which are evaluated as a whole
 * @param isSealed the targets of the test split are not looked at
 */
export async function dataCard(dataset: Dataset, isWhole: boolean, isSealed: boolean): Promise<DataCard> {
  const { examples, splits } = dataset;
  const shown = splitNames.filter((name) => splits[name].length > 0);
  const places = new Uint8Array(examples.count).fill(closed);
  const open = shown.filter((name) => !(isSealed && name === 'test'));
  open.forEach((name, i) => {
    for (const row of splits[name]) places[row] = i;
  });
  const targets: TargetCard[] = [];
  for (const column of ofRole(examples.columns, 'target')) {
    const mask = ofRole(examples.columns, 'mask').find(({ of }) => of === column.name || of === column.of);
    targets.push(...(mask?.file ? [uncounted(column)] : await targetCards(column, dataset, { places, open, mask })));
  }
  return {
    sha256: fingerprintOf(dataset).sha256,
    splits: shown.map((name) => ({
      ...{ split: isWhole ? 'all' : name, examples: splits[name].length },
      ...(!open.includes(name) && { sealed: true }),
    })),
    targets,
  };
}

/** No split, or one that may not be read. */
const closed = 255;

interface SplitOf {
  /** Of each example, which of the splits. */
  readonly places: Uint8Array;
  readonly open: readonly SplitName[];
  /** In memory: which places of the target are there. Others fill short sequences up. */
  readonly mask?: Column;
}

/** Whether a number of a target is there. @param i which of the example's */
function hasPlace(column: Column, { mask }: SplitOf): (example: number, i: number) => boolean {
  if (!mask) return () => true;
  const [stride, each] = [strideOf(mask), widthOf(column) / widthOf(mask)];
  return (example, i) => mask.values[example * stride + Math.floor(i / each)] !== 0;
}

const uncounted = (column: Column): TargetCard => ({
  ...{ target: column.name, of: 'places' },
  note: 'not counted: which of its places only fill short sequences up is on disk',
});

async function targetCards(column: Column, dataset: Dataset, splitOf: SplitOf): Promise<TargetCard[]> {
  const { classes } = targetEncoding(dataset.encoding, column);
  const of = widthOf(column) > 1 ? ('places' as const) : ('examples' as const);
  if (column.categories === undefined) return numberCards(column, dataset, splitOf);
  const names = Array.from({ length: column.categories }, (_, i) => classes?.[i] ?? String(i));
  const counts = splitOf.open.map(() => new Float64Array(names.length));
  const width = widthOf(column);
  const isThere = hasPlace(column, splitOf);
  await eachRow(column, dataset.examples.count, (values, start, example) => {
    const own = counts[splitOf.places[example]];
    if (!own) return;
    // A class that is ignored may be no class.
    for (let i = 0; i < width; i++) {
      const value = values[start + i];
      if (value >= 0 && value < own.length && isThere(example, i)) own[value]++;
    }
  });
  return [{ target: column.name, of, classes: { names, counts: counts.map((each) => Array.from(each)) } }];
}

async function numberCards(column: Column, { examples, encoding }: Dataset, splitOf: SplitOf): Promise<TargetCard[]> {
  const { targetScaling, targets: names } = targetEncoding(encoding, column);
  const width = widthOf(column);
  const last = column.shape.at(-1) ?? 1;
  const apart = last <= mostNumbers ? last : 1;
  const isThere = hasPlace(column, splitOf);
  const sums = splitOf.open.map(() => Array.from({ length: apart }, () => new ValueSpread()));
  await eachRow(column, examples.count, (values, start, example) => {
    const own = sums[splitOf.places[example]];
    if (!own) return;
    for (let i = 0; i < width; i++) {
      if (!isThere(example, i)) continue;
      const [number, value] = [i % last, values[start + i] * (column.scale ?? 1)];
      const { deviation = [1], mean = [0] } = targetScaling ?? {};
      own[number % apart].add(value * deviation[number % deviation.length] + mean[number % mean.length]);
    }
  });
  return Array.from({ length: apart }, (_, i) => ({
    target: names?.[i] ?? (apart > 1 ? `${column.name}[${i}]` : column.name),
    of: width > last ? 'places' : 'examples',
    numbers: sums.map((own) => own[i].result()),
  }));
}

/** Mean and deviation of numbers that come one after the other (Welford, 1962). */
class ValueSpread {
  #count = 0;
  #mean = 0;
  #squares = 0;
  #least = Number.POSITIVE_INFINITY;
  #most = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    const off = value - this.#mean;
    this.#mean += off / ++this.#count;
    this.#squares += off * (value - this.#mean);
    this.#least = Math.min(this.#least, value);
    this.#most = Math.max(this.#most, value);
  }

  /** null where there were none. */
  result(): NumberSpread | null {
    if (this.#count === 0) return null;
    const standardDeviation = Math.sqrt(this.#squares / this.#count);
    return { mean: this.#mean, standardDeviation, least: this.#least, most: this.#most };
  }
}
