/**
 * `npm run bench -- engine`: throughput and peak memory of our threads over PyTorch's processes, and throughput over plain
 * tfjs's, with the split of a step.
 */
import { type StepSplit, splitNames } from './measure-pool.js';
import { type Measurement, median } from './measurement.js';
import { poolProbe, tfjsProbe, torchProbe } from './probes.js';
import type { Measured, Probe } from './rounds.js';
import type { Row, Unit } from './rows.js';
import { isModel, type Section, type SectionOptions, type Subject } from './section.js';
import { table, whole } from './table.js';
import { modelNames, workerCounts, workloads } from './workloads.js';

/** The most memory over PyTorch's, by number of workers. */
const memoryTargets: Readonly<Record<number, number>> = { 2: 1 };

export const engineSection: Section = {
  name: 'engine',
  description: 'Throughput and memory of threads over PyTorch, and throughput over tfjs.',
  models: modelNames,
  probes,
  rows,
  details,
};

function probes(model: Subject, { seconds, peers }: SectionOptions): Probe[] {
  if (!isModel(model)) return [];
  const ofWorkers = (workers: number): Probe[] => [
    poolProbe(model, workers, seconds),
    ...peers.map((peer) => torchProbe(peer, model, workers, seconds)),
  ];
  return [...workerCounts.flatMap(ofWorkers), tfjsProbe(model, seconds)];
}

const rates = (of: readonly Measurement[]) => of.map(({ examplesPerSecond }) => examplesPerSecond);
const peaks = (of: readonly Measurement[]) => of.flatMap(({ peakMegabytes }) => peakMegabytes ?? []);

function rows(model: Subject, { seconds, peers }: SectionOptions, measured: Measured): Omit<Row, 'section'>[] {
  if (!isModel(model)) return [];
  const ours = (workers: number) => measured.of(poolProbe(model, workers, seconds));
  const overTorch = (
    what: string,
    unit: Unit,
    valuesOf: (of: readonly Measurement[]) => readonly number[],
    targets: Readonly<Record<number, number>>,
  ): Omit<Row, 'section'>[] =>
    workerCounts.flatMap((workers) => {
      const row = { what: `${what} ${model}, ${workersText(workers)}`, unit, ours: valuesOf(ours(workers)) };
      // The system may not tell about memory.
      if (row.ours.length === 0) return [];
      const against = peers.map((peer) => {
        const torch = measured.of(torchProbe(peer, model, workers, seconds));
        return { name: peer.name, software: torch[0].software, values: valuesOf(torch) };
      });
      if (against.length === 0) return [row];
      return against.map((one) => ({ ...row, peer: one, target: targets[workers] }));
    });
  const tfjs = measured.of(tfjsProbe(model, seconds));
  const { batch, software } = tfjs[0];
  // A full batch may take too long.
  const name = batch === workloads[model].batch ? 'tfjs' : `tfjs, batch ${batch}`;
  const overTfjs = workerCounts.map((workers) => ({
    what: `train ${model}, ${workersText(workers)}`,
    unit: 'ex/s' as const,
    ours: rates(ours(workers)),
    peer: { name, software, values: rates(tfjs) },
  }));
  return [
    ...overTorch('train', 'ex/s', rates, workloads[model].targets),
    ...overTfjs,
    ...overTorch('peak memory of', 'MB', peaks, memoryTargets),
  ];
}

const workersText = (workers: number): string => (workers === 1 ? '1 worker' : `${workers} workers`);

function details(subjects: readonly Subject[], { seconds }: SectionOptions, measured: Measured): string {
  const models = subjects.filter(isModel);
  const rows = models.flatMap((model) =>
    workerCounts.map((workers) => {
      const ours = measured.of(poolProbe(model, workers, seconds));
      const of = (name: keyof StepSplit) => median(ours.map(({ split }) => split[name]));
      const step = median(ours.map(({ millisecondsPerStep }) => millisecondsPerStep));
      const peak = peaks(ours);
      return [
        ...[model, String(workers), step.toFixed(3), ...splitNames.map((name) => of(name).toFixed(3))],
        peak.length > 0 ? whole(Math.max(...peak)) : '-',
      ];
    }),
  );
  const head = ['model', 'threads', 'step ms', ...splitNames, 'peak MB'];
  return `Our step, milliseconds (mean over the threads; dispatch is what no thread accounts for)\n${table(head, rows)}`;
}
