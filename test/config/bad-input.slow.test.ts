/** What a user can get wrong: `lockstep` says what, which rule and what to do, exits with 2 and writes nothing. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Finished, lockstep, lockstepServed, outcomesOf } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { idxFile } from '../support/idx.js';

interface Mistake {
  readonly args: readonly string[];
  /** In the message: the value and the rule. */
  readonly says: readonly (string | RegExp)[];
  readonly remedy: string | RegExp;
  readonly code?: string;
}

const folder = temporaryFolder();
/** Runs start in empty folders; a result would show. */
const work = temporaryFolder();
let started = 0;
const config = {
  data: { source: 'digits', examples: 100, validation: 0.1, test: 0.1 },
  model: { layers: [{ flatten: {} }, { dense: { units: 8 } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  training: { epochs: 1, batchSize: 16, shards: 2 },
};
writeConfig(folder, 'tiny', config);
writeFileSync(join(folder, 'broken.yaml'), 'seed: 1\nmodel: [unclosed\n');
writeFileSync(join(folder, 'a-file'), '');

const idxConfig = { ...config, data: { source: 'idx', dir: '.', validation: 0, test: 0 } };
writeConfig(folder, 'idx', idxConfig);
const images = idxFile([30, 4, 4]);
const labels = idxFile(
  [30],
  Array.from({ length: 30 }, (_, i) => i % 3),
);
for (const [name, pair] of Object.entries({
  truncated: { images: images.subarray(0, 200), labels },
  swapped: { images: labels, labels: images },
  fewer: { images, labels: idxFile([29]) },
  text: { images: Buffer.from('<html>404 Not Found</html>'), labels },
  alone: { images },
})) {
  mkdirSync(join(folder, name));
  for (const [kind, content] of Object.entries(pair)) {
    writeFileSync(join(folder, name, `t-${kind}-idx${kind === 'images' ? 3 : 1}-ubyte`), content);
  }
}

const tiny = join(folder, 'tiny.yaml');
const inputs = snapshot(folder);
const set = (...overrides: string[]): string[] => [tiny, ...overrides.flatMap((text) => ['--set', text])];
const layer = (text: string): string[] => set(`model.layers.1={${text}}`);
const idx = (dir: string): string[] => [join(folder, 'idx.yaml'), '--set', `data.dir=${join(folder, dir)}`];

const mistakes: Record<string, Mistake> = {
  'a config file that is missing': {
    args: [join(folder, 'tinny.yaml')],
    says: ['tinny.yaml: no such file'],
    remedy: 'tiny.yaml',
  },
  'a config file that is no YAML': {
    args: [join(folder, 'broken.yaml')],
    says: [/broken\.yaml:\d+:\d+: /],
    remedy: 'correct the YAML',
  },
  'a data folder that is missing': {
    args: idx('nowhere'),
    says: ['nowhere', /no such folder|does not exist/],
    remedy: /./,
    code: 'LOCKSTEP_DATA',
  },
  'a data file that is missing': { args: idx('alone'), says: [/t-labels|labels/], remedy: /./, code: 'LOCKSTEP_DATA' },
  'a truncated IDX file': {
    args: idx('truncated'),
    says: ['t-images-idx3-ubyte', /480|496/, /184|200/],
    remedy: /./,
    code: 'LOCKSTEP_DATA',
  },
  'IDX files with their names swapped': {
    args: idx('swapped'),
    says: ['t-images-idx3-ubyte', /label|dimension/],
    remedy: /./,
    code: 'LOCKSTEP_DATA',
  },
  'IDX files of different lengths': { args: idx('fewer'), says: ['30', '29'], remedy: /./, code: 'LOCKSTEP_DATA' },
  'an IDX file that is none': { args: idx('text'), says: ['t-images-idx3-ubyte'], remedy: /./, code: 'LOCKSTEP_DATA' },
  'an unknown layer': {
    args: layer('densee: { units: 8 }'),
    says: ['model.layers.1 (densee)', 'there is no layer densee'],
    remedy: 'did you mean dense?',
    code: 'LOCKSTEP_MODEL',
  },
  'an unknown option of a layer': {
    args: layer('dense: { units: 8, activaton: relu }'),
    says: ['model.layers.1 (dense)', 'activaton'],
    remedy: 'did you mean activation?',
    code: 'LOCKSTEP_MODEL',
  },
  'an option of a layer with a wrong value': {
    args: layer('dense: { units: many }'),
    says: ['model.layers.1 (dense)', 'many'],
    remedy: /./,
    code: 'LOCKSTEP_MODEL',
  },
  'a constraint, which no optimizer here applies': {
    args: layer('dense: { units: 8, kernelConstraint: nonNeg }'),
    says: ['model.layers.1 (dense)', 'kernelConstraint is not supported'],
    remedy: 'regularizer',
    code: 'LOCKSTEP_MODEL',
  },
  'a layer whose shape does not fit': {
    args: layer('conv2d: { filters: 4, kernelSize: 3 }'),
    says: ['model.layers.1 (conv2d)', /ndim=4.*ndim=2/],
    remedy: 'shape',
    code: 'LOCKSTEP_MODEL',
  },
  'a window larger than the image': {
    args: set('model.layers=[{conv2d: {filters: 2, kernelSize: 29}}, {flatten: {}}, {dense: {units: classes}}]'),
    says: ['model.layers.0 (conv2d)', 'the shape [0, 0, 2]'],
    remedy: 'shape',
    code: 'LOCKSTEP_MODEL',
  },
  'a reshape to another size': {
    args: set('model.layers.0={reshape: {targetShape: [28, 27]}}'),
    says: ['model.layers.0 (reshape)', 'size'],
    remedy: 'shape',
    code: 'LOCKSTEP_MODEL',
  },
  'a rate that is none': {
    args: layer('dropout: { rate: 1.5 }'),
    says: ['model.layers.1 (dropout)', 'rate: 1.5', 'below 1'],
    remedy: 'correct it',
    code: 'LOCKSTEP_MODEL',
  },
  'a last layer that does not fit the classes': {
    args: set('model.layers.2={dense: {units: 7}}'),
    says: ['sparseCategoricalCrossentropy', '[7]', '10 classes'],
    remedy: 'units: classes',
    code: 'LOCKSTEP_MODEL',
  },
  'a loss that does not fit the targets': {
    args: set('loss=meanSquaredError'),
    says: ['meanSquaredError', 'class indices'],
    remedy: 'sparseCategoricalCrossentropy',
    code: 'LOCKSTEP_MODEL',
  },
  'an unknown loss': { args: set('loss=crossentropy'), says: ['loss: "crossentropy"'], remedy: /./ },
  'a batch that the shards cannot divide': {
    args: set('training.batchSize=15'),
    says: ['training.batchSize: 15', 'multiple of shards 2'],
    remedy: 'use 14 or 16',
  },
  'a batch of everything that the shards cannot divide': {
    args: set('training.batchSize=all', 'training.shards=3'),
    says: ['training.shards', '80', 'shards 3'],
    remedy: 'shards: auto',
  },
  'a batch that exceeds the training split': {
    args: set('training.batchSize=82'),
    says: ['training.batchSize: 82', '80 examples'],
    remedy: 'at most 80',
  },
  'an unknown key': {
    args: set('training.epoch=3'),
    says: ['training.epoch: unknown key'],
    remedy: 'did you mean epochs?',
  },
  'a value of the wrong type': {
    args: set('training.epochs=two'),
    says: ['training.epochs: "two"', 'whole number of at least 1'],
    remedy: '--set training.epochs=two',
  },
  'splits that leave nothing for training': {
    args: set('data.validation=0.6', 'data.test=0.5'),
    says: ['0.6', '0.5', 'nothing for training'],
    remedy: 'smaller',
    code: 'LOCKSTEP_DATA',
  },
  'no threads': { args: [tiny, '--threads', '0'], says: ['--threads 0', '1 to'], remedy: '--threads' },
  'threads that are no number': { args: [tiny, '--threads', 'x'], says: ['--threads x'], remedy: '--threads' },
  'an output folder below a file': {
    args: [tiny, '--out', join(folder, 'a-file', 'runs')],
    says: ['a-file/runs', 'a file, not a folder'],
    remedy: '--out',
    code: 'LOCKSTEP_OUTPUT',
  },
  'an output folder where none can be made': {
    args: [tiny, '--out', '/dev/null/runs'],
    says: ['/dev/null/runs'],
    remedy: '--out',
    code: 'LOCKSTEP_OUTPUT',
  },
  'a backend for engine onnx': {
    args: [tiny, '--engine', 'onnx', '--backend', 'cpu'],
    says: ['backend: "cpu"', 'engine is onnx'],
    remedy: 'remove backend',
  },
};

/** Mistakes of each kind as a user makes them: in a process of their own. */
const alone = [
  ...['a config file that is missing', 'a truncated IDX file', 'an unknown layer', 'an output folder below a file'],
  ...['a batch that exceeds the training split', 'no threads'],
];

/** Runs and asserts what holds for all mistakes: exit code 2, no stack trace, nothing written. */
async function refused(args: readonly string[], run = lockstepServed): Promise<Finished> {
  const current = join(work, String(started++));
  mkdirSync(current);
  const finished = await run(args, current);
  expect(finished.code).toBe(2);
  expect(`${finished.stdout}${finished.stderr}`).not.toMatch(/\n\s+at |node:internal|\.js:\d+/);
  expect(readdirSync(current)).toEqual([]);
  expect(snapshot(folder)).toEqual(inputs);
  return finished;
}

describe('lockstep train refuses', () => {
  it.concurrent.each(Object.entries(mistakes))('%s', async (name, { args, says, remedy, code = 'LOCKSTEP_CONFIG' }) => {
    const run = alone.includes(name) ? lockstep : lockstepServed;
    const { stdout, stderr } = await refused(['train', ...args, '--json'], run);
    expect(stderr).toBe('');
    const events = outcomesOf(stdout);
    expect(events).toHaveLength(1);
    const [error] = events;
    if (error.event !== 'error') throw new Error(stdout);
    expect(error.code).toBe(code);
    for (const part of says) expect(error.message).toMatch(part);
    expect(error.remedy).toMatch(remedy);
  });

  it.concurrent.each(['an unknown layer', 'a truncated IDX file', 'no threads'])('%s, in words', async (name) => {
    const { args, says, remedy } = mistakes[name];
    const { stdout, stderr } = await refused(['train', ...args]);
    const [problem, advice, code] = `${stdout}${stderr}`.split('\n');
    expect(problem).toMatch(/^error: /);
    for (const part of says) expect(problem).toMatch(part);
    expect(advice).toMatch(/^remedy: /);
    expect(advice).toMatch(remedy);
    expect(code).toMatch(/^LOCKSTEP_[A-Z]+$/);
  });

  it('several mistakes at once, each with its place', async () => {
    const { stdout } = await refused(['train', ...set('training.epochs=0', 'losss=huber'), '--json']);
    expect(stdout).toContain('training.epochs: 0 is not a whole number of at least 1');
    expect(stdout).toContain('losss: unknown key');
    expect(stdout).toContain('did you mean loss?');
  });
});

describe('the command line refuses', () => {
  it.concurrent.each([
    { args: ['train', tiny, '--thread', '2'], says: /unknown option '--thread'[\s\S]*--threads/ },
    { args: ['train', tiny, '--epochs', '3'], says: /is a key of configs: --set training\.epochs=3\n$/ },
    { args: ['train', tiny, '--batch_size=64'], says: /: --set training\.batchSize=64\n$/ },
    { args: ['coordinator', tiny, '--lr', '0.1'], says: /: --set optimizer\.NAME\.learningRate=0\.1, with the NAME/ },
    { args: ['train', tiny, '--engine', 'cuda'], says: /'cuda'[\s\S]*auto, onnx, tfjs/ },
    { args: ['train'], says: /missing required argument 'config', or --resume/ },
    { args: ['train', tiny, tiny], says: /too many arguments/ },
    { args: ['trian', 'tiny.yaml'], says: /unknown command 'trian'[\s\S]*train/ },
    { args: [], says: /Usage: lockstep/ },
  ])('$args', async ({ args, says }) => {
    const { stdout, stderr } = await refused(args, args[0] === 'trian' ? lockstep : lockstepServed);
    expect(stdout).toBe('');
    expect(stderr).toMatch(says);
  });
});
