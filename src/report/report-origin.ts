/** Where the numbers of a report come from: the data, and how to come to them again. */
import { grouped, numberText } from '../ground/units.js';
import type { Block, TableBlock } from './document.js';
import type { DataCard, Repetition, TargetCard } from './evaluation-report.js';
import { nameText } from './report-text.js';

/** Classes that are shown in whole; of more, the most frequent and the rarest. */
const most = 30;

export const cardBlocks = ({ sha256, splits, targets }: DataCard): Block[] => [
  {
    kind: 'table',
    head: [{ name: 'split', isText: true }, { name: 'examples' }],
    rows: splits.map(({ split, examples, sealed }) => [sealed ? `${split}, sealed` : split, grouped(examples)]),
  },
  ...targets.flatMap((target) =>
    targetBlocks(
      target,
      splits.filter(({ sealed }) => !sealed),
    ),
  ),
  { kind: 'facts', entries: [['SHA-256 of all values and of the splits', sha256]] },
];

function targetBlocks({ target, of, classes, numbers, note }: TargetCard, splits: DataCard['splits']): Block[] {
  const names = splits.map(({ split }) => ({ name: split }));
  if (note !== undefined) return [{ kind: 'text', text: `${target}: ${note}.` }];
  if (classes) return [balance(target, of, classes, splits)];
  const spread = (numbers ?? []).map((one) =>
    one
      ? [one.mean, one.standardDeviation, one.least, one.most].map((value) => numberText(value, 5))
      : ['', '', '', ''],
  );
  return [
    {
      kind: 'table',
      caption: `${target}: numbers of ${of}`,
      head: [{ name: '', isText: true }, ...names],
      rows: ['mean', 'standard deviation', 'least', 'most'].map((name, i) => [
        name,
        ...spread.map((values) => values[i]),
      ]),
    },
  ];
}

function balance(
  target: string,
  of: string,
  { names, counts }: NonNullable<TargetCard['classes']>,
  splits: DataCard['splits'],
): TableBlock {
  const totals = counts.map((each) => each.reduce((sum, count) => sum + count, 0));
  const size = names.map((_, i) => counts.reduce((sum, each) => sum + each[i], 0));
  const order = names.map((_, i) => i);
  const sorted = order.toSorted((a, b) => size[b] - size[a]);
  const isCut = names.length > most;
  const kept = isCut ? [...sorted.slice(0, most / 2), ...sorted.slice(-most / 2)] : order;
  const cut = isCut
    ? `, the ${most / 2} most frequent and the ${most / 2} rarest of ${grouped(names.length)} classes`
    : '';
  const share = (count: number, total: number) => (total > 0 ? ` (${((100 * count) / total).toFixed(1)} %)` : '');
  return {
    kind: 'table',
    caption: `${target}: ${of} of each class${cut}`,
    head: [{ name: 'class', isText: true }, ...splits.map(({ split }) => ({ name: split }))],
    rows: kept.map((i) => [
      nameText(names[i]),
      ...counts.map((each, split) => `${grouped(each[i])}${share(each[i], totals[split])}`),
    ]),
  };
}

export const repetitionBlocks = ({ commands, note, config, seed, parameters, versions }: Repetition): Block[] => [
  { kind: 'code', text: commands.join('\n') },
  ...(note === undefined ? [] : [{ kind: 'text' as const, text: note }]),
  {
    kind: 'facts',
    entries: [['seed', String(seed)], ['SHA-256 of the parameters', parameters], ...Object.entries(versions)],
  },
  { kind: 'code', title: 'config.yaml', text: config },
];
