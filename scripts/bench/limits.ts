/**
 * `npm run bench -- limits`: what this machine can do at most, and what of it a training step gets. Memory bandwidth as STREAM
 * measures it, float32 matrix products of ONNX Runtime and of each PyTorch; the limit of a step is the best of these
 * libraries, measured next to it for as long as it is, so that what disturbs one disturbs the other.
 */
import { availableParallelism } from 'node:os';
import type { MatmulMeasurement } from './measure-matmul.js';
import type { Measurement } from './measurement.js';
import { bandwidthProbe, matmulProbe, poolProbe, torchMatmulProbe } from './probes.js';
import { flopsOf, type Product, stepProducts } from './products.js';
import type { Measured, Probe } from './rounds.js';
import type { Row } from './rows.js';
import { isModel, type Section, type SectionOptions } from './section.js';
import { type ModelName, workerCounts, workloads } from './workloads.js';

/** Large enough that packing and the edges of blocks are nothing beside the arithmetic. */
export const square: Product = [2048, 2048, 2048];
/** Of a step's floating-point operations a second over the rate of the square product. */
const targets: Readonly<Partial<Record<ModelName, number>>> = { mlp: 0.8, cnn: 0.6 };

interface Group {
  readonly name: string;
  readonly products: readonly Product[];
  /** Of a step over the rate of these products. */
  readonly target?: number;
}

/** What a machine can do at its best, and at the sizes that the model has. */
const groupsOf = (model: ModelName): Group[] => [
  { name: `2048 x 2048 beside ${model}`, products: [square], target: targets[model] },
  { name: `products of ${model}`, products: stepProducts(workloads[model]) },
];

const coresText = (cores: number): string => (cores === 1 ? '1 core' : `${cores} cores`);
/** Those of the steps measured, and all. */
const coreCounts = (): number[] => [...new Set([...workerCounts, availableParallelism()])];

export const limitsSection: Section = {
  name: 'limits',
  description: "Memory bandwidth and matrix products of this machine, and a step's share of the latter.",
  models: ['mlp', 'cnn'],
  probes: (subject, options) =>
    subject === 'machine'
      ? coreCounts().map(bandwidthProbe)
      : isModel(subject)
        ? coreCounts().flatMap((cores) => [
            ...(isMeasured(cores) ? [poolProbe(subject, cores, options.seconds)] : []),
            ...matmulProbes(subject, cores, options).map(({ probe }) => probe),
          ])
        : [],
  rows: (subject, options, measured) =>
    subject === 'machine'
      ? coreCounts().flatMap((cores) => bandwidthRows(cores, measured))
      : isModel(subject)
        ? coreCounts().flatMap((cores) => matmulRows(subject, cores, options, measured))
        : [],
};

/** Whether steps are measured with so many threads. */
const isMeasured = (cores: number): boolean => workerCounts.some((workers) => workers === cores);

interface Library {
  readonly name: string;
  readonly probe: Probe<MatmulMeasurement>;
}

/** ONNX Runtime's, then PyTorch's. */
function matmulProbes(model: ModelName, cores: number, { seconds, peers }: SectionOptions): Library[] {
  const matmulCase = { threads: cores, seconds: seconds / 2, groups: groupsOf(model).map(({ products }) => products) };
  return [
    { name: 'ONNX Runtime', probe: matmulProbe(model, matmulCase) },
    ...peers.map((peer) => ({ name: peer.name, probe: torchMatmulProbe(peer, model, matmulCase) })),
  ];
}

function bandwidthRows(cores: number, measured: Measured): Omit<Row, 'section'>[] {
  const results = measured.of(bandwidthProbe(cores));
  return (['scale', 'add'] as const).map((kernel) => ({
    what: `memory bandwidth, ${kernel}, ${coresText(cores)}`,
    unit: 'GB/s' as const,
    ours: results.map((one) => one[kernel]),
  }));
}

/** Rates of a group's products in one library, by round. */
interface Rates {
  readonly name: string;
  readonly software: string;
  readonly values: readonly number[];
}

/** For each group, ONNX Runtime over each PyTorch, then our step over the best of them, and over ONNX Runtime, which computes it. */
function matmulRows(
  model: ModelName,
  cores: number,
  options: SectionOptions,
  measured: Measured,
): Omit<Row, 'section'>[] {
  const libraries = matmulProbes(model, cores, options);
  const steps = isMeasured(cores) ? measured.of(poolProbe(model, cores, options.seconds)) : [];
  return groupsOf(model).flatMap((group, i) => {
    const rates = libraries.map(({ name, probe }): Rates => {
      const results = measured.of(probe);
      return { name, software: results[0].software, values: results.map(({ groups }) => groups[i].rate) };
    });
    const [onnx, ...torch] = rates;
    const row = { what: `${group.name}, ${coresText(cores)}`, unit: 'GFLOP/s' as const, ours: onnx.values };
    const product = torch.length > 0 ? torch.map((peer) => ({ ...row, peer })) : [row];
    if (steps.length === 0) return product;
    const step = stepRow(model, cores, group, steps, rates);
    if (torch.length === 0) return [...product, step];
    const own = { name: `the same, ${onnx.name}`, products: group.products };
    return [...product, step, stepRow(model, cores, own, steps, [onnx])];
  });
}

function stepRow(
  model: ModelName,
  cores: number,
  { name, target }: Group,
  steps: readonly Measurement[],
  rates: readonly Rates[],
): Omit<Row, 'section'> {
  const flops = cores * flopsOf(stepProducts(workloads[model]));
  const best = steps.map((_, round) => Math.max(...rates.map(({ values }) => values[round])));
  return {
    what: `step of ${model}, ${coresText(cores)}`,
    unit: 'GFLOP/s',
    target,
    ours: steps.map(({ millisecondsPerStep }) => flops / millisecondsPerStep / 1e6),
    peer: { name, software: 'the fastest of these libraries in each round', values: best },
  };
}
