/** The job: a decoded one computes the same bits; one whose parts do not fit together is refused by the field's name. */
import { Packr } from 'msgpackr';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { cutFields } from '../../src/data/buckets.js';
import type { Field } from '../../src/data/field.js';
import { metaOf } from '../../src/data/packed.js';
import { compileEvaluation, compileGradients } from '../../src/engine/onnx/compile.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { createStepModel, initialParameters, type StepModel } from '../../src/engine/step.js';
import { ConfigError, WireError } from '../../src/errors.js';
import type { Job } from '../../src/wire/job.js';
import { decodeJob, encodeJob } from '../../src/wire/job-codec.js';
import { checkMemory } from '../../worker/replica.js';
import { type Case, fill, lcg, perturbed, specOf, withSlabs } from '../support/engines.js';
import { byteExamples } from '../support/examples.js';
import { fieldsOf } from '../support/parts.js';

const examples = { ...byteExamples(100), featureShape: [5, 3, 1] };

/** Pooling whose gradient is a kernel of ours, a loop over steps, state that steps average, and noise. */
const example: Case = {
  layers: [
    { conv2d: { filters: 3, kernelSize: 2, padding: 'same' } },
    { batchNormalization: {} },
    { activation: { activation: 'relu' } },
    { maxPooling2d: { poolSize: 2 } },
    { reshape: { targetShape: [2, 3] } },
    { lstm: { units: 3 } },
    { dropout: { rate: 0.5 } },
    { dense: { units: 4 } },
  ],
  input: [5, 3, 1],
  classes: 4,
  loss: 'sparseCategoricalCrossentropy',
  bytes: true,
  features: (random) => Math.floor(random() * 256),
  spec: {
    fields: fieldsOf({
      featureShape: [5, 3, 1],
      featureType: 'uint8',
      featureScale: 1 / 255,
      targetShape: [],
      targetType: 'int32',
      classes: 4,
    }),
  },
};

let step: StepModel;
let job: Job;
let encoded: Uint8Array;

beforeAll(async () => {
  step = await createStepModel(specOf(example));
  const { layout } = step;
  job = {
    engine: {
      kind: 'onnx',
      models: [
        {
          layout,
          fields: metaOf(examples).fields,
          gradients: new Map([8, 4].map((count) => [count, compileGradients(step, count)])),
          evaluations: new Map([16, 4].map((count) => [count, compileEvaluation(step, count)])),
        },
      ],
    },
    // 4 full steps of 2 shards, and a last one of 8 examples and none in its second shard; of 12 examples would be 8 and 4.
    geometry: { training: 76, batchSize: 16, shards: 2, epochs: 3, stepsPerEpoch: 5, evaluationBatch: 16 },
    optimizer: { momentum: { learningRate: 0.1, momentum: 0.9, nesterov: true } },
    augment: { shift: 0.1, rotate: 0, zoom: 0, flip: 'none', cutout: 0, fill: 0 },
    metrics: [
      {
        target: 'targets',
        factor: 1,
        metrics: ['accuracy', { topKAccuracy: { k: 2 } }],
        outputs: 4,
        places: 1,
        classes: true,
        threshold: 0,
        binary: false,
        weighted: false,
      },
    ],
    seed: 0xffff_ffff,
    largestEvaluation: 20,
    examples: metaOf(examples),
    precision: 'float32',
    buckets: [],
    placement: 'replicate',
    optimizerState: 'replicated',
    ledger: true,
  };
  encoded = encodeJob(job);
});

it('comes out as it went in', () => {
  expect(decodeJob(encoded)).toEqual(job);
  const { augment, ...plain } = job;
  expect(decodeJob(encodeJob({ ...plain, augment: undefined }))).toEqual(plain);
});

it('computes the same bits', async () => {
  const parameters = perturbed(initialParameters(step), step.layout);
  const results = [];
  for (const { engine } of [job, decodeJob(encoded)]) {
    const [model] = engine.models;
    const onnx = await withSlabs(model.layout, (slab) => new OnnxEngine(model, slab));
    fill(onnx, example, parameters, 4);
    const loss = await onnx.computeGradients(4, { seed: 1, step: 2, shard: 3 });
    const { outputs } = await onnx.evaluate(4);
    results.push({ loss, gradients: onnx.gradients.slice(), outputs: outputs.slice() });
    await onnx.dispose();
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[0].gradients.some((value) => value !== 0)).toBe(true);
});

