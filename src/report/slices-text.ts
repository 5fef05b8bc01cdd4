/** Slices for people: a line for each, the worst first, and how far they are apart. */
import type { SliceGap, Slices } from '../evaluate/slices.js';
import { grouped, metricText, numberText, percent } from '../ground/units.js';
import { cutMiddle, tableLines } from './aligned.js';

/** Numbers with their intervals that fit beside each other on a screen. */
const beside = 2;
const indent = 2;
/** Columns that a name has at least. */
const leastName = 16;

/** Lines, each with its end. @param columns of the terminal: longer names are cut */
export function slicesText({ column, by, edges, confidence, groups, gaps }: Slices, columns: number): string {
  const names = Object.keys(groups[0]?.metrics ?? {});
  // What they are in order by comes first, and the loss last.
  const [loss, ...others] = names;
  const ordered = [by, ...others.filter((name) => name !== by), ...(by === loss ? [] : [loss])];
  const tables = Array.from({ length: Math.ceil(ordered.length / beside) }, (_, i) =>
    tableOf(groups, ordered.slice(i * beside, (i + 1) * beside), columns),
  );
  const bins = Object.entries(edges).map(
    ([name, values]) => `  bins of ${name} begin or end at ${values.map((value) => numberText(value)).join(', ')}\n`,
  );
  const short = (value: string) => cutMiddle(value, Math.max(leastName, Math.floor(columns / 4)));
  const said = groups.map(({ value, note, notes = {} }) => ({
    value: short(value),
    notes: [...(note ? [note] : []), ...Object.entries(notes).map(([name, why]) => `${name} is no number: ${why}`)],
  }));
  const notes = [...new Set(said.flatMap((each) => each.notes))].map((note) => {
    const values = said.filter((each) => each.notes.includes(note)).map(({ value }) => value);
    return `  ${values.join('; ')}: ${note}\n`;
  });
  const apart = gaps.toSorted((a, b) => ordered.indexOf(a.metric) - ordered.indexOf(b.metric));
  return [
    `\nslices by ${column}, the worst ${by} first, with ${percent(confidence)} intervals\n`,
    tables.join('\n'),
    ...bins,
    ...notes,
    ...apart.map((gap) => gapText({ ...gap, least: short(gap.least), most: short(gap.most) })),
  ].join('');
}

function tableOf(groups: Slices['groups'], names: readonly string[], columns: number): string {
  const header = ['', 'examples', ...names.flatMap((name) => [name, ''])];
  const rows = groups.map(({ value, examples, metrics, intervals }) => [
    value,
    grouped(examples),
    ...names.flatMap((name) => {
      const interval = intervals[name];
      const range = interval ? `${metricText(interval.low)} to ${metricText(interval.high)}` : '';
      return [metricText(metrics[name]), range];
    }),
  ]);
  return tableLines([header, ...rows], columns - indent)
    .map((line) => `  ${line.trimEnd()}\n`)
    .join('');
}

function gapText({ metric, gap, low, high, byChance, least, most }: SliceGap): string {
  const sure = Number.isNaN(low)
    ? ''
    : ` (${metricText(low)} to ${metricText(high)}); chance alone gives up to ${metricText(byChance)}`;
  return `  gap of ${metric}: ${metricText(gap)} from ${least} to ${most}${sure}\n`;
}
