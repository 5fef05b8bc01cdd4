/**
 * `npm run bench -- cluster`: training across processes against PyTorch's DistributedDataParallel, and adding up gradients
 * between processes and between threads against Gloo; on loopback.
 */
import type { ClusterMeasurement } from './measure-cluster.js';
import { median } from './measurement.js';
import { clusterProbe, glooProbe, processSumsProbe, threadSumsProbe, torchProbe } from './probes.js';
import type { Measured, Probe } from './rounds.js';
import type { Row } from './rows.js';
import { isModel, type Section, type SectionOptions, type Subject } from './section.js';
import { repeatsOf, type SumsMeasurement, sizeName } from './sums.js';
import { table, whole } from './table.js';
import type { ModelName } from './workloads.js';

const workers = 2;
const algorithms = ['star', 'butterfly'] as const;
type Algorithm = (typeof algorithms)[number];
const targets = { training: 1, processes: 1.5, threads: 0.35 };

export const clusterSection: Section = {
  name: 'cluster',
  description: 'Training and all-reduce across processes, over PyTorch and Gloo.',
  models: ['mlp', 'cnn'],
  probes: (subject, options) => {
    if (subject === 'machine') return sumsProbes(options);
    return isModel(subject) ? trainingProbes(subject, options) : [];
  },
  rows: (subject, options, measured) => {
    if (subject === 'machine') return sumsRows(options, measured);
    return isModel(subject) ? trainingRows(subject, options, measured) : [];
  },
  details,
};

function trainingProbes(model: ModelName, { seconds, peers }: SectionOptions): Probe[] {
  return [
    ...peers.map((peer) => torchProbe(peer, model, workers, seconds)),
    ...algorithms.map((algorithm) => clusterProbe(model, algorithm, workers, seconds)),
  ];
}

function trainingRows(
  model: ModelName,
  { seconds, peers }: SectionOptions,
  measured: Measured,
): Omit<Row, 'section'>[] {
  return algorithms.flatMap((algorithm) => {
    const ours = measured.of(clusterProbe(model, algorithm, workers, seconds));
    const row = {
      what: `train ${model}, ${workers} remote workers, ${algorithm}`,
      unit: 'ex/s' as const,
      ours: ours.map(({ examplesPerSecond }) => examplesPerSecond),
    };
    if (peers.length === 0) return [row];
    return peers.map((peer) => {
      const torch = measured.of(torchProbe(peer, model, workers, seconds));
      const values = torch.map(({ examplesPerSecond }) => examplesPerSecond);
      return { ...row, peer: { name: peer.name, software: torch[0].software, values }, target: targets.training };
    });
  });
}

/** All-reduce between two processes, and the reduction of two threads, of the same bytes. */
const sumsProbes = ({ peers }: SectionOptions): Probe[] => [processSumsProbe, threadSumsProbe, ...peers.map(glooProbe)];

function sumsRows({ peers }: SectionOptions, measured: Measured): Omit<Row, 'section'>[] {
  const sizes = Object.keys(repeatsOf).map(Number);
  const of = (sums: readonly SumsMeasurement[], bytes: number) => sums.map((one) => one.milliseconds[bytes]);
  const lines = (what: string, probe: Probe<SumsMeasurement>, target: number) => (bytes: number) => {
    const row = { what: `${what} ${sizeName(bytes)}`, unit: 'ms' as const, ours: of(measured.of(probe), bytes) };
    if (peers.length === 0) return [row];
    return peers.map((peer) => {
      const gloo = measured.of(glooProbe(peer));
      return { ...row, peer: { name: peer.name, software: gloo[0].software, values: of(gloo, bytes) }, target };
    });
  };
  return [
    ...sizes.flatMap(lines('all-reduce, 2 processes,', processSumsProbe, targets.processes)),
    // Of few bytes threads measure their barrier alone.
    ...sizes.filter((bytes) => bytes >= 1e6).flatMap(lines('add up, 2 threads,', threadSumsProbe, targets.threads)),
  ];
}

function details(subjects: readonly Subject[], { seconds }: SectionOptions, measured: Measured): string {
  const models = subjects.filter(isModel);
  const rows = models.flatMap((model) =>
    algorithms.map((algorithm) =>
      splitCells(model, algorithm, measured.of(clusterProbe(model, algorithm, workers, seconds))),
    ),
  );
  const head = ['model', 'step ms', 'compute', 'exchange', 'update', 'MB a step', 'least', 'ratio', 'peak MB'];
  return `Our step on a worker, in milliseconds; updates overlap with what follows\n${table(head, rows)}`;
}

function splitCells(model: ModelName, algorithm: Algorithm, ours: readonly ClusterMeasurement[]): string[] {
  const of = (value: (one: ClusterMeasurement) => number) => median(ours.map(value));
  const milliseconds = [
    of(({ millisecondsPerStep }) => millisecondsPerStep),
    of(({ split }) => split.compute),
    of(({ split }) => split.exchange),
    of(({ split }) => split.update),
  ];
  const [bytes, fewest] = [of(({ bytesPerStep }) => bytesPerStep), of(({ fewestBytesPerStep }) => fewestBytesPerStep)];
  return [
    `${model}, ${algorithm}`,
    ...milliseconds.map((value) => value.toFixed(2)),
    ...[bytes, fewest].map((value) => (value / 1e6).toFixed(2)),
    (bytes / fewest).toFixed(3),
    ours.some(({ peakMegabytes }) => peakMegabytes === null) ? '-' : whole(of((one) => one.peakMegabytes!)),
  ];
}
