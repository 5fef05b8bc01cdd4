import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Document, parse } from 'yaml';
import { explainIssues } from '../../src/config/explain.js';
import { loadGate } from '../../src/config/gate.js';
import { alternatives, type JsonSchema, runJsonSchema } from '../../src/config/json-schema.js';
import { loadRunConfig, resolvedYaml } from '../../src/config/load-config.js';
import type { LayersConfig } from '../../src/config/model.js';
import { type RunConfig, runSchema } from '../../src/config/run-config.js';
import { ConfigError } from '../../src/errors.js';
import { suggest } from '../../src/ground/suggest.js';
import { families } from '../../src/metrics/families.js';

/** Those that need no options come first. */
const metricNames = [...families.filter(({ bare }) => bare), ...families.filter(({ bare }) => !bare)]
  .map(({ name }) => name)
  .join(', ');

const GOOD = `data: { source: digits }
model:
  layers:
    - flatten: {}
    - dense: { units: 10 }
loss: sparseCategoricalCrossentropy
optimizer: sgd
training:
  epochs: 3
  batchSize: 64
`;

let folder: string;
let good: string;
beforeAll(() => {
  folder = relative('.', mkdtempSync(join(tmpdir(), 'lockstep-')));
  good = file('good.yaml', GOOD);
});
afterAll(() => rmSync(folder, { recursive: true }));

function refusalOf(act: () => unknown): ConfigError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error('nothing was refused');
}

const layersOf = ({ model }: RunConfig) => (model as LayersConfig).layers;

describe('a config file', () => {
  it('is resolved with every default filled in', () => {
    expect(loadRunConfig(good, [])).toEqual({
      name: 'good',
      seed: 0,
      data: { source: 'digits', examples: 12_000, seed: 0, validation: 0.1, test: 0.1, stratify: false },
      model: { layers: [{ flatten: {} }, { dense: { units: 10 } }] },
      loss: 'sparseCategoricalCrossentropy',
      metrics: [],
      optimizer: { sgd: { learningRate: 0.01 } },
      schedule: { constant: { warmupSteps: 0 } },
      training: {
        epochs: 3,
        batchSize: 64,
        shards: 'auto',
        accumulate: 1,
        l1: 0,
        l2: 0,
        monitor: 'loss',
        restoreBest: false,
        recompute: 'none',
        precision: 'float32',
        logEvery: 50,
      },
      evaluation: { confidence: 0.95, resamples: 2000, gallery: 0, seal: false, slices: [] },
      checkpoint: { everyMinutes: 1, keep: 3 },
      cluster: {
        allReduce: 'auto',
        precision: 'float32',
        optimizerState: 'replicated',
        placement: 'auto',
        sync: 'step',
        transport: 'websocket',
        silence: 10,
        grace: 60,
        stragglerFactor: 3,
      },
      track: { tensorboard: false },
      engine: 'auto',
    });
  });

  it('lends its name to the run, in letters that a folder can have', () => {
    expect(loadRunConfig(file('my run (2).yml', GOOD), []).name).toBe('my-run-2-');
    expect(loadRunConfig(file('named.yaml', `${GOOD}name: other\n`), []).name).toBe('other');
  });

  it('is frozen throughout', () => {
    const config = loadRunConfig(good, []);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.training)).toBe(true);
    expect(Object.isFrozen(layersOf(config))).toBe(true);
    expect(Object.isFrozen(layersOf(config)[1].dense)).toBe(true);
    expect(() => {
      config.training.epochs = 4;
    }).toThrow(TypeError);
  });

  it('comes back the same from its resolved form', () => {
    const overrides = [
      'optimizer.adam.epsilon=1e-9',
      'schedule.cosine.warmupSteps=5',
      'metrics=[accuracy]',
      'name=x.y',
    ];
    const config = loadRunConfig(good, [...overrides, 'training.clipNorm=0.5', 'engine=tfjs', 'backend=cpu']);
    expect(config.optimizer).toEqual({ adam: { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-9 } });
    expect(loadRunConfig(file('resolved.yaml', resolvedYaml(config)), [])).toEqual(config);
  });
});

