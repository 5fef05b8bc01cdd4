/**
 * A program of its own: writes the page of a report that is kept as JSON, to its standard output. What draws charts takes memory, and a
 * file that somebody else has written may take more than any report: the server that shows it has neither.
 */
import { readFileSync } from 'node:fs';
import { grouped, percent } from '../ground/units.js';
import type { ReportDocument, Section } from '../report/document.js';
import { evaluationDocument } from '../report/evaluation-document.js';
import type { EvaluationReport } from '../report/evaluation-report.js';
import type { LearningCurve } from '../report/learning-curve.js';
import { htmlPage } from '../report/page.js';
import { learningCurveBlocks } from '../report/report-parts.js';
import { parseReport, type ScaleReport } from '../scale/record.js';
import { scaleDocument } from '../scale/scale-document.js';
import { withNumbers } from './worded-numbers.js';

const [file] = process.argv.slice(2);
try {
  process.stdout.write(await htmlPage(documentOf(readFileSync(file, 'utf8'))));
} catch (error) {
  process.stderr.write(String((error as Error).message));
  process.exitCode = 1;
}

function documentOf(text: string): ReportDocument {
  const value = withNumbers(JSON.parse(text)) as Record<string, unknown>;
  if (value.event === 'evaluation') return evaluationDocument(value as unknown as EvaluationReport);
  if (value.format === 'lockstep-scale') return measurement(parseReport(file, text));
  return curve(value as unknown as LearningCurve);
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
