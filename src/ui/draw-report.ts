/**
 * A program of its own: writes the page of a report that is kept as JSON, to its standard output. What draws charts takes memory, and a
 * file that somebody else has written may take more than any report: the server that shows it has neither.
 */
import { readFileSync } from 'node:fs';
import { pngUri } from '../data/images/png.js';
import type { Verdict } from '../evaluate/differences.js';
import { grouped, percent } from '../ground/units.js';
import { type ComparisonFound, comparisonDocument } from '../report/comparison-document.js';
import type { ReportDocument, Section } from '../report/document.js';
import { evaluationDocument } from '../report/evaluation-document.js';
import type { EvaluationReport, ExplainedExample } from '../report/evaluation-report.js';
import { explainedExample, type FoundExplanation } from '../report/explained-example.js';
import {
  explanationDocument,
  type ImportanceFound,
  importanceDocument,
  mostInReport,
} from '../report/explanation-document.js';
import { type GateFound, gateDocument } from '../report/gate-document.js';
import { heatMapPng } from '../report/heat-map.js';
import type { LearningCurve } from '../report/learning-curve.js';
import { htmlPage } from '../report/page.js';
import { learningCurveBlocks } from '../report/report-parts.js';
import { parseReport, type ScaleReport } from '../scale/record.js';
import { scaleDocument } from '../scale/scale-document.js';
import { withNumbers } from './worded-numbers.js';

type PictureInput = FoundExplanation['inputs'][number] & {
  readonly width?: number;
  readonly height?: number;
  readonly attributions?: readonly number[];
};

interface ExplanationLine extends FoundExplanation {
  readonly model: string;
  readonly method: string;
  readonly baseline: string;
  readonly row: number;
  readonly name?: string;
  readonly inputs: readonly PictureInput[];
}

const [file] = process.argv.slice(2);
try {
  process.stdout.write(await htmlPage(await documentOf(readFileSync(file, 'utf8'))));
} catch (error) {
  process.stderr.write(String((error as Error).message));
  process.exitCode = 1;
}

async function documentOf(text: string): Promise<ReportDocument> {
  if (/^\s*\{\s*"event":\s*"explanation"/.test(text)) return explained(text);
  const value = withNumbers(JSON.parse(text)) as Record<string, unknown>;
  if (value.event === 'evaluation') return evaluationDocument(value as unknown as EvaluationReport);
  if (value.event === 'importance') return importanceDocument(value as unknown as ImportanceFound);
  if (value.event === 'comparison') return comparison(value as unknown as ComparisonFound);
  if (value.event === 'check') return gate(value as unknown as GateFound);
  if (value.format === 'lockstep-scale') return measurement(parseReport(file, text));
  return curve(value as unknown as LearningCurve);
}

function comparison({ models, ...found }: ComparisonFound): ReportDocument {
  const numbers = ({ baseline, value, ...rest }: Verdict) => ({
    ...{ ...rest, baseline: Number(baseline), value: Number(value) },
  });
  return comparisonDocument({
    ...found,
    models: models.map(({ model, differences }) => ({ model, differences: differences.map(numbers) })),
  });
}

function gate({ lines, ...found }: GateFound): ReportDocument {
  return gateDocument({ ...found, lines: lines.map(({ value, ...line }) => ({ ...line, value: Number(value) })) });
}

/** A line for each example. */
async function explained(text: string): Promise<ReportDocument> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const shown = lines.slice(0, mostInReport).map((line) => withNumbers(JSON.parse(line)) as ExplanationLine);
  const examples: ExplainedExample[] = [];
  for (const { name, row, value, baselineValue, inputs, ...rest } of shown) {
    const numbers = { value: Number(value), baselineValue: Number(baselineValue) };
    const drawn = await Promise.all(inputs.map(withHeatMap));
    examples.push(explainedExample({ ...rest, ...numbers, inputs: drawn }, name ?? `row ${row}`));
  }
  return explanationDocument(shown[0], examples, lines.length - shown.length);
}

/** The picture itself is not in the file. */
async function withHeatMap({ attributions, width = 0, height = 0, ...input }: PictureInput) {
  if (!attributions || width * height !== attributions.length) return input;
  return { ...input, heatMap: pngUri(await heatMapPng({ height, width, attributions: attributions.map(Number) })) };
}

function curve({ points, verdict }: LearningCurve): ReportDocument {
  const sections = [{ title: 'Size of the training set', blocks: learningCurveBlocks(points) }];
  return { title: 'Learning curve', lead: [verdict], sections };
}

function measurement(report: ScaleReport): ReportDocument {
  const { sections, ...head } = scaleDocument(report);
  return { ...head, sections: [...sections, ...(report.projection ? [projected(report.projection)] : [])] };
}

/** The file has less of a projection than the page that `lockstep scale` itself has written. */
function projected({ scenario, rows, verdict, assumptions }: NonNullable<ScaleReport['projection']>): Section {
  const head = ['workers', 'reduction', 'examples/s', 'speed-up', 'efficiency'].map((name) => ({ name }));
  const cells = rows.map(({ workers, reduction, examplesPerSecond, speedup, efficiency }) => [
    ...[grouped(workers), reduction, grouped(examplesPerSecond), speedup.toFixed(2), percent(efficiency)],
  ]);
  return {
    title: `Projection: ${scenario}`,
    blocks: [
      ...verdict.map((text) => ({ kind: 'text' as const, text })),
      { kind: 'table', head, rows: cells },
      { kind: 'list', items: assumptions },
    ],
  };
}