describe('overrides', () => {
  it('set numbers, booleans, text, lists and mappings, the last one winning', () => {
    const config = loadRunConfig(good, [
      'training.epochs=5',
      'training.epochs=6',
      'data.stratify=true',
      'training.batchSize=all',
      'metrics=[accuracy, mae]',
      'data={source: idx, dir: a=b}',
    ]);
    expect(config.training).toMatchObject({ epochs: 6, batchSize: 'all' });
    expect(config.metrics).toEqual(['accuracy', 'mae']);
    expect(config.data).toMatchObject({ source: 'idx', dir: 'a=b', stratify: false });
  });

  it('reach into lists and add to their ends', () => {
    const config = loadRunConfig(good, ['model.layers.1.dense.units=64', 'model.layers.2.dense.units=10']);
    expect(layersOf(config)).toEqual([{ flatten: {} }, { dense: { units: 64 } }, { dense: { units: 10 } }]);
  });

  it('replace a choice, and keep the options of the same choice', () => {
    const chosen = (...overrides: string[]) => loadRunConfig(good, overrides);
    expect(chosen('optimizer.sgd.learningRate=0.5').optimizer).toEqual({ sgd: { learningRate: 0.5 } });
    expect(chosen('optimizer.adam.beta1=0.8', 'optimizer.adam.learningRate=0.5').optimizer).toMatchObject({
      adam: { beta1: 0.8, learningRate: 0.5 },
    });
    expect(chosen('optimizer={sgd: {learningRate: 1}}', 'optimizer.adam.beta1=0.8').optimizer).toEqual({
      adam: { learningRate: 0.001, beta1: 0.8, beta2: 0.999, epsilon: 1e-8 },
    });
    expect(chosen('schedule.linear.end=0.1').schedule).toEqual({ linear: { end: 0.1, warmupSteps: 0 } });
    expect(layersOf(chosen('model.layers.0.dropout.rate=0.5'))[0]).toEqual({ dropout: { rate: 0.5 } });
    expect(chosen('loss=huber', 'loss.huber.delta=2').loss).toEqual({ huber: { delta: 2 } });
  });

  it('remove a key by null', () => {
    const clipped = file('clipped.yaml', `${GOOD}  clipNorm: 1\n`);
    expect(loadRunConfig(clipped, []).training.clipNorm).toBe(1);
    expect(loadRunConfig(clipped, ['training.clipNorm=null']).training).not.toHaveProperty('clipNorm');
  });

  it('leave the other uses of an anchor alone', () => {
    const yaml = GOOD.replace('- flatten: {}', '- &d { dense: { units: 3 } }\n    - *d');
    const layers = layersOf(loadRunConfig(file('anchor.yaml', yaml), ['model.layers.1.dense.units=4']));
    expect(layers).toEqual([{ dense: { units: 3 } }, { dense: { units: 4 } }, { dense: { units: 10 } }]);
  });

  it.each([
    ['seed', '--set seed: has no "="', 'write --set seed=value'],
    ['=3', '--set =3: has an empty name in its path', 'write --set path.to.key=value'],
    ['a..b=3', '--set a..b=3: has an empty name in its path', 'write --set path.to.key=value'],
    ['name=[1', '--set name=[1: the value is not YAML', `put it in quotes: --set 'name="..."'`],
    [
      'model.layers.3.dense.units=1',
      '--set model.layers.3.dense.units=1: 3 is not an index of the list model.layers',
      'use 0 to 1, or 2 to add one',
    ],
    [
      'model.layers.last.dense.units=1',
      '--set model.layers.last.dense.units=1: last is not an index of the list model.layers',
      'use 0 to 1, or 2 to add one',
    ],
  ])('%s is refused', (override, problem, remedy) => {
    expect(failure(good, override)).toMatchObject({ problem, remedy });
  });
});

