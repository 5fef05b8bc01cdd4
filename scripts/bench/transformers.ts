/**
 * `npm run bench -- transformers`: decoders, an LSTM and a GRU beside PyTorch's: throughput, memory, the first step, and what the larger
 * decoder gets of a core's rate of matrix products. Both start from the same weights and have the same losses, or it is an error.
 */
import { spawnSync } from 'node:child_process';
import { type Measurement, MeasurementError, median } from './measurement.js';
import type { Measured, Probe } from './rounds.js';
import type { Row, Unit } from './rows.js';
import type { Section, SectionOptions, Subject } from './section.js';
import { table, whole } from './table.js';
import {
  coreProbes,
  firstStepProbe,
  type TorchMeasurement,
  textProbe,
  torchTextProbe,
  type Variant,
  variants,
} from './text-probes.js';
import { decoderFlops, type TextModelName, textModelNames, textWorkloads } from './text-workloads.js';
import type { Peer } from './torch.js';
import { workerCounts } from './workloads.js';

/** Of PyTorch's peak with two workers; seconds; of the rate of a core. */
const targets = { memory: 0.7, firstStep: 2.5, rate: 0.8 };
/** Between our loss of a step and PyTorch's. */
const largestDifference = 1e-4;

export const transformersSection: Section = {
  name: 'transformers',
  description: 'Throughput, memory and first step of decoders, an LSTM and a GRU over PyTorch.',
  models: textModelNames,
  usual: { pairs: 7, seconds: 1.5 },
  probes,
  rows,
  details,
};

const isText = (subject: Subject): subject is TextModelName => textModelNames.some((name) => name === subject);
/** The newest attention of PyTorch that the peer calls. */
const isNew = ({ version }: Peer): boolean => Number.parseInt(version, 10) >= 2;
const has = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
/** torch.compile writes C++. */
let here: readonly Variant[] | undefined;
function variantsHere(): readonly Variant[] {
  if (here) return here;
  here = has('g++') ? variants : variants.filter((variant) => variant !== 'compile');
  if (here !== variants) process.stdout.write('There is no g++, so there are no figures of torch.compile.\n');
  return here;
}
const hasShare = (model: TextModelName): boolean => model === 'decoder-b';

function probes(model: Subject, options: SectionOptions): Probe[] {
  if (!isText(model)) return [];
  const { seconds } = options;
  const peers = options.peers.filter(isNew);
  const compared = workerCounts.flatMap((workers) => [
    textProbe(model, workers, seconds),
    ...peers.map((peer) => torchTextProbe(peer, model, workers, seconds, 'eager')),
    ...(hasShare(model) && workers === 1 ? coreProbes(peers, seconds) : []),
  ]);
  const beside = workerCounts.flatMap((workers) =>
    variantsHere()
      .filter((variant) => variant !== 'eager')
      .flatMap((variant) => peers.map((peer) => torchTextProbe(peer, model, workers, seconds, variant))),
  );
  return [...compared, firstStepProbe(model), ...beside];
}

const rates = (of: readonly Measurement[]) => of.map(({ examplesPerSecond }) => examplesPerSecond);
const peaks = (of: readonly Measurement[]) => of.flatMap(({ peakMegabytes }) => peakMegabytes ?? []);
const workersText = (workers: number): string => (workers === 1 ? '1 worker' : `${workers} workers`);