it('has graphs for devices where those may take part, and each worker takes its own', () => {
  const [{ layout, fields }] = job.engine.models;
  const gradients = new Map([8, 4].map((count) => [count, compileGradients(step, count, true)]));
  const evaluations = new Map([16, 4].map((count) => [count, compileEvaluation(step, count, true)]));
  const sentWith = (graphs: typeof gradients) =>
    encodeJob({ ...job, engine: { kind: 'onnx', models: [{ layout, fields, gradients: graphs, evaluations }] } });
  const bytes = sentWith(gradients);
  expect(decodeJob(bytes)).toEqual(job);
  vi.stubEnv('LOCKSTEP_DEVICE', 'webgpu');
  const [onDevice] = decodeJob(bytes).engine.models;
  vi.unstubAllEnvs();
  const graphs = [...onDevice.gradients.values(), ...onDevice.evaluations.values()];
  for (const { subgraphs } of graphs) expect(subgraphs.map(({ kind }) => kind)).toEqual(['session']);
  const [size, graph] = [4, gradients.get(4)!];
  const device = { ...graph.device!, written: graph.device!.written.slice(1) };
  const broken = sentWith(new Map([...gradients, [size, { ...graph, device }]]));
  expect(() => decodeJob(broken)).toThrow(/^job\.models\.0\.gradients\.4\.device/);
});

it('says nothing of the files of users', () => {
  const custom = { custom: { name: 'spread', module: '/home/me/metrics.ts' } };
  const bytes = encodeJob({ ...job, metrics: [{ ...job.metrics[0], metrics: [custom] }] });
  expect(Buffer.from(bytes).includes('/home/me')).toBe(false);
});

it('is plain data: no errors, regular expressions or records to be made of it', () => {
  for (const hidden of [/a+/, new Error('x'), new Set([1]), new Date()]) {
    const bytes = new Packr({ useRecords: false, moreTypes: true }).pack({
      ...(packr.unpack(encoded) as object),
      hidden,
    });
    expect(() => decodeJob(bytes)).toThrow(/job: holds/);
  }
  const deep = Array.from({ length: 30 }).reduce((inner) => [inner], 0);
  expect(() => decodeJob(packr.pack(deep))).toThrow(/job: is nested deeper than 16/);
});

it('does not start where there is no memory for it', () => {
  expect(() => checkMemory(decodeJob(encoded), 1, 1e9)).not.toThrow();
  expect(() => checkMemory(decodeJob(encoded), 1, 1e3)).toThrow(
    /the job takes .* kB at least with 1 thread, and there are 1 kB/,
  );
  const many = { ...job.geometry, training: 2 ** 31 - 1 };
  expect(() => checkMemory({ ...job, geometry: many } as typeof job, 1, 1e9)).toThrow(/with 1 thread/);
  // R² has a sum for each output: of 2 batches, and of the one that a thread adds up.
  const wide = [{ ...job.metrics[0], metrics: ['r2' as const], outputs: 2 ** 31 - 1 }];
  expect(() => checkMemory({ ...job, metrics: wide } as typeof job, 1, 1e9)).toThrow(/takes 51\.5 GB at least/);
  const [model] = job.engine.models;
  const [[count, graph]] = model.gradients;
  for (const more of [
    { noise: [{ kind: 'normal', shape: [2 ** 20, 2 ** 10] }] },
    { subgraphs: [{ kind: 'session', inputs: [], outputs: [], bytes: { length: 2 ** 32 } }] },
  ]) {
    const models = [{ ...model, gradients: new Map([[count, { ...graph, ...more }]]) }];
    expect(() => checkMemory({ ...job, engine: { kind: 'onnx', models } } as never, 1, 4e9)).toThrow(
      /takes 4\.(29|3) GB at/,
    );
  }
});

it('engine tfjs cannot be sent', () => {
  const engine = { kind: 'tfjs', steps: [specOf(example)], backend: 'cpu' } as const;
  expect(() => encodeJob({ ...job, engine })).toThrow(ConfigError);
  expect(() => encodeJob({ ...job, engine })).toThrow(
    /use engine: onnx, or train on this machine with `lockstep train`/,
  );
});

