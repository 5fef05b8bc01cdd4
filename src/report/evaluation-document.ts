/** The report of an evaluation, section by section: a section stands where its data are given. */
import { metricText, percent } from '../ground/units.js';
import { calibrationBlocks } from './calibration-blocks.js';
import type { Block, ReportDocument, Section, TableHead } from './document.js';
import type { EvaluationReport, Finding } from './evaluation-report.js';
import { explanationBlocks } from './explanation-blocks.js';
import { figureBlocks } from './figure-blocks.js';
import { markdownPage } from './markdown-page.js';
import { htmlPage } from './page.js';
import { cardBlocks, repetitionBlocks } from './report-origin.js';
import {
  galleryBlocks,
  importanceBlocks,
  learningCurveBlocks,
  looksBlock,
  sliceBlocks,
  trainingBlocks,
} from './report-parts.js';
import { examplesText, intervalText, valueText } from './report-text.js';
import { residualBlocks } from './residual-blocks.js';

/** The report as one page of HTML that needs nothing else: no script, no network. */
export const reportHtml = (report: EvaluationReport): Promise<string> => htmlPage(evaluationDocument(report));

/** The report as Markdown: the numbers of its charts are tables. */
export const reportMarkdown = (report: EvaluationReport): string => markdownPage(evaluationDocument(report));

export function evaluationDocument(report: EvaluationReport): ReportDocument {
  const { model, split, data, examples, warnings = [], diagnosis, looks, figures = {} } = report;
  const {
    confidence = 0.95,
    card,
    training,
    learningCurve,
    slices,
    residuals,
    calibration,
    gallery,
    importance,
    explanations = [],
    repeat,
  } = report;
  const section = (title: string, blocks: readonly Block[] = []): Section[] =>
    blocks.length > 0 ? [{ title, blocks }] : [];
  return {
    title: `Evaluation of ${model}`,
    lead: [`${examplesText(examples, split)}: ${headline(report)}`, data],
    sections: [
      ...(warnings.length > 0
        ? [{ title: 'Before you believe it', isWarning: true, blocks: [{ kind: 'list' as const, items: warnings }] }]
        : []),
      ...section('Metrics', metricBlocks(report)),
      ...section('Diagnosis', diagnosis && diagnosisBlocks(diagnosis)),
      ...section('Training', training && trainingBlocks(training)),
      ...section('Size of the training set', learningCurve && learningCurveBlocks(learningCurve)),
      ...section('Curves and tables', figureBlocks(figures)),
      ...section('Residuals', residuals?.flatMap(residualBlocks)),
      ...section('Slices', slices?.flatMap(sliceBlocks)),
      ...section(
        'Thresholds and calibration',
        calibration?.flatMap((one) => calibrationBlocks(one, confidence)),
      ),
      ...section('Examples to look at', gallery?.flatMap(galleryBlocks)),
      ...section('What the model goes by', [
        ...(importance ? importanceBlocks(importance) : []),
        ...explanationBlocks(explanations),
      ]),
      ...section('Looks', looks && [looksBlock(looks)]),
      ...section('Data', card && cardBlocks(card)),
      ...section('How to repeat it', repeat && repetitionBlocks(repeat)),
    ],
  };
}

/** The first metrics in one line. */
function headline({ metrics }: EvaluationReport): string {
  const some = Object.entries(metrics).slice(0, 4);
  return some.map(([name, value]) => `${name} ${valueText(value)}`).join(', ');
}

const methods = { wilson: 'Wilson', bootstrap: 'bootstrap' } as const;

function metricBlocks({
  metrics,
  intervals = {},
  notes = {},
  confidence = 0.95,
  detectable = {},
}: EvaluationReport): Block[] {
  const names = Object.keys(metrics);
  const has = (found: Readonly<Record<string, unknown>>) => names.some((name) => found[name] !== undefined);
  const column = (isShown: boolean, head: TableHead, cell: (name: string) => string) =>
    isShown ? [{ head, cell }] : [];
  const columns = [
    ...column(true, { name: 'metric', isText: true }, (name) => name),
    ...column(true, { name: 'value' }, (name) => valueText(metrics[name])),
    ...column(
      has(intervals),
      { name: `${percent(confidence)} interval`, about: 'where the true value lies, with this confidence' },
      (name) => intervalText(intervals[name]),
    ),
    ...column(has(intervals), { name: 'standard error' }, (name) =>
      intervals[name] ? metricText(intervals[name].standardError) : '',
    ),
    ...column(
      has(detectable),
      { name: 'smallest difference', about: 'of two models that this many examples can show' },
      (name) => (detectable[name] === undefined ? '' : metricText(detectable[name])),
    ),
    ...column(has(intervals), { name: 'by', isText: true }, (name) =>
      intervals[name] ? methods[intervals[name].method] : '',
    ),
    ...column(has(notes), { name: 'note', isText: true }, (name) => notes[name] ?? ''),
  ];
  return [
    {
      kind: 'table',
      head: columns.map(({ head }) => head),
      rows: names.map((name) => columns.map(({ cell }) => cell(name))),
    },
  ];
}

const diagnosisBlocks = (findings: readonly Finding[]): Block[] =>
  findings.length > 0
    ? findings.flatMap(findingBlocks)
    : [{ kind: 'text', text: 'Nothing was found that is wrong with the run.' }];

const findingBlocks = ({ title, text, remedies }: Finding): Block[] => [
  { kind: 'heading', text: title },
  { kind: 'text', text },
  ...(remedies.length > 0 ? [{ kind: 'list' as const, items: remedies }] : []),
];
