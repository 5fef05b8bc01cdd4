/**
 * `npm run bench -- mpi`: sums between two processes of an MPI job, over our line and by `allReduce: mpi`, against MPI_Allreduce
 * alone and Gloo; training by two processes against PyTorch's DistributedDataParallel. It needs Open MPI.
 */

import { type MpiSums, measureMpi } from './measure-mpi.js';
import { measureMpiTraining } from './measure-mpi-training.js';
import type { Measurement } from './measurement.js';
import { glooProbe, torchProbe } from './probes.js';
import type { Measured, Probe } from './rounds.js';
import type { Row } from './rows.js';
import { isModel, type Section, type SectionOptions } from './section.js';
import { repeatsOf, type SumsMeasurement, sizeName } from './sums.js';
import type { ModelName } from './workloads.js';

const processes = 2;
const targets = { native: 1.3, gloo: 0.5, training: 1.25 };
const kinds = { line: 'our line over MPI', library: 'allReduce: mpi' } as const;
const reductions = ['star', 'mpi'] as const;

const sumsProbe = (kind: MpiSums): Probe<SumsMeasurement> => ({
  key: `all-reduce of 2 processes, MPI: ${kind}`,
  measure: () => measureMpi(kind),
});

const trainingProbe = (
  model: ModelName,
  allReduce: (typeof reductions)[number],
  seconds: number,
): Probe<Measurement> => ({
  key: `${model}, 2 processes over MPI, ${allReduce}`,
  measure: () => measureMpiTraining(model, allReduce, seconds),
});

export const mpiSection: Section = {
  name: 'mpi',
  description: 'Training and all-reduce of two processes over MPI, over Open MPI, Gloo and PyTorch.',
  models: ['mlp'],
  probes: (subject, options) => {
    const { peers, seconds } = options;
    if (subject === 'machine') {
      return [sumsProbe('native'), sumsProbe('line'), sumsProbe('library'), ...peers.map(glooProbe)];
    }
    if (!isModel(subject)) return [];
    return [
      ...peers.map((peer) => torchProbe(peer, subject, processes, seconds)),
      ...reductions.map((allReduce) => trainingProbe(subject, allReduce, seconds)),
    ];
  },
  rows: (subject, options, measured) => {
    if (subject === 'machine') return sumsRows(options, measured);
    return isModel(subject) ? trainingRows(subject, options, measured) : [];
  },
};

function sumsRows({ peers }: SectionOptions, measured: Measured): Omit<Row, 'section'>[] {
  const native = measured.of(sumsProbe('native'));
  const sizes = Object.keys(repeatsOf).map(Number);
  return sizes.flatMap((bytes) =>
    (['line', 'library'] as const).flatMap((kind) => {
      const of = (sums: readonly SumsMeasurement[]) => sums.map(({ milliseconds }) => milliseconds[bytes]);
      const what = `all-reduce, ${kinds[kind]}, ${sizeName(bytes)}`;
      const row = { what, unit: 'ms' as const, ours: of(measured.of(sumsProbe(kind))) };
      // Few bytes are a matter of the event loop, through which a line has to go.
      const target = bytes < 1e6 && kind === 'line' ? undefined : targets.native;
      const [{ software }] = native;
      const besideGloo = peers.map((peer) => {
        const gloo = measured.of(glooProbe(peer));
        const theirs = { name: peer.name, software: gloo[0].software, values: of(gloo) };
        return { ...row, peer: theirs, ...(bytes === 4e6 && { target: targets.gloo }) };
      });
      return [{ ...row, peer: { name: 'MPI_Allreduce', software, values: of(native) }, target }, ...besideGloo];
    }),
  );
}

function trainingRows(
  model: ModelName,
  { seconds, peers }: SectionOptions,
  measured: Measured,
): Omit<Row, 'section'>[] {
  return reductions.flatMap((allReduce) => {
    const ours = measured.of(trainingProbe(model, allReduce, seconds)).map((one) => one.examplesPerSecond);
    const row = { what: `train ${model}, 2 processes over MPI, ${allReduce}`, unit: 'ex/s' as const, ours };
    if (peers.length === 0) return [row];
    return peers.map((peer) => {
      const torch = measured.of(torchProbe(peer, model, processes, seconds));
      const values = torch.map(({ examplesPerSecond }) => examplesPerSecond);
      return { ...row, peer: { name: peer.name, software: torch[0].software, values }, target: targets.training };
    });
  });
}
