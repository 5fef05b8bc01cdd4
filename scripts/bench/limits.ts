/**
 * `npm run bench -- limits`: what this machine can do at most, and what of it a training step gets. Memory bandwidth as STREAM
 * measures it, float32 matrix products of ONNX Runtime and of each PyTorch; the limit of a step is the best of these
 * libraries, measured next to it for as long as it is, so that what disturbs one disturbs the other.
 */
import { availableParallelism } from 'node:os';
import type { MatmulMeasurement } from './measure-matmul.js';
import { bandwidthProbe, matmulProbe, poolProbe, torchMatmulProbe } from './probes.js';
import { flopsOf, type Product, stepProducts } from './products.js';
import type { Measured, Probe } from './rounds.js';
import type { Row } from './rows.js';
import type { Section, SectionOptions } from './section.js';
import { type ModelName, workerCounts, workloads } from './workloads.js';

/** Large enough that packing and the edges of blocks are nothing beside the arithmetic. */
const square: Product = [2048, 2048, 2048];
const groupNames = ['2048 x 2048', 'its sizes'] as const;
/** Of a step's floating-point operations a second over the rate of the square product. */
const targets: Readonly<Partial<Record<ModelName, number>>> = { mlp: 0.8, cnn: 0.6 };

const coresText = (cores: number): string => (cores === 1 ? '1 core' : `${cores} cores`);
/** One core, and all. */
const coreCounts = (): number[] => [...new Set([1, availableParallelism()])];

export const limitsSection: Section = {
  name: 'limits',
  description: "Memory bandwidth and matrix products of this machine, and a step's share of the latter.",
  models: ['mlp', 'cnn'],
  probes: (subject, options) =>
    subject === 'machine'
      ? coreCounts().map(bandwidthProbe)
      : coreCounts().flatMap((cores) => [
          ...(isMeasured(cores) ? [poolProbe(subject, cores, options.seconds)] : []),
          ...matmulProbes(subject, cores, options).map(({ probe }) => probe),
        ]),
  rows: (subject, options, measured) =>
    subject === 'machine'
      ? coreCounts().flatMap((cores) => bandwidthRows(cores, measured))
      : coreCounts().flatMap((cores) => matmulRows(subject, cores, options, measured)),
};

/** Whether steps are measured with so many threads at all. */
const isMeasured = (cores: number): boolean => workerCounts.some((workers) => workers === cores);

interface Library {
  readonly name: string;
  readonly probe: Probe<MatmulMeasurement>;
}

/** ONNX Runtime's, then PyTorch's. */
function matmulProbes(model: ModelName, cores: number, { seconds, peers }: SectionOptions): Library[] {
  const matmulCase = { threads: cores, seconds: seconds / 2, groups: [[square], stepProducts(workloads[model])] };
  return [
    { name: 'ONNX Runtime', probe: matmulProbe(model, matmulCase) },
    ...peers.map((peer) => ({ name: peer.name, probe: torchMatmulProbe(peer, model, matmulCase) })),
  ];
}

function bandwidthRows(cores: number, measured: Measured): Omit<Row, 'section'>[] {
  const results = measured.of(bandwidthProbe(cores));
  return (['scale', 'add'] as const).map((kernel) => ({
    ...{ what: `memory bandwidth, ${kernel}, ${coresText(cores)}`, unit: 'GB/s' as const },
    ours: results.map((one) => one[kernel]),
  }));
}

function matmulRows(
  model: ModelName,
  cores: number,
  options: SectionOptions,
  measured: Measured,
): Omit<Row, 'section'>[] {
  const libraries = matmulProbes(model, cores, options).map(({ name, probe }) => ({
    name,
    results: measured.of(probe),
  }));
  const [{ results: ours }, ...peers] = libraries;
  return groupNames.flatMap((groupName, group) => {
    const rates = (results: readonly MatmulMeasurement[]) => results.map(({ groups }) => groups[group].rate);
    const row = {
      what: `products for ${model}, ${groupName}, ${coresText(cores)}`,
      ...{ unit: 'GFLOP/s' as const, ours: rates(ours) },
    };
    const others = peers.map(({ name, results }) => ({
      ...row,
      peer: { name, software: results[0].software, values: rates(results) },
    }));
    const fractions = isMeasured(cores)
      ? [
          fractionRow(
            model,
            cores,
            groupName,
            libraries.map(({ results }) => rates(results)),
            options,
            measured,
          ),
        ]
      : [];
    return [...(others.length > 0 ? others : [row]), ...fractions];
  });
}

/** A step over the best of the libraries. @param rates by library and round */
function fractionRow(
  model: ModelName,
  cores: number,
  groupName: (typeof groupNames)[number],
  rates: readonly (readonly number[])[],
  { seconds }: SectionOptions,
  measured: Measured,
): Omit<Row, 'section'> {
  const flops = cores * flopsOf(stepProducts(workloads[model]));
  const steps = measured.of(poolProbe(model, cores, seconds));
  return {
    what: `step of ${model}, ${coresText(cores)}`,
    unit: 'GFLOP/s',
    ours: steps.map(({ millisecondsPerStep }) => flops / millisecondsPerStep / 1e6),
    peer: {
      name: `best product, ${groupName}`,
      software: 'the fastest library of each round',
      values: rates[0].map((_, round) => Math.max(...rates.map((values) => values[round]))),
    },
    target: groupName === '2048 x 2048' ? targets[model] : undefined,
  };
}
