/** What `lockstep explain` found, as a report: which inputs a model relies on, or why it says what it says of examples. */
import type { Importance } from '../evaluate/permutation-importance.js';
import { plural } from '../ground/units.js';
import type { ReportDocument } from './document.js';
import type { EvaluationReport, ExplainedExample } from './evaluation-report.js';
import { explanationBlocks } from './explanation-blocks.js';
import { importanceBlocks, looksBlock } from './report-parts.js';
import { examplesText, valueText } from './report-text.js';

/** Examples in a report: a page of hundreds is read by nobody. */
export const mostInReport = 24;

export interface ImportanceFound
  extends Pick<EvaluationReport, 'model' | 'split' | 'data' | 'examples' | 'metrics' | 'looks'> {
  readonly repeats: number;
  readonly importance: readonly Importance[];
}

export function importanceDocument(found: ImportanceFound): ReportDocument {
  const { model, split, data, examples, metrics, repeats, importance, looks } = found;
  const entries = Object.entries(metrics).map(([name, value]) => [name, valueText(value)] as const);
  return {
    title: `What ${model} goes by`,
    lead: [`${examplesText(examples, split)}, each input shuffled ${plural(repeats, 'time')}`, data],
    sections: [
      { title: 'What the model goes by', blocks: importanceBlocks(importance) },
      { title: 'As it is', blocks: [{ kind: 'facts', entries }] },
      ...(looks ? [{ title: 'Looks', blocks: [looksBlock(looks)] }] : []),
    ],
  };
}

/** @param left examples that are not shown */
export const explanationDocument = (
  { model, method, baseline }: { readonly model: string; readonly method: string; readonly baseline: string },
  examples: readonly ExplainedExample[],
  left: number,
): ReportDocument => ({
  title: `Explanation of ${model}`,
  lead: [
    `${method}, compared with ${baseline}`,
    ...(left > 0 ? [`The first ${examples.length} examples; ${left} more are left out.`] : []),
  ],
  sections: [{ title: 'What speaks for each answer', blocks: explanationBlocks(examples) }],
});
