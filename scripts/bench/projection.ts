/**
 * `npm run bench -- projection`: how well the cost model predicts runs that it was not calibrated on. Real coordinators and
 * workers, as processes of this machine: calibrated on a few numbers of workers without limits, checked on other numbers
 * and on links of limited bandwidth and latency. All runs alternate, and what is measured is the median over the rounds.
 */
import { calibrateCosts } from '../../src/projection/calibrate.js';
import type { Observation } from '../../src/projection/observation.js';
import { predictedRuns } from '../../src/projection/predicted.js';
import { median } from './measurement.js';
import { type ObservedCase, observe } from './observe.js';
import { machine, table } from './table.js';

export interface ProjectionBenchOptions {
  /** How often each case is measured. */
  readonly pairs: number;
  /** Fewer cases. */
  readonly quick?: boolean;
}

interface Case extends Omit<ObservedCase, 'hidden' | 'batch'> {
  /** Whether the model is calibrated on it; otherwise it is checked against it. */
  readonly known: boolean;
  readonly quick?: boolean;
}

/** Largest part that predictions may be off where the model was not calibrated. */
const mostError = 0.15;

const models = [
  { name: 'mlp 784-128-10', hidden: [128], batch: 32 },
  { name: 'mlp 784-512-512-10', hidden: [512, 512], batch: 64 },
];

const megabytes = (perSecond: number, milliseconds: number) => ({
  limits: { bandwidth: perSecond * 1e6, latency: milliseconds / 1000 },
});

const cases: readonly Case[] = [
  { known: true, workers: 1, reduction: 'star', quick: true },
  { known: true, workers: 2, reduction: 'star', quick: true },
  { known: true, workers: 2, reduction: 'butterfly' },
  { known: true, workers: 4, reduction: 'star', quick: true },
  { known: false, workers: 3, reduction: 'star' },
  { known: false, workers: 6, reduction: 'star' },
  { known: false, workers: 8, reduction: 'star' },
  { known: false, workers: 4, reduction: 'butterfly' },
  // Not one worker: it has nothing to send.
  { known: false, workers: 3, reduction: 'star', ...megabytes(10, 1) },
  { known: false, workers: 2, reduction: 'star', ...megabytes(10, 5), quick: true },
  { known: false, workers: 4, reduction: 'star', ...megabytes(20, 2) },
  { known: false, workers: 8, reduction: 'star', ...megabytes(40, 1) },
];

interface Line extends Observation {
  readonly model: string;
  readonly known: boolean;
  readonly predicted: number;
  readonly error: number;
}

interface ProjectionBench extends ProjectionBenchOptions {
  readonly machine: string;
  readonly lines: readonly Line[];
  /** Largest error of a prediction. */
  readonly worst: number;
  readonly good: boolean;
}

/** Prints a table; returns what is in it, and whether every prediction was good enough. */
export async function benchProjection(options: ProjectionBenchOptions): Promise<ProjectionBench> {
  const where = machine();
  process.stdout.write(`${where}\n${options.pairs} rounds\n\n`);
  const lines: Line[] = [];
  for (const { name, hidden, batch } of options.quick ? models.slice(0, 1) : models) {
    const played = cases.filter(({ quick }) => quick || !options.quick);
    const rounds: Observation[][] = [];
    for (let round = 0; round < options.pairs; round++) {
      process.stderr.write(`${name}: round ${round + 1} of ${options.pairs}\n`);
      const observations: Observation[] = [];
      for (const { known, quick, ...one } of played) observations.push(await observe({ ...one, hidden, batch }));
      rounds.push(observations);
    }
    const observations = played.map((_, i) => middle(rounds.map((round) => round[i])));
    lines.push(...predicted(name, played, observations));
  }
  const worst = Math.max(...lines.filter(({ known }) => !known).map(({ error }) => error));
  const good = worst <= mostError;
  const verdict = `largest error of a run that the model was not calibrated on: ${percent(worst)}, ${good ? 'met' : 'MISSED'} <= ${percent(mostError)}\n`;
  process.stdout.write(`${table(head, lines.map(row))}\n${verdict}`);
  return { machine: where, ...options, lines, worst, good };
}

/** The median of each figure. */
function middle(observations: readonly Observation[]): Observation {
  const of = (field: 'step' | 'compute' | 'exchange' | 'update' | 'wait') =>
    median(observations.map((one) => one[field]));
  const phases = { compute: of('compute'), exchange: of('exchange'), update: of('update'), wait: of('wait') };
  return { ...observations[0], step: of('step'), ...phases };
}

function predicted(model: string, played: readonly Case[], observations: readonly Observation[]): Line[] {
  const costs = calibrateCosts(observations.filter((_, i) => played[i].known));
  return predictedRuns(costs, observations).map(({ predicted, error }, i) => {
    return { ...observations[i], model, known: played[i].known, predicted, error };
  });
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
const head = ['model', 'workers', 'by', 'MB/s', 'ms', 'used to', 'measured ms', 'predicted', 'error'];

function row({ model, workers, reduction, bandwidth, latency, known, step, predicted, error }: Line): string[] {
  return [
    ...[model, String(workers), reduction],
    bandwidth === undefined ? '-' : (bandwidth / 1e6).toFixed(0),
    latency === undefined ? '-' : (1000 * latency).toFixed(0),
    known ? 'calibrate' : 'check',
    ...[step, predicted].map((milliseconds) => milliseconds.toFixed(1)),
    percent(error),
  ];
}
