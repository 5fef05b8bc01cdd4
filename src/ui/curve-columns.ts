/** The steps and epochs of a run as columns of numbers, and what of them is sent to a page: few enough to draw, each extreme kept. */
import { entriesIn, numberIn, type ReadPlace, readNewLines } from './growing-file.js';

/** What a step line has, in the order of the columns; `step` and `time` say where, the others what. */
const stepSeries = ['loss', 'learningRate', 'gradientNorm', 'lossScale', 'examplesPerSecond'] as const;
const columnNames = ['step', 'time', ...stepSeries] as const;

/** Numbers that may grow. */
class GrowingNumbers {
  values = new Float64Array(1024);

  set(row: number, value: number): void {
    if (row === this.values.length) {
      const longer = new Float64Array(2 * row);
      longer.set(this.values);
      this.values = longer;
    }
    this.values[row] = value;
  }
}

export interface EpochRow {
  readonly epoch: number;
  readonly step: number;
  /** Seconds since 1970; null in logs of older versions. */
  readonly time: number | null;
  readonly loss: number | null;
  readonly examplesPerSecond: number | null;
  readonly validation: Readonly<Record<string, number | null>>;
}

/** What a page draws: two points a bucket of rows, at its first and last row, with the least and the largest value in their order. */
export interface DrawnCurves {
  readonly step: readonly number[];
  readonly time: readonly (number | null)[];
  /** null is a gap: a value that is not finite. */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
  /** Values that are not finite, by series. */
  readonly notFinite: Readonly<Record<string, number>>;
  readonly rows: number;
  /** When its first step was written down. */
  readonly started: number | null;
  readonly epochs: readonly EpochRow[];
}

class CurveColumns {
  rows = 0;
  readonly #columns = columnNames.map(() => new GrowingNumbers());
  #epochs: EpochRow[] = [];
  #place: ReadPlace | undefined;
  #reading: Promise<void> | undefined;

  /** Reads what is new in metrics.jsonl. */
  update(file: string): Promise<void> {
    // One at a time: whoever asks meanwhile waits for the same.
    this.#reading ??= this.#read(file).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(file: string): Promise<void> {
    const anew = () => {
      this.rows = 0;
      this.#epochs = [];
    };
    const { place } = await readNewLines(file, this.#place, anew, (lines) => {
      for (const entry of entriesIn(lines)) this.#take(entry);
    });
    this.#place = place;
  }

  #take(entry: Record<string, unknown>): void {
    if (entry.event === 'step') {
      for (const [i, name] of columnNames.entries()) this.#columns[i].set(this.rows, numberIn(entry[name]));
      this.rows++;
    } else if (entry.event === 'epoch') {
      const given = typeof entry.validation === 'object' && entry.validation ? Object.entries(entry.validation) : [];
      this.#epochs.push({
        epoch: numberIn(entry.epoch),
        step: numberIn(entry.step),
        time: finite(numberIn(entry.time)),
        loss: finite(numberIn(entry.loss)),
        examplesPerSecond: finite(numberIn(entry.examplesPerSecond)),
        validation: Object.fromEntries(given.map(([name, value]) => [name, finite(numberIn(value))])),
      });
    }
  }

  /**
   * @param from first and last step to be seen
   * @param points that a curve may have, at most
   */
  draw([from, to]: readonly [number, number], points: number): DrawnCurves {
    const steps = this.#columns[0].values;
    const first = lowerBound(steps, this.rows, from);
    const last = lowerBound(steps, this.rows, to + 1e-9);
    // One more on each side, so that lines reach the edge.
    const range = [Math.max(0, first - 1), Math.min(this.rows, last + 1)] as const;
    const buckets = bucketsOf(range, points);
    const where = buckets.flatMap(([a, b]) => (b - a === 1 ? [a] : [a, b - 1]));
    const series = stepSeries.map((name, i) => [name, extremes(this.#columns[i + 2].values, buckets)] as const);
    const times = this.#columns[1].values;
    return {
      step: where.map((row) => steps[row]),
      time: where.map((row) => finite(times[row])),
      series: Object.fromEntries(series.map(([name, { values }]) => [name, values])),
      notFinite: Object.fromEntries(series.map(([name, { notFinite }]) => [name, notFinite])),
      rows: this.rows,
      started: this.rows > 0 ? finite(times[0]) : null,
      epochs: thinned(this.#epochs, points),
    };
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(12)) : null);
const short = (value: number): number => Number(value.toPrecision(7));

type Range = readonly [number, number];

/** Ranges of rows, each a point where all can be drawn, else two but for the last row, which is what people read. */
function bucketsOf([first, last]: Range, points: number): Range[] {
  const rows = last - first;
  if (rows <= points) return Array.from({ length: rows }, (_, i) => [first + i, first + i + 1]);
  const count = (points - 1) >> 1;
  const edge = (i: number) => first + Math.floor((i * (rows - 1)) / count);
  return [...Array.from({ length: count }, (_, i): Range => [edge(i), edge(i + 1)]), [last - 1, last]];
}

/** Two numbers a bucket of several rows: its least and its largest, in the order in which they come. */
function extremes(column: Float64Array, buckets: readonly Range[]) {
  const values: (number | null)[] = [];
  let notFinite = 0;
  for (const [a, b] of buckets) {
    let [low, high] = [-1, -1];
    for (let row = a; row < b; row++) {
      const value = column[row];
      if (!Number.isFinite(value)) notFinite++;
      else {
        if (low < 0 || value < column[low]) low = row;
        if (high < 0 || value >= column[high]) high = row;
      }
    }
    const pair = b - a === 1 ? [low] : [Math.min(low, high), Math.max(low, high)];
    for (const row of pair) values.push(row < 0 ? null : short(column[row]));
  }
  return { values, notFinite };
}

/** At most so many epochs, the last among them. */
function thinned(epochs: readonly EpochRow[], points: number): EpochRow[] {
  const every = Math.max(1, Math.ceil(epochs.length / points));
  return epochs.filter((_, i) => (epochs.length - 1 - i) % every === 0);
}

/** The first row whose step is at least `step`. */
function lowerBound(steps: Float64Array, rows: number, step: number): number {
  let [low, high] = [0, rows];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Columns of the runs that were looked at last. */
export class CurveCache {
  readonly #most: number;
  readonly #kept = new Map<string, CurveColumns>();

  /** @param most rows that are kept in all; one run alone may have more */
  constructor(most: number) {
    this.#most = most;
  }

  /** What a run's metrics.jsonl has by now. */
  async of(file: string): Promise<CurveColumns> {
    const columns = this.#kept.get(file) ?? new CurveColumns();
    this.#kept.delete(file);
    this.#kept.set(file, columns);
    await columns.update(file);
    let rows = 0;
    for (const other of this.#kept.values()) rows += other.rows;
    for (const [name, other] of this.#kept) {
      if (rows <= this.#most || name === file) break;
      rows -= other.rows;
      this.#kept.delete(name);
    }
    return columns;
  }
}