function rows(model: Subject, options: SectionOptions, measured: Measured): Omit<Row, 'section'>[] {
  if (!isText(model)) return [];
  const { seconds } = options;
  const peers = options.peers.filter(isNew);
  const over = (
    what: string,
    unit: Unit,
    workers: number,
    valuesOf: (of: readonly Measurement[]) => readonly number[],
    target?: number,
  ): Omit<Row, 'section'>[] => {
    const ours = measured.of(textProbe(model, workers, seconds));
    const row = { what: `${what} ${model}, ${workersText(workers)}`, unit, ours: valuesOf(ours) };
    if (row.ours.length === 0) return [];
    if (peers.length === 0) return [row];
    return variantsHere().flatMap((variant) =>
      peers.map((peer) => {
        const torch = measured.of(torchTextProbe(peer, model, workers, seconds, variant));
        if (variant !== 'bfloat16') checkLosses(model, workers, ours[0].losses, torch[0]);
        const values = valuesOf(torch);
        const name = variant === 'eager' ? peer.name : `${peer.name}, ${variant}`;
        const against = { name, software: torch[0].software, values };
        return {
          ...row,
          ours: row.ours.slice(0, values.length),
          peer: against,
          target: variant === 'eager' ? target : undefined,
        };
      }),
    );
  };
  const first = measured.of(firstStepProbe(model)).map((one) => one.seconds);
  return [
    ...workerCounts.flatMap((workers) => over('train', 'ex/s', workers, rates, textWorkloads[model].targets[workers])),
    ...(hasShare(model) ? [shareRow(model, peers, seconds, measured)] : []),
    ...over('peak memory of', 'MB', 2, peaks, targets.memory).slice(0, Math.max(1, peers.length)),
    { what: `first step of ${model}`, unit: 's', ours: first, target: targets.firstStep },
  ];
}

function checkLosses(model: TextModelName, workers: number, ours: readonly number[], torch: TorchMeasurement): void {
  const differs = ours.findIndex((loss, i) => !(Math.abs(loss - torch.losses[i]) <= largestDifference));
  if (differs < 0) return;
  throw new MeasurementError(
    `${model}, ${workersText(workers)}: the loss of step ${differs + 1} is ${ours[differs]}, and ${torch.losses[differs]} in ` +
      `${torch.software}: they do not compute the same`,
  );
}

/** What a step gets of the rate of the square product, in the faster of the libraries in each round. */
function shareRow(
  model: TextModelName,
  peers: readonly Peer[],
  seconds: number,
  measured: Measured,
): Omit<Row, 'section'> {
  const libraries = coreProbes(peers, seconds).map((probe) => measured.of(probe));
  const values = libraries[0].map((_, round) => Math.max(...libraries.map((one) => one[round].groups[0].rate)));
  const steps = measured.of(textProbe(model, 1, seconds)).slice(0, values.length);
  return {
    what: `step of ${model}, 1 core`,
    unit: 'GFLOP/s',
    target: targets.rate,
    ours: steps.map(({ millisecondsPerStep }) => decoderFlops(textWorkloads[model]) / millisecondsPerStep / 1e6),
    peer: { name: '2048 x 2048', software: 'the faster library in each round', values },
  };
}

function details(subjects: readonly Subject[], { seconds, peers }: SectionOptions, measured: Measured): string {
  const lines = subjects.filter(isText).flatMap((model) =>
    workerCounts.flatMap((workers) => {
      const ours = measured.of(textProbe(model, workers, seconds));
      const of = (values: readonly number[]) => values.map((value) => value.toFixed(5));
      const peak = peaks(ours);
      const memory = peak.length > 0 ? whole(median(peak)) : '-';
      const step = median(ours.map(({ millisecondsPerStep }) => millisecondsPerStep)).toFixed(1);
      return [
        [`${model}, ${workersText(workers)}`, step, memory, ...of(ours[0].losses)],
        ...peers.filter(isNew).map((peer) => {
          const torch = measured.of(torchTextProbe(peer, model, workers, seconds, 'eager'));
          const its = peaks(torch);
          const milliseconds = median(torch.map(({ millisecondsPerStep }) => millisecondsPerStep)).toFixed(1);
          return [`  ${peer.name}`, milliseconds, its.length > 0 ? whole(median(its)) : '-', ...of(torch[0].losses)];
        }),
      ];
    }),
  );
  if (lines.length === 0) return '';
  const head = ['model', 'step ms', 'peak MB', ...['1st', '2nd', '3rd', '4th', '5th'].map((which) => `${which} loss`)];
  return `Steps, memory, and the losses of the first five steps\n${table(head, lines)}`;
}