describe('a value that breaks a rule', () => {
  const optimizers = 'sgd, momentum, adagrad, rmsprop, adam, adamw, lion, muon, adafactor, lamb';
  const trainingKeys =
    'epochs, batchSize, shards, accumulate, buckets, groupByLength, recompute, precision, clipNorm, l1, l2, classWeights, monitor, earlyStopping, restoreBest, logEvery';
  it.each([
    ['training.epochs=ten', 'training.epochs: "ten" is not a whole number of at least 1', 'correct it'],
    ['training.epochs="3"', 'training.epochs: "3" is not a whole number of at least 1', 'write 3 without quotes'],
    ['training.epochs=null', 'training.epochs is missing', 'add a whole number of at least 1'],
    ['training.batchSize=0', 'training.batchSize: 0 is not a whole number of at least 1 or "all"', 'correct it'],
    // Options of each loss, of the only target and of one by its name.
    ...['loss', 'loss.kind'].flatMap((loss): [string, string, unknown][] => [
      [`${loss}={huber: {delta: 0}}`, `${loss}.huber.delta: 0 is not a number above 0`, 'correct it'],
      [`${loss}={huber: {delta: x}}`, `${loss}.huber.delta: "x" is not a number above 0`, 'correct it'],
      [
        `${loss}={huber: {dleta: 1}}`,
        `${loss}.huber.dleta: unknown key`,
        expect.stringMatching(/^did you mean delta\?/),
      ],
      ...['binaryCrossentropy', 'categoricalCrossentropy', 'sparseCategoricalCrossentropy'].map(
        (name): [string, string, string] => [
          `${loss}={${name}: {fromLogits: 3}}`,
          `${loss}.${name}.fromLogits: 3 is not true or false`,
          'correct it',
        ],
      ),
      ...['categoricalCrossentropy', 'sparseCategoricalCrossentropy'].flatMap((name) =>
        ['-1.5', 'none', '1e12'].map((wrong): [string, string, string] => [
          `${loss}={${name}: {ignoreClass: ${wrong}}}`,
          `${loss}.${name}.ignoreClass: ${wrong === 'none' ? '"none"' : Number(wrong)} is not a whole number from -2147483648 to 2147483647`,
          'correct it',
        ]),
      ),
      [
        `${loss}={custom: {module: 3, name: a}}`,
        `${loss}.custom.module: 3 is not text that is not empty`,
        'correct it',
      ],
    ]),
    ['training.clipNorm=0', 'training.clipNorm: 0 is not a number above 0', 'correct it'],
    [
      'training.logEvery=0.5',
      'training.logEvery: 0.5 is not a whole number of at least 1',
      'correct it, or remove it for the default 50',
    ],
    ['seed=-1', 'seed: -1 is not a whole number from 0 to 4294967295', 'correct it, or remove it for the default 0'],
    [
      'data.stratify=yes',
      'data.stratify: "yes" is not true or false',
      'correct it, or remove it for the default false',
    ],
    ['training.epoch=1', 'training.epoch: unknown key', `did you mean epochs? The keys here are ${trainingKeys}`],
    ['training.batch.size=1', 'training.batch: unknown key', `the keys here are ${trainingKeys}`],
    [
      'epochs=1',
      'epochs: unknown key',
      'did you mean training.epochs? The keys here are ' +
        'name, seed, data, augment, model, loss, metrics, optimizer, schedule, training, evaluation, checkpoint, cluster, track, engine, backend',
    ],
    [
      'data.dir=x',
      'data.dir: unknown key',
      'the keys here are source, examples, seed, targets, split, trainingFraction, validation, test, stratify, memory',
    ],
    [
      'data.source=idy',
      'data.source: "idy" is not one of digits, idx, values, csv, parquet, jsonl, npy, images, text, module',
      'did you mean idx?',
    ],
    [
      'data={}',
      'data.source is missing',
      'add one of digits, idx, values, csv, parquet, jsonl, npy, images, text, module',
    ],
    ['data=5', 'data: 5 is not a mapping', 'correct it'],
    ['training=5', `training: 5 is not a mapping of ${trainingKeys}`, 'correct it'],
    ['model.layers=[]', 'model.layers: [] is not a list of at least 1', 'correct it'],
    ['engine=onx', 'engine: "onx" is not one of auto, onnx, tfjs', 'did you mean onnx?'],
    ['optimizer=adma', `optimizer: "adma" is not one of ${optimizers}`, 'did you mean adam?'],
    ['optimizer={}', `optimizer: holds nothing, and takes exactly one of ${optimizers}`, 'name one'],
    [
      'optimizer={sgd: {}, adam: {}}',
      `optimizer: holds sgd and adam, and takes exactly one of ${optimizers}`,
      'name one',
    ],
    ['optimizer.adma.beta1=0.5', `optimizer: "adma" is not one of ${optimizers}`, 'did you mean adam?'],
    [
      'optimizer.sgd.learningrate=0.5',
      'optimizer.sgd.learningrate: unknown key',
      'did you mean learningRate? The keys here are learningRate, emaMomentum',
    ],
    [
      'optimizer.sgd.learningRate=-0.5',
      'optimizer.sgd.learningRate: -0.5 is not a number above 0',
      'correct it, or remove it for the default 0.01',
    ],
    ['metrics=[acuracy]', `metrics.0: "acuracy" is not one of ${metricNames}`, 'did you mean accuracy?'],
    [
      'data={source: csv, file: a.csv, target: y, inputs: {u: {index: [a, b]}}}',
      'data.inputs.u.index: ["a","b"] is not text that is not empty',
      'correct it',
    ],
    [
      'cluster.sync=local',
      'cluster.sync: local stands without its options',
      expect.stringMatching(/^write \{ local: \{\} \}, where steps is a whole number/),
    ],
    ['name=a/b', 'name: "a/b" holds more than letters, digits, ".", "_" and "-"', 'correct it'],
    ['__proto__.x=1', '__proto__: unknown key', expect.stringMatching(/^the keys here are name, seed/)],
  ])('%s', (override, problem, remedy) => {
    const error = failure(good, override);
    expect(error.problem).toBe(problem);
    expect(error.remedy.replace(` (--set ${override})`, '')).toEqual(remedy);
    expect(error.remedy.endsWith(` (--set ${override})`)).toBe(true);
  });

  it('is a metric without the options that it needs, which the remedy names', () => {
    const needy = families.filter(({ bare }) => bare === undefined);
    expect(needy.map(({ name }) => name)).toEqual(expect.arrayContaining(['map', 'ndcg', 'fBeta', 'pinball']));
    for (const { name } of needy) {
      const { problem, remedy } = failure(good, `metrics=[${name}]`);
      expect(problem).toMatch(new RegExp(`^metrics\\.0: ${name} stands without \\w+$`));
      const [, written, key] = /^write (\{ .*\}), where (\w+) is /.exec(remedy)!;
      const value = name === 'custom' ? 'f' : '0.5';
      const filled = written.replace('...', key === 'k' ? '1' : value);
      expect(() => loadRunConfig(good, [`metrics=[${filled}]`])).not.toThrow();
    }
  });

  it('names the multiples of shards on both sides of a batch size', () => {
    const message = (batchSize: number) =>
      failure(good, 'training.shards=8', `training.batchSize=${batchSize}`).message.replace(/ \(.*/, '');
    expect(message(100)).toBe('training.batchSize: 100 is not a multiple of shards 8: use 96 or 104');
    expect(message(5)).toBe('training.batchSize: 5 is not a multiple of shards 8: use 8');
    expect(loadRunConfig(good, ['training.shards=8', 'training.batchSize=96']).training.shards).toBe(8);
  });

  it('refuses a sum by MPI beside what it cannot be', () => {
    expect(failure(good, 'cluster.allReduce=mpi').message).toMatch(
      /^cluster.transport: MPI adds up only where it is the transport, too: set cluster.transport: mpi, or cluster.allReduce: auto/,
    );
    const mpi = ['cluster.allReduce=mpi', 'cluster.transport=mpi'];
    expect(failure(good, ...mpi, 'cluster.precision=int8').message).toBe(
      'cluster.precision: MPI adds up whole float32 numbers, and int8 are asked for: remove cluster.precision, or set cluster.allReduce: auto (--set cluster.precision=int8)',
    );
    expect(loadRunConfig(good, mpi).cluster.allReduce).toBe('mpi');
  });

  it('refuses a backend beside engine onnx alone', () => {
    expect(failure(good, 'engine=onnx', 'backend=wasm').message).toBe(
      'backend: "wasm" is a backend of engine tfjs, and engine is onnx: remove backend, or set engine to tfjs (--set backend=wasm)',
    );
    expect(loadRunConfig(good, ['backend=wasm']).backend).toBe('wasm');
  });

  it('is found on its line of the file, all at once', () => {
    const yaml = GOOD.replace('epochs: 3', 'epochs: ten\n  bacthSize: 3').replace(
      'units: 10',
      'units: 10 }\n    - seven: { a: 1, b: 2',
    );
    const bad = file('bad.yaml', yaml.replace('optimizer: sgd', 'optimizer:\n  adm: {}').replace('loss:', '# loss:'));
    expect(failure(bad).message).toBe(
      [
        `${bad} has 4 mistakes: correct each of them`,
        '  loss is missing: add one of meanSquaredError, meanAbsoluteError, huber, binaryCrossentropy, ' +
          `categoricalCrossentropy, sparseCategoricalCrossentropy, hinge, custom (${bad}:1)`,
        `  optimizer: "adm" is not one of ${optimizers}: did you mean adam? (${bad}:9)`,
        `  training.epochs: "ten" is not a whole number of at least 1: correct it (${bad}:11)`,
        `  training.bacthSize: unknown key: did you mean batchSize? The keys here are ${trainingKeys} (${bad}:12)`,
      ].join('\n'),
    );
  });

  it('is found on its line in a list and behind an alias', () => {
    const layer = file('layer.yaml', GOOD.replace('- dense: { units: 10 }', '- 7'));
    expect(failure(layer).message).toBe(`model.layers.1: 7 is not text or a mapping: correct it (${layer}:5)`);
    const alias = file(
      'alias.yaml',
      `x: &t\n  epochs: 0\n  batchSize: 4\n${GOOD.replace(/training:.*/s, 'training: *t\n')}`,
    );
    expect(failure(alias).message).toContain(
      `  training.epochs: 0 is not a whole number of at least 1: correct it (${alias}:2)`,
    );
  });

  it('may be empty', () => {
    const empty = file('hole.yaml', GOOD.replace('optimizer: sgd', 'optimizer:\n  sgd:'));
    expect(failure(empty).message).toBe(`optimizer.sgd is empty: write {} for its defaults (${empty}:8)`);
  });
});

describe('a key that is empty', () => {
  /** Every mapping of the schema, by the first of what each may be. */
  function mappings(node: JsonSchema, path: readonly string[] = []): (readonly string[])[] {
    const [first] = alternatives(node);
    if (first?.type !== 'object') return [];
    const inner = Object.entries(first.properties ?? {}).flatMap(([key, each]) => mappings(each, [...path, key]));
    return path.length > 0 ? [path, ...inner] : inner;
  }
  const all = mappings(runJsonSchema());

  it.each(all.map((path) => path.join('.')))('%s has a remedy that leaves nothing to complain of', (path) => {
    const base = {
      name: 'x',
      data: { source: 'digits' },
      model: { layers: [{ dense: { units: 10 } }] },
      loss: 'hinge',
      optimizer: 'sgd',
      training: { epochs: 1, batchSize: 4 },
    };
    const keys = path.split('.');
    const set = (node: unknown, [key, ...rest]: string[], value: unknown): unknown =>
      key === undefined
        ? value
        : {
            ...(typeof node === 'object' ? node : {}),
            [key]: set((node as Record<string, unknown>)?.[key], rest, value),
          };
    const issuesAt = (value: unknown) =>
      runSchema.safeParse(set(base, keys, value), { error: () => '' }).error?.issues ?? [];
    const mistake = explainIssues(set(base, keys, null), issuesAt(null)).find((each) => each.path.join('.') === path);
    if (mistake?.remedy !== 'write {} for its defaults') return;
    expect(issuesAt({}).filter((issue) => issue.path.join('.').startsWith(path))).toEqual([]);
  });

  it('of a gate has one that can be followed, wherever it is', () => {
    const whole = {
      metrics: { accuracy: { min: 0.9 } },
      slices: { sex: { accuracy: { min: 0.9 } } },
      baseline: { run: 'runs/old', metrics: { accuracy: { worse: 0.01 } } },
    };
    const paths = [
      ['metrics'],
      ['metrics', 'accuracy'],
      ['slices'],
      ['slices', 'sex'],
      ['slices', 'sex', 'accuracy'],
      ['baseline'],
    ];
    paths.push(
      ['baseline', 'run'],
      ['baseline', 'metrics'],
      ['baseline', 'metrics', 'accuracy'],
      ['baseline', 'metrics', 'accuracy', 'worse'],
    );
    for (const path of paths) {
      const part = { [path[0]]: structuredClone(whole)[path[0] as 'metrics'] };
      const write = (value: unknown) => {
        const document = new Document(part);
        document.setIn(path, value);
        return file('gate.yaml', document.toString());
      };
      const [, example] = /add one such as (.*) \(/.exec(refusalOf(() => loadGate(write(null))).message) ?? [];
      expect(example, path.join('.')).toBeDefined();
      expect(() => loadGate(write(parse(example)))).not.toThrow();
    }
  });

  it('that says which of several mappings is meant is told what is wrong in that one', () => {
    const threshold = (value: string) =>
      refusalOf(() => loadRunConfig(good, [`evaluation.threshold=${value}`])).message;
    expect(threshold('{maximize: foo}')).toMatch(
      /^evaluation\.threshold\.maximize: "foo" is not one of f1, .*, recall, precision: /,
    );
    expect(threshold('{maximize: recall}')).toMatch(
      /^evaluation\.threshold\.precision is missing: add a number from 0 to 1 /,
    );
    expect(threshold('{maximize: f1, cost: {}}')).toContain(
      'evaluation.threshold.cost: does not go with maximize: f1: keep one',
    );
    expect(threshold('{maximize: f1, recall: 0.5}')).toContain(
      'evaluation.threshold.recall: unknown key: the keys here are maximize, cost',
    );
  });
});

describe('a file that is no config', () => {
  const remedy = 'write keys such as data, model, loss and training; see configs/digits.yaml';
  it.each([
    ['empty.yaml', '# nothing\n', ': is empty', remedy],
    ['list.yaml', '- a\n', ': holds a list, not a mapping', remedy],
    ['text.yaml', 'hello\n', ': holds one value, not a mapping', remedy],
    ['duplicate.yaml', 'a: 1\na: 2\n', ':2:1: map keys must be unique', 'correct the YAML there'],
    ['two.yaml', 'a: 1\n---\nb: 2\n', ':2:1: a second document starts here', 'correct the YAML there'],
    ['tag.yaml', 'a: !foo 1\n', ':1:4: unresolved tag: !foo', 'correct the YAML there'],
    ['tab.yaml', 'a:\n\tb: 1\n', ':2:1: tabs are not allowed as indentation', 'correct the YAML there'],
    ['binary.yaml', Buffer.from([0xff, 0xfe, 0]), ': is not UTF-8 text', 'name a YAML config file'],
  ])('%s', (name, content, problem, expected) => {
    const path = file(name, content);
    const error = failure(path);
    expect(error.problem).toBe(path + problem);
    expect(error.remedy).toBe(expected);
  });

  it('may have an alias without an anchor', () => {
    expect(failure(file('star.yaml', 'a: *x\n')).problem).toMatch(/star\.yaml: unresolved alias/);
  });

  it('may be missing, a folder, or below a file', () => {
    const own = join(folder, 'own');
    mkdirSync(own);
    expect(failure(join(own, 'x.yaml'))).toMatchObject({
      problem: `${join(own, 'x.yaml')}: no such file`,
      remedy: 'check the path',
    });
    writeFileSync(join(own, 'digits.yaml'), GOOD);
    expect(failure(join(own, 'digit.yaml')).remedy).toBe(`did you mean ${join(own, 'digits.yaml')}?`);
    expect(failure(join(own, 'other.yaml')).remedy).toBe('that folder has digits.yaml');
    expect(failure(own)).toMatchObject({
      problem: `${own}: is a folder`,
      remedy: `name a config file, such as ${join(own, 'digits.yaml')}`,
    });
    expect(failure(join(own, 'digits.yaml', 'x')).problem).toBe(
      `${join(own, 'digits.yaml', 'x')}: cannot be read (ENOTDIR)`,
    );
  });
});

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function failure(path: string, ...overrides: string[]): ConfigError {
  try {
    loadRunConfig(path, overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error(`${path} ${overrides.join(' ')} was accepted`);
}

it.each([
  ['training.classWeights.__proto__', ['training.classWeights={__proto__: 2}']],
  ['training.classWeights.__proto__', ['training.classWeights.__proto__=2']],
  ['data.dates.__proto__', ['data={source: csv, file: x.csv, target: y, dates: {__proto__: epoch}}']],
  ['model.options.__proto__', ['model={module: x.js, options: {__proto__: {a: 1}}}']],
])('the key __proto__ is refused where names are free, not dropped: %s', (place, overrides) => {
  expect(() => loadRunConfig(good, overrides)).toThrow(`${place}: a key of that name cannot be used`);
});

it('a name is near another only where they have something in common', () => {
  expect(suggest('a', ['y', 'w'])).toBeUndefined();
  expect(suggest('a', ['ab', 'A'])).toBe('A');
  expect(suggest('x', ['xs'])).toBe('xs');
});
