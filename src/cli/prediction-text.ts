/** Predictions as lines: columns for people, CSV for tables, JSON for programs. */
import type { Prediction, Predictions } from '../../coordinator/inference/predict.js';
import { printable } from '../config/printable.js';
import { jsonLine } from '../report/json.js';
import { number } from '../report/text.js';

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

/** @param top classes of each line; by default one, and in CSV a column for each class besides */
export function predictionLines(format: PredictionFormat, about: Subject, top?: number): PredictionLines {
  if (format === 'json') return { header: '', line: (prediction) => jsonLine(jsonOf(about, prediction)) };
  return format === 'csv' ? csvLines(about, top) : plainLines(about);
}

function jsonOf({ names, measure, kept = [] }: Subject, { row, name, classes, values, ...own }: Prediction): object {
  const columns = own.kept && { columns: Object.fromEntries(kept.map((column, i) => [column, own.kept![i]])) };
  const input = { row, ...(name !== undefined && { file: name }), ...columns };
  if (values) return { ...input, values: Object.fromEntries(values.map((value, i) => [names[i], value])) };
  const [first, ...others] = classes!.map((entry) => ({ class: entry.name, [measure!]: entry.score }));
  return others.length > 0 ? { ...input, ...first, top: [first, ...others] } : { ...input, ...first };
}

function csvLines(
  { kind, names, measure, inputs, kept: columns = [] }: Subject,
  top: number | undefined,
): PredictionLines {
  const suffix = (i: number) => (i === 0 ? '' : String(i + 1));
  const shown = Math.min(top ?? 1, names.length);
  const ranked = Array.from({ length: shown }, (_, i) => [`class${suffix(i)}`, `${measure}${suffix(i)}`]).flat();
  const each = top === undefined ? names.map((name) => `${measure}_${name}`) : [];
  const scores = (classes: NonNullable<Prediction['classes']>) => {
    const byName = new Map(classes.map((entry) => [entry.name, entry.score]));
    return [
      ...classes.slice(0, shown).flatMap((entry) => [entry.name, entry.score]),
      ...(top === undefined ? names.map((name) => byName.get(name)!) : []),
    ];
  };
  const csv = (values: readonly (string | number)[]) => `${values.map(cell).join(',')}\n`;
  return {
    header: csv([
      inputs === 'files' ? 'file' : 'row',
      ...columns,
      ...(kind === 'numbers' ? names : [...ranked, ...each]),
    ]),
    line: ({ row, name, classes, values, kept = [] }) => csv([name ?? row, ...kept, ...(values ?? scores(classes!))]),
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
  Math.abs(value) >= 100_000 && Math.abs(value) < 1e15 ? value.toFixed(1) : number(value);

/** Columns as wide as what is known to come, and names as wide as the widest so far. */
function plainLines({ kind, names: given, kept: columns = [] }: Subject): PredictionLines {
  const names = given.map((name) => printable(name));
  const classWidth = Math.max(...names.map((name) => name.length));
  let nameWidth = 0;
  const line = ({ row, name, classes, values, kept = [] }: Prediction): string => {
    const label = printable(name ?? String(row));
    nameWidth = Math.max(nameWidth, label.length);
    const cells =
      kind === 'numbers'
        ? values!.map((value, i) => (names.length > 1 ? `${names[i]} ${amount(value)}` : amount(value)))
        : classes!.map((entry) => `${printable(entry.name).padEnd(classWidth)}  ${number(entry.score)}`);
    return `${[label.padEnd(nameWidth), ...kept.map((text, i) => printable(`${columns[i]} ${text}`)), ...cells].join('  ').trimEnd()}\n`;
  };
  return { header: '', line };
}
