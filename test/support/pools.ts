/** Pools without a coordinator: a small model that has all that a step can have, on random images. */
import { chooseEngine } from '../../coordinator/prepare/choose-engine.js';
import { augmentSchema } from '../../src/config/augment.js';
import type { LayerConfig } from '../../src/config/model.js';
import { optimizerSchema } from '../../src/config/optimizer.js';
import { scheduleSchema } from '../../src/config/schedule.js';
import type { Examples } from '../../src/data/examples.js';
import {
  activeShards,
  evaluationBatches,
  planGeometry,
  roundOf,
  shardSizes,
  shardsOf,
} from '../../src/data/geometry.js';
import { metaOf } from '../../src/data/packed.js';
import { createStepModel, initialParameters, type StepSpec } from '../../src/engine/step.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { RoundOptions, TrainingOptions, UpdateOptions } from '../../src/pool/pool-options.js';
import type { ComputeTask } from '../../src/pool/round-worker.js';
import { type TreeNode, treeNodes } from '../../src/reduce/tree.js';
import { lcg } from './engines.js';
import { examplesOf } from './parts.js';

const side = 8;
const classes = 5;

export interface PoolSetup {
  readonly options: Omit<TrainingOptions, 'threads'>;
  readonly parameters: Float32Array;
  /** Each starts a pool; whoever calls `close` of the setup closes all. */
  startTraining(threads: number): Promise<ThreadPool<TrainingOptions>>;
  startRounds(threads: number, more?: Pick<RoundOptions, 'examples' | 'rowCache'>): Promise<ThreadPool<RoundOptions>>;
  startUpdates(): Promise<ThreadPool<UpdateOptions>>;
  close(): Promise<void>;
}

function randomImages(count: number): Examples {
  const random = lcg(5);
  const features = new Uint8Array(new SharedArrayBuffer(count * side * side));
  const targets = new Int32Array(new SharedArrayBuffer(count * 4));
  const weights = new Float32Array(new SharedArrayBuffer(count * 4));
  for (let i = 0; i < features.length; i++) features[i] = random() * 256;
  for (let i = 0; i < count; i++) targets[i] = random() * classes;
  for (let i = 0; i < count; i++) weights[i] = 0.5 + random();
  return examplesOf({
    count,
    featureShape: [side, side, 1],
    featureScale: 1 / 255,
    targetShape: [],
    classes,
    features,
    targets,
    weights,
  });
}

/**
 * Batch normalization, dropout, augmentation, weights, Adam, and a last batch whose last shard is smaller than the others.
 * @param middle layers before the last but one
 */
export async function poolSetup(middle: readonly LayerConfig[] = []): Promise<PoolSetup> {
  const examples = randomImages(200);
  const training = 90;
  const geometry = planGeometry(
    { epochs: 2, batchSize: 32, shards: 4, accumulate: 1 },
    { training: Int32Array.from({ length: training }, (_, i) => i) },
  );
  const { fields } = metaOf(examples);
  const layers: LayerConfig[] = [
    { conv2d: { filters: 8, kernelSize: 3 } },
    { batchNormalization: {} },
    { activation: { activation: 'relu' } },
    { flatten: {} },
    { dropout: { rate: 0.3 } },
    ...middle,
    { dense: { units: 32 } },
    { dense: { units: classes } },
  ];
  const head = { target: 'targets', loss: 'sparseCategoricalCrossentropy', weight: 1 } as const;
  const spec: StepSpec = { model: { layers }, heads: [head], seed: 3, fields };
  const step = await createStepModel(spec);
  const largestEvaluation = examples.count;
  // Smaller batches than the program's, so that there are several.
  const small = { ...geometry, evaluationBatch: 30 };
  const evaluations = new Set(evaluationBatches(small, largestEvaluation).map(({ count }) => count));
  const sizes = { gradients: shardSizes(small), evaluations: [...evaluations] };
  const options = {
    use: 'training' as const,
    engine: await chooseEngine({ engine: 'onnx' }, { step, spec }, [{ sizes }], () => {}),
    layout: step.layout,
    examples,
    metrics: [
      {
        target: 'targets',
        factor: 1,
        metrics: ['accuracy' as const],
        outputs: classes,
        places: 1,
        classes: true,
        threshold: 0,
        binary: false,
        weighted: false,
      },
    ],
    augment: augmentSchema.parse({ shift: 0.2, flip: 'horizontal' }),
    geometry: small,
    seed: 3,
    largestEvaluation,
    optimizer: optimizerSchema.parse({ adam: { learningRate: 0.01 } }),
    schedule: scheduleSchema.parse({ cosine: { warmupSteps: 2 } }),
  };
  const parameters = initialParameters(step);
  const pools: { close(): Promise<void> }[] = [];
  const kept = <Pool extends { close(): Promise<void> }>(pool: Pool): Pool => {
    pools.push(pool);
    return pool;
  };
  return {
    options,
    parameters,
    startTraining: async (threads) => kept(await ThreadPool.start({ ...options, threads }, parameters)),
    async startRounds(threads, more) {
      const { schedule, use, ...rest } = options;
      return kept(await ThreadPool.start({ ...rest, use: 'rounds', threads, ...more }, parameters));
    },
    async startUpdates() {
      const { layout, optimizer } = options;
      return kept(await ThreadPool.start({ use: 'updates', layout, geometry: small, optimizer }, parameters));
    },
    async close() {
      for (const pool of pools) await pool.close();
    },
  };
}

/** Nodes of a step and their rows, as a coordinator asks for them. @param order example indices of the epoch */
export function taskOf(
  { geometry }: Pick<TrainingOptions, 'geometry'>,
  order: Int32Array,
  epoch: number,
  step: number,
  low: number,
  high: number,
): ComputeTask {
  const nodes = treeNodes(low, high, activeShards(geometry, step));
  const rows = nodes.map((node) => {
    const { start, count } = shardsOf(geometry, step, node.low, node.high);
    return { start, rows: order.slice(start, start + count) };
  });
  return { round: roundOf(geometry, epoch, step), epoch, step, bucket: 0, local: [], nodes, rows };
}

/** The sum of a node as its pool holds it. */
export function sumOf(pool: ThreadPool, node: TreeNode, length: number): Float32Array {
  return new Float32Array(pool.memory.buffer, pool.slotOf(node), length);
}

/** The sum over [low, high) along the tree from the sums of some of its nodes, keyed `low-high`. */
export function treeSum(sums: ReadonlyMap<string, Float32Array>, { low, high }: TreeNode): Float32Array {
  const known = sums.get(`${low}-${high}`);
  if (known) return known;
  if (high - low < 2) throw new Error(`nobody has the sum of shard ${low}`);
  const middle = low + 2 ** Math.floor(Math.log2(high - low - 1));
  const [left, right] = [treeSum(sums, { low, high: middle }), treeSum(sums, { low: middle, high })];
  return left.map((value, i) => value + right[i]);
}