const packr = new Packr({ useRecords: false });
type Plain = Record<string, unknown> & unknown[];

/** The job with the value at a path replaced; undefined removes it. */
function changed(path: string, value: unknown): Uint8Array {
  const plain = packr.unpack(encoded) as Plain;
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce((at, key) => at[key as never] as Plain, plain);
  if (value === undefined) delete parent[last as never];
  else parent[last as never] = value as never;
  return packr.pack(plain);
}

const valueAt = (path: string): unknown =>
  path.split('.').reduce((at, key) => at[key as never] as Plain, packr.unpack(encoded) as Plain);

const wrong: [path: string, value: unknown, named?: string][] = [
  ['layout', undefined],
  ['models', []],
  ['models', undefined],
  ['buckets', [3]],
  ['buckets', [0, 3]],
  ['buckets', undefined],
  ['layout.tensors', {}],
  ['layout.tensors.1.offset', 1],
  ['layout.tensors.1.offset', 0],
  ['layout.tensors.0.size', 13],
  ['layout.tensors.0.shape', [1e9, 1e9], 'layout.tensors.0.size'],
  ['layout.tensors.0.offset', -16],
  ['layout.trainable', 17],
  ['layout.state', 2 ** 29],
  ['layout.length', 0],
  ['layout.length', 2 ** 40],
  ['models.0.gradients.0.0', 0],
  ['models.0.gradients.0.0', -8],
  ['models.0.gradients.0.0', 8.5],
  ['models.0.gradients.0.0', 4, 'models.0.gradients'],
  ['models.0.gradients.0.0', 7, 'models.0.gradients'],
  ['models.0.gradients', [], 'models.0.gradients'],
  ['models.0.gradients.1.1.noise.0.shape', [4, 5], 'models.0.gradients.4'],
  ['models.0.gradients.1.1.noise', [], 'models.0.gradients.4'],
  ['models.0.gradients.1.1.noise.0.kind', 'file'],
  ['models.0.gradients.1.1.written.0.shape', [1, 2, 3], 'models.0.gradients.4'],
  ['models.0.gradients.1.1.written.0.name', 'gradient99', 'models.0.gradients.4'],
  ['models.0.gradients.1.1.subgraphs.0.bytes', new Uint8Array(3), undefined],
  ['models.0.gradients.1.1.subgraphs.0.bytes', 'text'],
  ['models.0.gradients.1.1.subgraphs.0.inputs', [], 'models.0.gradients.4.subgraphs.0.inputs'],
  ['models.0.gradients.1.1.subgraphs.0.outputs', ['loss'], 'models.0.gradients.4.subgraphs.0.outputs'],
  ['models.0.gradients.1.1.subgraphs.0.kind', 'script'],
  ['models.0.gradients.1.1.subgraphs.5.kernel', 'constructor'],
  ['models.0.gradients.1.1.subgraphs.5.inputs', ['features', 'targets'], 'models.0.gradients.4.subgraphs.5.inputs'],
  ['models.0.gradients.1.1.subgraphs.5.outputs', ['gradient0'], 'models.0.gradients.4.subgraphs.5.outputs'],
  ['models.0.gradients.1.1.subgraphs.5.numbers.0', 2 ** 30, 'models.0.gradients.4.subgraphs.5'],
  ['models.0.gradients.1.1.subgraphs.5.numbers.1', 4, 'models.0.gradients.4.subgraphs.5'],
  ['models.0.gradients.1.1.subgraphs.5.numbers.7', 100, 'models.0.gradients.4.subgraphs.5.numbers'],
  ['models.0.gradients.1.1.subgraphs.5.numbers.7', 0, 'models.0.gradients.4.subgraphs.5.numbers'],
  ['models.0.gradients.1.1.subgraphs.5.numbers.9', 99, 'models.0.gradients.4.subgraphs.5.numbers'],
  ['models.0.gradients.1.1.subgraphs.5.numbers', [], 'models.0.gradients.4.subgraphs.5.numbers'],
  ['models.0.gradients.1.1.subgraphs.3.steps', 0],
  ['models.0.gradients.1.1.subgraphs.3.inputs', ['features'], 'models.0.gradients.4.subgraphs.3.inputs'],
  ['models.0.gradients.1.1.subgraphs.3.outputs', ['gradient0'], 'models.0.gradients.4.subgraphs.3.outputs'],
  ['models.0.gradients.1.1.subgraphs.3.begins.0.view.tensor', 'parameter0', 'models.0.gradients.4.subgraphs.3.begins'],
  ['models.0.gradients.1.1.subgraphs.3.begins.0.view.at', 1, 'models.0.gradients.4.subgraphs.3.begins'],
  ['models.0.gradients.1.1.subgraphs.3.parts.0.kernel', 'constructor'],
  ['models.0.gradients.1.1.subgraphs.3.parts.0.numbers.0', 4, 'models.0.gradients.4.subgraphs.3.parts.0.numbers'],
  ['models.0.gradients.1.1.subgraphs.3.parts.0.numbers.2', 2 ** 30, 'models.0.gradients.4.subgraphs.3.parts.0.numbers'],
  ['models.0.gradients.1.1.subgraphs.3.parts.0.views.0.slots', 9, 'models.0.gradients.4.subgraphs.3.parts.0.views'],
  [
    'models.0.gradients.1.1.subgraphs.3.parts.0.views.8.tensor',
    'features',
    'models.0.gradients.4.subgraphs.3.parts.0.views',
  ],
  [
    'models.0.gradients.1.1.subgraphs.3.parts.1.inputs.0.1.shape',
    [2, 2],
    'models.0.gradients.4.subgraphs.3.parts.1.inputs',
  ],
  [
    'models.0.gradients.1.1.subgraphs.3.parts.1.outputs.0.1.at',
    2 ** 20,
    'models.0.gradients.4.subgraphs.3.parts.1.outputs',
  ],
  ['models.0.gradients.1.1.subgraphs.3.parts.1.outputs', [], 'models.0.gradients.4.subgraphs.3.parts.1.outputs'],
  ['models.0.evaluations.0.1.written', [], 'models.0.evaluations.16'],
  ['geometry.training', 101],
  ['geometry.training', 8, 'geometry.batchSize'],
  ['geometry.shards', 3],
  ['geometry.shards', 0],
  ['geometry.stepsPerEpoch', 4],
  ['geometry.evaluationBatch', 0],
  ['geometry.epochs', '3'],
  ['optimizer', { momentum: { learningRate: 0.1, momentum: 2 } }],
  ['optimizer', { script: 'process.exit()' }],
  ['augment.shift', 2],
  ['metrics.0.outputs', 3, 'models.0.evaluations.16'],
  ['metrics.0.places', 2],
  ['metrics.0.classes', false],
  ['metrics.0.deviations', [1]],
  ['metrics.0.deviations', [0]],
  ['metrics.0.metrics', [{ custom: { name: 'spread' } }], 'models.0.evaluations.16'],
  ['seed', -1],
  ['seed', Number.NaN],
  ['largestEvaluation', 101],
  ['examples.count', 0],
  ['examples.fields', []],
  ['examples.fields.0.shape', [5, 3, 2], 'models.0.gradients.8'],
  ['examples.fields.0.shape', [5, 3], 'augment'],
  ['examples.fields.0.type', 'float32', 'models.0.gradients.8'],
  ['examples.fields.1.type', 'float32', 'models.0.gradients.8'],
  ['examples.fields.1.categories', undefined, 'metrics.0.classes'],
  ['examples.fields.0.role', 'weight', 'examples'],
  ['examples.fields.0.role', 'label'],
  ['metrics', []],
  ['metrics.0.target', 'other'],
  ['metrics.0.factor', 0],
  ['examples.fields.0.name', 'targets', 'examples'],
  ['examples.fields.0.name', '../features'],
  ['precision', 'float8'],
  ['placement', 'auto'],
  ['ledger', 1],
  ['module', './evil.js'],
];

