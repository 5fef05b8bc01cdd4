/** The fields of a job and what each may be by itself; how they fit together is in job-check.ts. */
import { z } from 'zod';
import { augmentSchema } from '../config/augment.js';
import { clusterSchema, movementPrecisions } from '../config/cluster.js';
import { fieldName } from '../config/data-parts.js';
import { optimizerSchema } from '../config/optimizer.js';
import { kernelNames } from '../engine/onnx/kernel-calls.js';
import { metricListSchema } from '../metrics/schema.js';
import { metaSchema } from './packed-data.js';

/** Models of one job. */
const mostBuckets = 32;
const count = z.int().min(1).max(0x7fff_ffff);
const countOrNone = z.int().min(0).max(0x7fff_ffff);
/** A slab has at most the floats of one WebAssembly memory. */
const floats = z
  .int()
  .min(0)
  .max(2 ** 30);
const shape = z.array(countOrNone).max(12).readonly();
const name = z.string().regex(/^\w{1,64}$/);

const layoutSchema = z.strictObject({
  tensors: z
    .array(z.strictObject({ name: z.string().max(1024), shape, offset: floats, size: floats }).readonly())
    .max(100_000)
    .readonly(),
  trainable: floats,
  state: floats,
  length: floats,
});

/** A copy of its own: what was decoded is a view of the whole job, which each thread would be given with it. */
const bytes = z.instanceof(Uint8Array).transform((view) => new Uint8Array(view));

/** Part of a tensor that a loop reads or writes in each step. */
const viewSchema = z
  .strictObject({
    tensor: name,
    shape,
    slots: count,
    first: countOrNone,
    step: z.int().min(-1).max(1),
    at: countOrNone,
    stride: countOrNone,
  })
  .readonly();
const portsSchema = z
  .array(z.tuple([name, viewSchema]).readonly())
  .max(100)
  .readonly();
const loopPartSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('session'), bytes, inputs: portsSchema, outputs: portsSchema }).readonly(),
  z
    .strictObject({
      kind: z.literal('kernel'),
      kernel: z.enum(['lstmGates']),
      views: z.array(viewSchema).length(11).readonly(),
      numbers: z.array(countOrNone).length(5).readonly(),
    })
    .readonly(),
]);

const subgraphSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('session'),
    bytes,
    inputs: z.array(name).readonly(),
    outputs: z.array(name).readonly(),
  }),
  z.strictObject({
    kind: z.literal('kernel'),
    kernel: z.enum(kernelNames),
    inputs: z.array(name).max(16).readonly(),
    outputs: z.array(name).max(16).readonly(),
    numbers: z.array(countOrNone).max(16).readonly(),
  }),
  z.strictObject({
    kind: z.literal('loop'),
    inputs: z.array(name).readonly(),
    outputs: z.array(name).readonly(),
    steps: z.int().min(1).max(1_000_000),
    begins: z
      .array(z.strictObject({ view: viewSchema, from: name.optional() }).readonly())
      .max(16)
      .readonly(),
    parts: z.array(loopPartSchema).min(1).max(16).readonly(),
  }),
]);

const cutShape = {
  subgraphs: z.array(subgraphSchema).min(1).max(10_000).readonly(),
  written: z
    .array(z.strictObject({ name, type: z.enum(['float32', 'int32', 'bool']), shape }).readonly())
    .max(100_000)
    .readonly(),
};

const graphSchema = z.strictObject({
  ...cutShape,
  device: z.strictObject(cutShape).readonly().optional(),
  noise: z
    .array(z.strictObject({ kind: z.enum(['uniform', 'normal']), shape }).readonly())
    .max(10_000)
    .readonly(),
});

/** Batch sizes and their graphs, one pair each. */
const graphsSchema = z
  .array(z.tuple([count, graphSchema]))
  .max(1024)
  .refine((pairs) => new Set(pairs.map(([size]) => size)).size === pairs.length, { error: 'has a batch size twice' })
  .transform((pairs) => new Map(pairs));

/** The metrics of one output. */
const headSchema = z.strictObject({
  target: z.string(),
  factor: z.number().positive(),
  metrics: metricListSchema,
  outputs: count,
  places: count,
  classes: z.boolean(),
  threshold: z.number(),
  binary: z.boolean(),
  weighted: z.boolean(),
  kind: z.enum(['logits', 'softmax', 'sigmoid']).optional(),
  names: z.array(z.string()).readonly().optional(),
  bytes: z.array(z.int().min(0)).readonly().optional(),
  deviations: z.array(z.number().positive()).min(1).readonly().optional(),
  means: z.array(z.number()).min(1).readonly().optional(),
});

export const jobSchema = z.strictObject({
  layout: layoutSchema,
  models: z
    .array(z.strictObject({ gradients: graphsSchema, evaluations: graphsSchema }).readonly())
    .min(1)
    .max(mostBuckets)
    .readonly(),
  buckets: z.array(count).max(mostBuckets).readonly(),
  geometry: z.strictObject({
    training: count,
    batchSize: count,
    // Frames name a node's shards by 16 bits.
    shards: z.int().min(1).max(65_535),
    epochs: count,
    stepsPerEpoch: count,
    evaluationBatch: count,
  }),
  optimizer: optimizerSchema,
  local: z
    .strictObject({
      steps: z.int().min(1).max(10_000),
      replicas: z.int().min(1).max(65_535),
      optimizer: optimizerSchema,
      warmUpSteps: z.int().min(0),
      parts: z.int().min(2).max(256).optional(),
      overlap: z.int().min(1).max(10_000).optional(),
      quantize: z.enum(movementPrecisions).optional(),
      clipNorm: z.number().positive().optional(),
    })
    .optional(),
  augment: augmentSchema.extend({ outside: z.record(fieldName, z.int()).optional() }).optional(),
  metrics: z.array(headSchema).min(1).max(1024).readonly(),
  seed: z.int().min(0).max(0xffff_ffff),
  largestEvaluation: countOrNone,
  examples: metaSchema,
  precision: clusterSchema.shape.precision,
  compression: z.strictObject({ rank: z.int().min(1).max(256), warmUpSteps: z.int().min(0) }).optional(),
  optimizerState: clusterSchema.shape.optimizerState,
  placement: z.enum(['replicate', 'stream', 'local']),
  ledger: z.boolean(),
});
