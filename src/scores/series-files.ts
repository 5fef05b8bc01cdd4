/** Series from tables: a row for each step, in the order of time. */

import { usualCsv } from '../config/table.js';
import { Reading } from '../data/reading.js';
import { openTable } from '../data/table/inputs.js';
import { type Cell, requireColumns, type Table, textOf } from '../data/table/table.js';
import { ConfigError, DataError } from '../errors.js';
import { plural } from '../ground/units.js';
import type { ForecastSeries } from './series.js';

/** CSV, Parquet or JSON lines files, and which of their columns are what. */
export interface SeriesFiles {
  readonly truths: string;
  readonly predictions: string;
  readonly history?: string;
  /** Says which series a row is of; absent where there is only one. */
  readonly series?: string;
  /** Of truths and history; default: the only one that it can be. */
  readonly truth?: string;
  /** Of predictions; default: the only one that it can be. */
  readonly prediction?: string;
  /** Columns of predictions by their quantiles, as texts. */
  readonly quantiles: Readonly<Record<string, string>>;
}

/** The steps of a table as they stand in it. */
interface Steps {
  readonly file: string;
  readonly unit: string;
  /** Lines or rows. */
  readonly places: number[];
  readonly series: string[];
  /** By column. */
  readonly numbers: ReadonlyMap<string, number[]>;
  /** Cells that the other file has too. */
  readonly keys: ReadonlyMap<string, string[]>;
}

/** @throws ConfigError, DataError naming file, line and column of what is missing, no number or not the same on both sides */
export async function readSeries(files: SeriesFiles, warn: (message: string) => void): Promise<ForecastSeries[]> {
  const reading = new Reading({ warn });
  const format = { header: usualCsv.header, delimiter: usualCsv.delimiter, missingValues: usualCsv.missingValues };
  const tables: Table[] = [];
  const open = async (path: string) => {
    const table = await openTable(path, format, reading);
    tables.push(table);
    return table;
  };
  try {
    const [truths, predictions] = [await open(files.truths), await open(files.predictions)];
    const columns = columnsOf(files, truths, predictions);
    const keys = truths.columns.filter((name) => predictions.columns.includes(name) && !columns.values.has(name));
    const expected = await stepsOf(truths, [columns.truth], keys, files.series);
    const found = await stepsOf(predictions, columns.forecasts, keys, files.series);
    if (expected.places.length === 0) throw new DataError(`${truths.file} has no rows`, 'give a row for each step');
    requireSame(expected, found);
    const history = files.history === undefined ? undefined : await open(files.history);
    const past = history && (await stepsOf(history, [columns.truth], [], files.series));
    return seriesOf(columns, expected, found, past);
  } finally {
    for (const table of tables) await table.close();
  }
}

interface SeriesColumns {
  readonly truth: string;
  readonly prediction: string | undefined;
  readonly quantiles: Readonly<Record<string, string>>;
  /** Columns of the predictions that are read. */
  readonly forecasts: readonly string[];
  /** All that hold numbers that are scored. */
  readonly values: ReadonlySet<string>;
}

function columnsOf(files: SeriesFiles, truths: Table, predictions: Table): SeriesColumns {
  const { series, quantiles } = files;
  const named = Object.values(quantiles);
  const truth = files.truth ?? onlyOf('--truth', truths, predictions, series === undefined ? [] : [series])!;
  const others = [...(series === undefined ? [] : [series]), ...named];
  const isThere = files.prediction === undefined && predictions.columns.includes(truth);
  const hasOther = predictions.columns.some((name) => !truths.columns.includes(name) && !others.includes(name));
  const guess = isThere && !hasOther ? truth : onlyOf('--prediction', predictions, truths, others, named.length > 0);
  const prediction = files.prediction ?? guess;
  const forecasts = [...(prediction === undefined ? [] : [prediction]), ...named];
  return { truth, prediction, quantiles, forecasts, values: new Set([truth, ...forecasts]) };
}

