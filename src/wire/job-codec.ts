/** A job as bytes. What comes from another machine is checked field by field, and then as a whole. */
import { Packr } from 'msgpackr';
import { cutFields } from '../data/buckets.js';
import type { CompiledGraph } from '../engine/onnx/compile.js';
import type { CompiledModel } from '../engine/onnx/onnx-engine.js';
import { chosenProvider } from '../engine/onnx/providers.js';
import { ConfigError, WireError } from '../errors.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';
import type { EngineSpec } from '../pool/pool-options.js';
import type { Job } from './job.js';
import { checkJob } from './job-check.js';
import { jobSchema } from './job-schema.js';
import { unpack } from './msgpack.js';

// Maps travel as lists of pairs: MessagePack's own have no order to rely on, and none of its extensions are needed.
const packr = new Packr({ useRecords: false, mapsAsObjects: true });

/** A job nests ten levels deep; names of tensors are most of its values. */
const limits = { what: 'job:', deepest: 16, mostValues: 2 ** 22 };

/** @throws ConfigError when the run's engine is tfjs, which cannot be sent */
export function encodeJob({
  engine,
  metrics,
  ...job
}: Omit<Job, 'engine'> & { readonly engine: EngineSpec }): Uint8Array {
  if (engine.kind === 'tfjs') {
    throw new ConfigError(
      'engine: tfjs runs functions of tfjs, and workers are sent compiled graphs only',
      'use engine: onnx, or train on this machine with `lockstep train`',
    );
  }
  const [{ layout }] = engine.models;
  // Batches have the fields of the examples.
  // All who get it compute with what is like this processor, as the coordinator does, or on a device.
  const sent = (graphs: ReadonlyMap<number, CompiledGraph>) =>
    [...graphs].map(([count, { portable, plain, ...graph }]) => [count, graph] as const);
  const models = engine.models.map(({ gradients, evaluations }) => ({
    gradients: sent(gradients),
    evaluations: sent(evaluations),
  }));
  const local = job.local && withoutUndefined(job.local);
  return packr.pack(withoutUndefined({ ...job, local, layout, models, metrics: metrics.map(plainMetrics) }));
}

/** The graph computes users' metrics; where their modules are is nobody else's business. */
const plainMetrics = (spec: HeadMetrics): HeadMetrics => ({
  ...spec,
  metrics: spec.metrics.map((metric) =>
    typeof metric === 'object' && 'custom' in metric ? { custom: { name: metric.custom.name } } : metric,
  ),
});

const withoutUndefined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** @throws WireError naming the field that cannot be, or does not fit the others */
export function decodeJob(bytes: Uint8Array): Job {
  const remedy = 'run the same version of lockstep on both sides';
  const value = unpack(bytes, limits);
  const { data, error } = jobSchema.safeParse(value);
  if (!data) {
    const [{ path, message }] = error.issues;
    throw new WireError(`job.${path.join('.')}: ${message}`, remedy);
  }
  const { layout, models, ...rest } = data;
  const { examples, buckets } = rest;
  const cut = models.map((graphs, i) => ({ layout, fields: cutFields(examples.fields, buckets[i]), ...graphs }));
  const job: Job = { ...rest, engine: { kind: 'onnx', models: cut } };
  checkJob(job);
  return { ...job, engine: { kind: 'onnx', models: cut.map(ownForms) } };
}

/** The graphs for what this process computes on. */
function ownForms({ gradients, evaluations, ...model }: CompiledModel): CompiledModel {
  const own = (graphs: ReadonlyMap<number, CompiledGraph>) =>
    new Map(
      [...graphs].map(([count, { device, ...graph }]) => [
        count,
        { ...graph, ...(!chosenProvider().inPlace && device) },
      ]),
    );
  return { ...model, gradients: own(gradients), evaluations: own(evaluations) };
}