it.each(wrong)('%s: %j is refused', (path, value, named = path) => {
  const bytes = changed(path, value);
  let refusal: unknown;
  try {
    decodeJob(bytes);
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(WireError);
  const isModel = value instanceof Uint8Array;
  const isUnknown = path === 'module';
  if (!isModel && !isUnknown) expect((refusal as WireError).message).toContain(`job.${named}`);
});

it('a tensor that a subgraph wrote may not be written again, or by nobody', () => {
  const subgraphs = valueAt('models.0.gradients.1.1.subgraphs') as unknown[];
  expect(() => decodeJob(changed('models.0.gradients.1.1.subgraphs', [...subgraphs, subgraphs[0]]))).toThrow(
    /there already/,
  );
  expect(() => decodeJob(changed('models.0.gradients.1.1.subgraphs', subgraphs.slice(0, -1)))).toThrow(WireError);
  expect(() => decodeJob(changed('models.0.gradients.1.1.subgraphs', [...subgraphs].reverse()))).toThrow(
    /not (there yet|among)/,
  );
});

it('a job that is cut off or damaged is refused, and nothing else is thrown', () => {
  const random = lcg(17);
  const refusals = { cut: 0, flipped: 0 };
  const attempt = (kind: keyof typeof refusals, bytes: Uint8Array) => {
    try {
      decodeJob(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      refusals[kind]++;
    }
  };
  const cuts = 100;
  for (let i = 0; i < cuts; i++) attempt('cut', encoded.subarray(0, Math.floor(random() * encoded.length)));
  expect(refusals.cut).toBe(cuts);
  // A job that is quick to check, so that many can be.
  const [{ evaluations, gradients, ...model }] = (job.engine as Job['engine']).models;
  const small = encodeJob({
    ...job,
    engine: {
      kind: 'onnx',
      models: [{ ...model, gradients: new Map([...gradients].slice(0, 1)), evaluations: new Map() }],
    },
    geometry: { ...job.geometry, training: 80 },
  });
  decodeJob(small);
  for (let i = 0; i < 1000; i++) {
    const bytes = Uint8Array.from(small);
    // The fields at both ends, which are not within graphs, get their share.
    const place = i % 2 === 0 ? random() * bytes.length : bytes.length - 1 - random() * 900;
    bytes[Math.floor(place)] = random() * 256;
    attempt('flipped', bytes);
  }
  expect(refusals.flipped).toBeGreaterThan(500);
});

describe('a job of two buckets', () => {
  const sequences: Field[] = [
    { name: 'steps', role: 'input', type: 'float32', shape: [5, 2] },
    { name: 'tags', role: 'target', type: 'int32', shape: [5], categories: 3 },
    { name: 'steps_mask', role: 'mask', type: 'float32', shape: [5], of: 'steps' },
    { name: 'tags_mask', role: 'mask', type: 'float32', shape: [5], of: 'tags' },
  ];
  const bucketed = async (buckets: readonly number[]): Promise<Job> => {
    const models = [];
    for (const places of [3, 5]) {
      const fields = cutFields(sequences, places);
      const head = { target: 'tags', loss: 'sparseCategoricalCrossentropy', weight: 1 } as const;
      const made = await createStepModel({
        model: { layers: [{ dense: { units: 3 } }] },
        heads: [head],
        seed: 1,
        fields,
      });
      models.push({
        layout: made.layout,
        fields,
        gradients: new Map([8, 4].map((count) => [count, compileGradients(made, count)])),
        evaluations: new Map([16, 4].map((count) => [count, compileEvaluation(made, count)])),
      });
    }
    const metrics = [{ ...job.metrics[0], target: 'tags', outputs: 3, places: 5 }];
    const examples = { count: 100, fields: sequences };
    const { augment, ...rest } = job;
    return { ...rest, engine: { kind: 'onnx', models }, examples, metrics, buckets };
  };

  it('comes out as it went in, each model with the fields of its bucket', async () => {
    const whole = await bucketed([3, 5]);
    expect(decodeJob(encodeJob(whole))).toEqual(whole);
  });

  it.each([
    [[5, 3], 'job.buckets: do not ascend to 5'],
    [[3, 6], 'job.buckets: do not ascend to 5'],
    [[3, 4], 'job.models.1.gradients.8'],
    [[5], 'job.buckets: are 1, the models 2'],
    [[], 'job.buckets: are 0, the models 2'],
    [[4, 5], 'job.models.0.gradients.8'],
  ])('is refused where the buckets %j are not those of its models', async (buckets, problem) => {
    const bytes = encodeJob(await bucketed(buckets));
    expect(() => decodeJob(bytes)).toThrow(problem);
    expect(() => decodeJob(bytes)).toThrow(WireError);
  });
});
