/** Predictions as lines: columns for people, CSV for tables, JSON for programs. */
import type { PredictedTarget, PredictedValue, Prediction, Predictions } from '../coordinator/inference/predict.js';
import { printable } from '../src/ground/printable.js';
import { metricText } from '../src/ground/units.js';
import { cutMiddle, displayWidth, padEnd } from '../src/report/aligned.js';
import { jsonLine } from '../src/report/json.js';

export type PredictionFormat = 'plain' | 'csv' | 'json';

/** The lines of one format. */
export interface PredictionLines {
  /** Before the first prediction. */
  readonly header: string;
  line(prediction: Prediction): string;
}

/** What lines are about. */
interface Subject extends Predictions {
  /** Names of the columns of the table that are repeated. */
  readonly kept?: readonly string[];
}

/**
 * @param top classes of each line; by default one, and in CSV a column for each class besides
 * @param columns of the terminal: longer names of classes are cut in lines for people
 */
export function predictionLines(
  format: PredictionFormat,
  about: Subject,
  top?: number,
  columns = Number.POSITIVE_INFINITY,
): PredictionLines {
  if (format === 'json') return { header: '', line: (prediction) => jsonLine(jsonOf(about, prediction)) };
  return format === 'csv' ? csvLines(about, top) : plainLines(about, columns);
}

function jsonOf({ targets, kept = [] }: Subject, { row, name, kept: own, ...prediction }: Prediction): object {
  const columns = own && { columns: Object.fromEntries(kept.map((column, i) => [column, own[i]])) };
  const input = { row, ...(name !== undefined && { file: name }), ...columns };
  if (!prediction.targets) return { ...input, ...jsonOfTarget(targets[0], prediction) };
  const parts = Object.entries(prediction.targets).map(([target, value], i) => [
    target,
    jsonOfTarget(targets[i], value),
  ]);
  return { ...input, targets: Object.fromEntries(parts) };
}

function jsonOfTarget({ names, measure }: PredictedTarget, { file, classes, values, places }: PredictedValue): object {
  if (file !== undefined) return { image: file };
  if (places) return { places };
  if (values) {
    // Places that do not count are left out.
    const shown = values.flatMap((value, i) => (value === null ? [] : [[names[i], value] as const]));
    return { values: Object.fromEntries(shown) };
  }
  const [first, ...others] = classes!.map((entry) => ({ class: entry.name, [measure!]: entry.score }));
  return others.length > 0 ? { ...first, top: [first, ...others] } : first;
}

/** What is predicted of each target, in their order. */
const valuesOf = ({ targets, file, classes, values, places }: Prediction): PredictedValue[] =>
  targets ? Object.values(targets) : [{ file, classes, values, places }];

/** What to call one of several numbers of a target: by the target's name alone where it is the only one. */
const nameOfNumber = ({ target, names }: PredictedTarget, i: number): string =>
  target === undefined ? names[i] : names.length === 1 ? target : `${target}_${names[i]}`;

/** A place that does not count has no class. */
const placeText = (place: string | null): string => place ?? '-';

/** The columns of a target, and what they hold. */
interface PredictionColumns {
  readonly header: readonly string[];
  cells(value: PredictedValue): readonly (string | number)[];
}

function targetColumns(about: PredictedTarget, top: number | undefined): PredictionColumns {
  const { kind, names, measure, target, isWritten } = about;
  if (isWritten) return { header: [target === undefined ? 'image' : `${target}_image`], cells: ({ file }) => [file!] };
  if (kind === 'numbers')
    return {
      header: names.map((_, i) => nameOfNumber(about, i)),
      cells: ({ values }) => values!.map((value) => value ?? ''),
    };
  const prefix = target === undefined ? '' : `${target}_`;
  if (kind === 'places')
    return { header: [`${prefix}places`], cells: ({ places }) => [places!.map(placeText).join(' ')] };
  const suffix = (i: number) => (i === 0 ? '' : String(i + 1));
  const shown = Math.min(top ?? 1, names.length);
  const ranked = Array.from({ length: shown }, (_, i) => [`class${suffix(i)}`, `${measure}${suffix(i)}`]).flat();
  const each = top === undefined ? names.map((name) => `${measure}_${name}`) : [];
  return {
    header: [...ranked, ...each].map((name) => `${prefix}${name}`),
    cells: ({ classes = [] }) => {
      const byName = new Map(classes.map((entry) => [entry.name, entry.score]));
      return [
        ...classes.slice(0, shown).flatMap((entry) => [entry.name, entry.score]),
        ...(top === undefined ? names.map((name) => byName.get(name)!) : []),
      ];
    },
  };
}

