/** Results of benchmarks over time, one JSON line each, and what has changed. */
import { appendFileSync, existsSync } from 'node:fs';
import { DataError, OutputError } from '../../src/errors.js';
import { median } from './measurement.js';
import { type BenchResult, parseResult, readText } from './result.js';
import { moreIsBetter, scores, type Unit } from './rows.js';

/** A smaller change is none, whatever the spread: few rounds may agree by chance. */
const leastChange = 0.02;

/** Of a row, against the same row of earlier results. */
export interface Change {
  readonly section: string;
  readonly what: string;
  readonly unit: Unit;
  /** Empty where the row is judged by our own figure. */
  readonly peer: string;
  /** Median over the rounds: of the ratio to the peer, or of our own figure. */
  readonly now: number;
  /** Median over the earlier results of their medians; with `low` and `high`, the range of all their rounds. */
  readonly before?: { readonly median: number; readonly low: number; readonly high: number; readonly results: number };
  readonly verdict: 'new' | 'same' | 'better' | 'WORSE';
}

/**
 * @returns earlier results in their order; none where there is no file
 * @throws DataError that names the line which is none
 */
export function readHistory(file: string): BenchResult[] {
  if (!existsSync(file)) return [];
  const lines = readText(file).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, i) => parseResult(line, `${file}, line ${i + 1},`));
}

/**
 * Compares with the last results of the same machine that have the row. A row has become worse (or better) when its median
 * is beyond every round of those results, and 2 % or more away from their median.
 * @param last how many earlier results count
 */
export function compare(history: readonly BenchResult[], result: BenchResult, last: number): Change[] {
  const earlier = history.filter(({ machine, at }) => machine === result.machine && at !== result.at);
  return result.rows.map((row) => {
    const rounds = earlier
      .flatMap(({ rows }) => rows.find((other) => keyOf(other) === keyOf(row)) ?? [])
      .slice(-last)
      .map(scores);
    const { section, what, unit, peer } = row;
    const now = median(scores(row));
    const about = { section, what, unit, peer: peer?.name ?? '', now };
    if (rounds.length === 0) return { ...about, verdict: 'new' };
    const all = rounds.flat();
    const before = {
      median: median(rounds.map(median)),
      results: rounds.length,
      low: Math.min(...all),
      high: Math.max(...all),
    };
    return { ...about, before, verdict: verdict(now, before, moreIsBetter(unit)) };
  });
}

function verdict(now: number, before: NonNullable<Change['before']>, more: boolean): Change['verdict'] {
  if (Math.abs(now / before.median - 1) < leastChange) return 'same';
  if (now > before.high) return more ? 'better' : 'WORSE';
  if (now < before.low) return more ? 'WORSE' : 'better';
  return 'same';
}

const keyOf = ({ section, what, peer }: BenchResult['rows'][number]): string =>
  JSON.stringify([section, what, peer?.name]);

/**
 * Adds a result to the file, unless it is there.
 * @returns whether it was added
 * @throws DataError when it is not to be compared with others
 * @throws OutputError when the file cannot be written
 */
export function append(file: string, history: readonly BenchResult[], result: BenchResult): boolean {
  if (result.quick) {
    throw new DataError('a result of --quick only shows that everything runs', 'measure without --quick');
  }
  if (history.some(({ at, machine }) => at === result.at && machine === result.machine)) return false;
  // The last line may have been written by an editor that ends no lines.
  const gap = history.length > 0 && !readText(file).endsWith('\n') ? '\n' : '';
  try {
    appendFileSync(file, `${gap}${JSON.stringify(result)}\n`);
  } catch (error) {
    throw new OutputError(`${file} cannot be written: ${(error as Error).message}`, 'name another with --history');
  }
  return true;
}
