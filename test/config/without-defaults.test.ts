/** A default that is written out means what its absence means: configs that differ in that alone are equal, key by key. */
import { expect, it } from 'vitest';
import { defineConfig } from '../../src/config/define.js';
import type { RunConfigInput } from '../../src/config/input.js';
import { alternatives, choiceNames, type JsonSchema, runJsonSchema } from '../../src/config/json-schema.js';
import { withoutDefaults } from '../../src/config/without-defaults.js';
import { families } from '../../src/metrics/families.js';

const plain = {
  data: { source: 'digits' },
  model: { layers: ['flatten', { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  training: { epochs: 1, batchSize: 8 },
};
const defined = (changed: object) => defineConfig({ ...plain, ...changed } as RunConfigInput);
const meant = (changed: object, isCompiled = true) => withoutDefaults(defined(changed), isCompiled);
/** As a file of the run has it. */
const written = (changed: object) => JSON.parse(JSON.stringify(defined(changed))) as object;

const root = runJsonSchema();
const names = (key: string) => choiceNames(root.properties![key])!.map((name) => ({ [key]: name }));
const bare = families.filter((family) => family.bare !== undefined).map(({ name }) => ({ metrics: [name] }));
const losses = ['meanSquaredError', 'huber', 'sparseCategoricalCrossentropy', 'hinge'].map((loss) => ({ loss }));

it('of a config that is written out in full', () => {
  const sync = { local: {} };
  const others = [{}, { augment: {} }, { cluster: { sync } }, { cluster: { compression: { powerSgd: {} } } }];
  const changes: object[] = [...others, ...names('optimizer'), ...names('schedule'), ...bare, ...losses];
  expect(changes.length).toBeGreaterThan(50);
  for (const change of changes) expect(meant(written(change)), JSON.stringify(change)).toEqual(meant(change));
});

const muon = (options: object) => ({ optimizer: { muon: options } });
const local = (options: object) => ({ cluster: { sync: { local: { overlap: 1, ...options } } } });
const training = (options: object) => ({ training: { ...plain.training, ...options } });
const custom = (loss: object) => ({ model: { module: 'm.js' }, loss });

/** Of each key whose words tell a default that no schema fills in: a config without it, and one that says it. */
const told: Readonly<Record<string, readonly [object, object]>> = {
  'loss.huber.delta': [{ loss: 'huber' }, { loss: { huber: { delta: 1 } } }],
  'loss.*.weight': [{ loss: { y: 'hinge' } }, { loss: { y: { hinge: { weight: 1 } } } }],
  'loss.*.fromLogits': [{ loss: 'binaryCrossentropy' }, { loss: { binaryCrossentropy: { fromLogits: true } } }],
  'loss.custom.module': [custom({ custom: { name: 'f' } }), custom({ custom: { name: 'f', module: 'm.js' } })],
  'metrics[].custom.module': [
    { model: { module: 'm.js' }, metrics: [{ custom: { name: 'f' } }] },
    { model: { module: 'm.js' }, metrics: [{ custom: { name: 'f', module: 'm.js' } }] },
  ],
  'optimizer.muon.exclude': [muon({}), muon({ exclude: ['embeddings'] })],
  'optimizer.muon.adamw.learningRate': [
    muon({ learningRate: 0.02 }),
    muon({ learningRate: 0.02, adamw: { learningRate: 0.02 } }),
  ],
  'training.groupByLength': [training({}), training({ groupByLength: false })],
  'cluster.sync.local.mixing': [local({}), local({ mixing: 0.5 })],
};

/** Keys whose default is no value that could be written, or one that only the model or the data know. */
const unwritable = [
  ...['model.outputs', 'model.freeze', 'model.layers[]'],
  ...['optimizer.*.emaMomentum', 'training.buckets', 'cluster.compression', 'cluster.sync.local.quantize'],
  'metrics[].*.candidates',
];
/** A change of these is none of the steps. */
const free = ['name', 'data', 'checkpoint', 'evaluation', 'track'];

function keysWithWords(node: JsonSchema & { description?: string }, path: string, found: Set<string>): void {
  if (/\bdefault: /i.test(node.description ?? '') && node.default === undefined) found.add(path);
  for (const option of alternatives(node)) {
    for (const [key, inner] of Object.entries(option.properties ?? {})) {
      if (path !== '' || !free.includes(key)) keysWithWords(inner, path === '' ? key : `${path}.${key}`, found);
    }
    if (typeof option.additionalProperties === 'object') keysWithWords(option.additionalProperties, `${path}.*`, found);
    if (option.items) keysWithWords([option.items].flat()[0]!, `${path}[]`, found);
  }
}

it('of every key that tells its default in words', () => {
  const found = new Set<string>();
  keysWithWords(root, '', found);
  // Losses and metrics have the same options where they are named by targets.
  const asked = [...found].map((key) => key.replace(/^(loss|metrics)\.\*/, '$1'));
  const pattern = (key: string) => new RegExp(`^${key.replace(/[.[\]]/g, '\\$&').replaceAll('*', '[^.]+')}$`);
  const known = [...Object.keys(told), ...unwritable];
  expect(asked.filter((key) => !known.some((one) => pattern(one).test(key)))).toEqual([]);
  expect(known.filter((one) => !asked.some((key) => pattern(one).test(key)))).toEqual([]);
});

it.each(Object.entries(told))('of %s', (_, [left, spelled]) => {
  expect(defined(spelled)).not.toEqual(defined(left));
  expect(meant(spelled)).toEqual(meant(left));
});

it('and not of other values, nor of whether outputs are logits where no compiled step says so', () => {
  for (const [left, changed] of [
    [{ loss: 'huber' }, { loss: { huber: { delta: 2 } } }],
    [muon({}), muon({ exclude: [] })],
    [muon({}), muon({ adamw: { learningRate: 0.02 } })],
    [local({}), local({ mixing: 0 })],
    [{ metrics: ['topKAccuracy'] }, { metrics: [{ topKAccuracy: { k: 4 } }] }],
  ] as const) {
    expect(meant(changed)).not.toEqual(meant(left));
  }
  const [left, spelled] = told['loss.*.fromLogits']!;
  expect(meant(spelled, false)).not.toEqual(meant(left, false));
});
