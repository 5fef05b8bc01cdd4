/** What `lockstep compare` found: the words for a difference, and all of it as a report. */
import type { Verdict } from '../evaluate/differences.js';
import { metricText, percent, plural } from '../ground/units.js';
import type { Block, ReportDocument } from './document.js';
import { examplesText } from './report-text.js';

export interface ComparisonFound {
  readonly baseline: string;
  readonly split: string | null;
  readonly data: string;
  readonly examples: number;
  readonly confidence: number;
  readonly resamples: number;
  readonly models: readonly { readonly model: string; readonly differences: readonly Verdict[] }[];
}

/** The names of the cells of a difference. */
export const differenceHead = (confidence: number): string[] => [
  ...['', 'baseline', 'this', 'difference', `${percent(confidence)} interval`, 'p'],
];

export function differenceCells({ metric, baseline, value, difference, interval, corrected }: Verdict): string[] {
  const range = interval ? `${signed(interval.low)} to ${signed(interval.high)}` : '';
  return [metric, metricText(baseline), metricText(value), signed(difference), range, pText(corrected)];
}

const signed = (value: number): string => (value > 0 ? `+${metricText(value)}` : metricText(value));
const pText = (p: number): string => (Number.isNaN(p) ? '' : p < 0.001 ? p.toExponential(0) : p.toFixed(3));

export function differenceInWords({ verdict, difference, detectable }: Verdict, examples: number): string {
  if (verdict !== 'no difference shown') return verdict;
  if (difference === 0 && detectable === 0) return 'no difference';
  if (detectable === undefined) return verdict;
  return `${verdict}: with ${plural(examples, 'example')} none below ${metricText(detectable)} can be`;
}

/** How the differences were found, in a sentence. */
export function comparisonMethod({ models, confidence, resamples }: ComparisonFound): string {
  const differences = models.flatMap((model) => model.differences);
  const count = differences.filter(({ p }) => !Number.isNaN(p)).length;
  const isExact = differences.some(({ test }) => test === 'mcnemar');
  return (
    `differences with their ${percent(confidence)} intervals, by a paired bootstrap of ${plural(resamples, 'resample')}; p is corrected ` +
    `for ${plural(count, 'comparison')} (Holm)${isExact ? ", and by McNemar's exact test where examples are right or wrong" : ''}`
  );
}

export const comparisonDocument = (found: ComparisonFound): ReportDocument => ({
  title: `Comparison with ${found.baseline}`,
  lead: [examplesText(found.examples, found.split), found.data, comparisonMethod(found)],
  sections: found.models.map(({ model, differences }) => ({
    title: model,
    blocks: differenceBlocks(differences, found),
  })),
});

function differenceBlocks(differences: readonly Verdict[], { examples, confidence }: ComparisonFound): Block[] {
  const [, ...names] = differenceHead(confidence);
  return [
    {
      kind: 'table',
      head: [{ name: 'metric', isText: true }, ...names.map((name) => ({ name })), { name: 'in words', isText: true }],
      rows: differences.map((each) => [...differenceCells(each), differenceInWords(each, examples)]),
    },
  ];
}
