/** Importance as text: a line for each input, those that the loss misses most first. */
import type { ImportanceResult } from '../coordinator/inference/importance.js';
import { printable } from '../src/ground/printable.js';
import { grouped, metricText } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { looksText } from '../src/report/looks.js';

type Found = Pick<ImportanceResult, 'metrics' | 'importance'>;

/** @param top how many inputs are shown */
export function importanceText(result: ImportanceResult, top: number): string {
  const { model, split, data, examples, repeats, looks } = result;
  const about = [
    ['model', model],
    ['data', data],
    ['examples', split === null ? `all ${grouped(examples)}` : `${grouped(examples)} ${split}`],
    ['repeats', String(repeats)],
    ...(looks && looks.count > 0 ? [['looks', looksText(looks)]] : []),
  ];
  const heads = about.map(([title, value]) => [title, printable(value)]);
  return [...tableLines(heads, 2).map((line) => `${line.trimEnd()}\n`), '\n', importanceTable(result, top)].join('');
}

/** A line for each input. */
export function importanceTable({ metrics, importance }: Found, top: number): string {
  const names = [...new Set(importance.map(({ metric }) => metric))];
  const found = new Map(importance.map((each) => [`${each.input}\n${each.metric}`, each]));
  const of = (input: string, metric: string) => found.get(`${input}\n${metric}`)!;
  const inputs = [...new Set(importance.map(({ input }) => input))];
  const sorted = inputs.toSorted((a, b) => of(b, names[0]).value - of(a, names[0]).value);
  const cell = (input: string, metric: string) => {
    const { value, low, high } = of(input, metric);
    return `${metricText(value)} (${metricText(low)} to ${metricText(high)})`;
  };
  const rows = [
    ['worse without', ...names],
    ...sorted.slice(0, top).map((input) => [printable(input), ...names.map((metric) => cell(input, metric))]),
    ['as it is', ...names.map((metric) => metricText(metrics[metric]))],
  ];
  const left = inputs.length - top;
  return [
    ...tableLines(rows),
    ...(left > 0 ? [`and ${left} inputs that the loss misses less (--top, --json)`] : []),
    '',
  ].join('\n');
}