/** The only column that is not elsewhere, or the only one that there is. */
function onlyOf(
  flag: string,
  table: Table,
  other: Table,
  taken: readonly string[],
  mayLack = false,
): string | undefined {
  const free = table.columns.filter((name) => !taken.includes(name));
  const own = free.filter((name) => !other.columns.includes(name));
  if (free.length === 1) return free[0];
  if (own.length === 1) return own[0];
  if (own.length === 0 && mayLack) return undefined;
  const choice = (own.length > 0 ? own : free).slice(0, 10).join(', ');
  throw new ConfigError(`${table.file}: any of its columns ${choice} may hold the numbers`, `name one with ${flag}`);
}

async function stepsOf(
  table: Table,
  values: readonly string[],
  keys: readonly string[],
  series: string | undefined,
): Promise<Steps> {
  const names = [...(series === undefined ? [] : [series]), ...values, ...keys];
  requireColumns(table, names, 'a column is not there');
  const steps = {
    file: table.file,
    unit: table.unit,
    places: [] as number[],
    series: [] as string[],
    numbers: new Map(values.map((name) => [name, [] as number[]])),
    keys: new Map(keys.map((name) => [name, [] as string[]])),
  };
  const number = (cell: Cell, name: string, place: number): number => {
    const value = cell === null ? undefined : table.numberIn(cell);
    if (value !== undefined && Number.isFinite(value)) return value;
    const what = cell === null ? 'nothing' : JSON.stringify(textOf(cell));
    throw new DataError(`${table.file}, ${table.unit} ${place}: ${name} holds ${what}, no number`, 'correct it');
  };
  await table.read(names, (cells, place) => {
    let at = 0;
    const text = () => {
      const cell = cells[at++];
      return cell === null ? '' : textOf(cell);
    };
    steps.places.push(place);
    steps.series.push(series === undefined ? '' : text());
    for (const [name, list] of steps.numbers) list.push(number(cells[at++], name, place));
    for (const list of steps.keys.values()) list.push(text());
  });
  return steps;
}

/** Rows belong together by their place, and columns that both files have say whether they do. */
function requireSame(truths: Steps, predictions: Steps): void {
  const [rows, others] = [truths.places.length, predictions.places.length];
  if (rows !== others) {
    throw new DataError(
      `${truths.file} has ${plural(rows, 'row')}, and ${predictions.file} has ${others}`,
      'give a row of predictions for each row of truths, in the same order',
    );
  }
  const unlike = (name: string, own: readonly string[], other: readonly string[]) => {
    const at = own.findIndex((text, i) => text !== other[i] && !(text !== '' && Number(text) === Number(other[i])));
    if (at < 0) return;
    throw new DataError(
      `${truths.file}, ${truths.unit} ${truths.places[at]}: ${name} is ${own[at]}, and ${other[at]} in ${predictions.unit} ${predictions.places[at]} of ${predictions.file}`,
      'sort both files alike; a column that means something else in each needs another name in one of them',
    );
  };
  unlike('the series', truths.series, predictions.series);
  for (const [name, texts] of truths.keys) unlike(name, texts, predictions.keys.get(name)!);
}

function seriesOf(columns: SeriesColumns, truths: Steps, found: Steps, past: Steps | undefined): ForecastSeries[] {
  const rows = rowsBySeries(truths);
  const pastRows = past && rowsBySeries(past);
  const pick = (steps: Steps, column: string, places: readonly number[]) => {
    const numbers = steps.numbers.get(column)!;
    return Float64Array.from(places, (place) => numbers[place]);
  };
  return [...rows].map(([name, places]) => {
    const before = pastRows?.get(name);
    if (past && !before) throw new DataError(`${past.file} has no rows of series ${name}`, 'add its history');
    const { prediction } = columns;
    const quantiles = Object.entries(columns.quantiles).map(([q, column]) => [q, pick(found, column, places)]);
    return {
      name: name === '' ? 'of all rows' : name,
      truths: pick(truths, columns.truth, places),
      ...(prediction !== undefined && { predictions: pick(found, prediction, places) }),
      quantiles: Object.fromEntries(quantiles) as Record<string, Float64Array>,
      ...(past && before && { history: pick(past, columns.truth, before) }),
    };
  });
}

function rowsBySeries({ series }: Steps): Map<string, number[]> {
  const rows = new Map<string, number[]>();
  for (const [row, name] of series.entries()) {
    const known = rows.get(name);
    if (known) known.push(row);
    else rows.set(name, [row]);
  }
  return rows;
}