function csvLines({ targets, inputs, kept: columns = [] }: Subject, top: number | undefined): PredictionLines {
  const parts = targets.map((target) => targetColumns(target, top));
  const csv = (values: readonly (string | number)[]) => `${values.map(cell).join(',')}\n`;
  // What is repeated keeps its name, and a reader of the file finds each column by one.
  const unlessKept = (name: string, other: string) => (columns.includes(name) ? other : name);
  const first = inputs === 'files' ? 'file' : 'row';
  const predicted = parts.flatMap(({ header }) => header).map((name) => unlessKept(name, `predicted_${name}`));
  return {
    header: csv([unlessKept(first, `input_${first}`), ...columns, ...predicted]),
    line: (prediction) => {
      const { row, name, kept = [] } = prediction;
      const cells = valuesOf(prediction).flatMap((value, i) => parts[i].cells(value));
      return csv([name ?? row, ...kept, ...cells]);
    },
  };
}

const decimalNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * A cell by RFC 4180. Spreadsheets compute a text that begins like a formula: it gets an apostrophe in front (OWASP, "CSV
 * injection"), unless it is a number. Control characters but ends of lines and tabs are escaped.
 */
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const isFormula = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(value) && !decimalNumber.test(value);
  return quoted(printable(isFormula ? `'${value}` : value, '\t\r\n'));
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Of a large number, such as a time, every whole one counts. */
const amount = (value: number): string =>
  Math.abs(value) >= 100_000 && Math.abs(value) < 1e15 ? value.toFixed(1) : metricText(value);

/** Columns as wide as what is known to come, and names as wide as the widest so far. */
function plainLines({ targets, kept: columns = [] }: Subject, width: number): PredictionLines {
  const parts = targets.map((target) => plainCells(target, Math.floor(width / 3)));
  let nameWidth = 0;
  const line = (prediction: Prediction): string => {
    const { row, name, kept = [] } = prediction;
    const label = printable(name ?? String(row));
    nameWidth = Math.max(nameWidth, displayWidth(label));
    const cells = valuesOf(prediction).flatMap((value, i) => parts[i](value));
    return `${[padEnd(label, nameWidth), ...kept.map((text, i) => printable(`${columns[i]} ${text}`)), ...cells].join('  ').trimEnd()}\n`;
  };
  return { header: '', line };
}

/** @param most columns of a class's name */
function plainCells(about: PredictedTarget, most: number): (value: PredictedValue) => string[] {
  const { kind, names: given, target, isWritten } = about;
  if (isWritten) return ({ file }) => [printable(target === undefined ? file! : `${target} ${file}`)];
  if (kind === 'numbers') {
    const names = given.map((_, i) => printable(nameOfNumber(about, i)));
    const isBare = target === undefined && names.length === 1;
    return ({ values }) =>
      values!.flatMap((value, i) => (value === null ? [] : [isBare ? amount(value) : `${names[i]} ${amount(value)}`]));
  }
  const short = (name: string) => cutMiddle(printable(name), most);
  const width = Math.max(...given.map((name) => displayWidth(short(name))));
  const prefix = target === undefined ? '' : `${printable(target)} `;
  if (kind === 'places')
    return ({ places }) => [`${prefix}${places!.map((place) => printable(placeText(place))).join(' ')}`];
  return ({ classes }) =>
    classes!.map((entry) => `${prefix}${padEnd(short(entry.name), width)}  ${metricText(entry.score)}`);
}
