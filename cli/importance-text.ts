/** Importance as text: a line for each input, those that the loss misses most first. */
import type { ImportanceResult } from '../coordinator/inference/importance.js';
import { printable } from '../src/ground/printable.js';
import { metricText, plural } from '../src/ground/units.js';
import { displayWidth, tableLines } from '../src/report/aligned.js';
import { looksText } from '../src/report/looks.js';
import { countText } from '../src/report/report-text.js';

type FoundImportance = Pick<ImportanceResult, 'metrics' | 'importance'>;

/**
 * @param top how many inputs are shown
 * @param columns of the terminal: metrics that do not fit beside each other stand one below the other
 */
export function importanceText(result: ImportanceResult, top: number, columns = Number.POSITIVE_INFINITY): string {
  const { model, split, data, examples, repeats, looks } = result;
  const about = [
    ['model', model],
    ['data', data],
    ['examples', countText(examples, split)],
    ['repeats', String(repeats)],
    ...(looks && looks.count > 0 ? [['looks', looksText(looks)]] : []),
  ];
  const heads = about.map(([title, value]) => [title, printable(value)]);
  return [
    ...tableLines(heads, columns, { left: 2, names: [0] }).map((line) => `${line.trimEnd()}\n`),
    '\n',
    importanceTable(result, top, columns),
  ].join('');
}

/** A line for each input. @param columns as of `importanceText` */
export function importanceTable(
  { metrics, importance }: FoundImportance,
  top: number,
  columns = Number.POSITIVE_INFINITY,
): string {
  const names = [...new Set(importance.map(({ metric }) => metric))];
  const found = new Map(importance.map((each) => [`${each.input}\n${each.metric}`, each]));
  const of = (input: string, metric: string) => found.get(`${input}\n${metric}`)!;
  const inputs = [...new Set(importance.map(({ input }) => input))];
  const sorted = inputs.toSorted((a, b) => of(b, names[0]).value - of(a, names[0]).value);
  const cell = (input: string, metric: string) => {
    const { value, low, high } = of(input, metric);
    return `${metricText(value)} (${metricText(low)} to ${metricText(high)})`;
  };
  const shown = sorted.slice(0, top);
  const tableOf = (some: readonly string[]) => [
    ['worse without', ...some],
    ...shown.map((input) => [printable(input), ...some.map((metric) => cell(input, metric))]),
    ['as it is', ...some.map((metric) => metricText(metrics[metric]))],
  ];
  const tables = beside(names, columns, (some) => tableLines(tableOf(some), columns));
  const left = inputs.length - top;
  return [
    ...tables.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines])),
    ...(left > 0 ? [`and ${plural(left, 'input')} that the loss misses less (--top, --json)`] : []),
    '',
  ].join('\n');
}

/** Tables of as many of the metrics as fit beside each other. */
function beside(names: readonly string[], columns: number, linesOf: (some: readonly string[]) => string[]): string[][] {
  const tables: string[][] = [];
  for (let start = 0; start < names.length; ) {
    let end = names.length;
    while (end > start + 1 && linesOf(names.slice(start, end)).some((line) => displayWidth(line) > columns)) end--;
    tables.push(linesOf(names.slice(start, end)));
    start = end;
  }
  return tables;
}
