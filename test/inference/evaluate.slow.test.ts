/** `lockstep evaluate`: the numbers of the run itself, to the last bit, and a word for everything that is not there. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type EvaluationResult, evaluate } from '../../coordinator/inference/evaluate.js';
import type { LockstepError } from '../../src/errors.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { idxFile } from '../support/idx.js';
import { picture, writeFile } from '../support/images.js';
import { writeModule } from '../support/modules.js';
import { type Trained, trained } from '../support/runs.js';

const folder = temporaryFolder();
const base = { loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] };
const mlp = { layers: ['flatten', { dense: { units: 12, activation: 'relu' } }, { dense: { units: 'classes' } }] };
const training = { epochs: 2, batchSize: 32 };

async function evaluated(args: readonly string[]): Promise<EvaluationResult> {
  const { code, stdout, stderr } = await lockstepServed(['evaluate', ...args, '--json'], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { event, ...result } = JSON.parse(stdout);
  expect(event).toBe('evaluation');
  return result;
}

/** The class, problem and remedy of what a call is refused with. */
async function refusal(...args: Parameters<typeof evaluate>) {
  const error = await evaluate(...args).then(
    () => undefined,
    (reason: LockstepError) => reason,
  );
  return [error?.code, error?.problem, error?.remedy];
}

const train = (name: string, config: object) => trained(writeConfig(folder, name, config), [], join(folder, 'runs'));

let digits: Trained;
beforeAll(async () => {
  digits = await train('digits', {
    ...base,
    data: { source: 'digits', examples: 300, validation: 0.2, test: 0.3, stratify: true },
    model: {
      layers: [
        { conv2d: { filters: 4, kernelSize: 3, strides: 2 } },
        'batchNormalization',
        { activation: { activation: 'relu' } },
        'flatten',
        { dropout: { rate: 0.3 } },
        { dense: { units: 'classes' } },
      ],
    },
    metrics: ['accuracy', { topKAccuracy: { k: 3 } }],
    seed: 0,
    // Steps grow until they are so large that the last epoch is far from the best.
    optimizer: { adam: { learningRate: 1 } },
    schedule: { constant: { warmupSteps: 400 } },
    training: { epochs: 4, batchSize: 12 },
  });
});
const run = () => digits.start.folder;

describe('a run', () => {
  it('is evaluated with the very numbers that it ended with', async () => {
    const test = await evaluated([run(), '--model', 'final', '--threads', '1']);
    expect(test).toMatchObject({
      model: join(run(), 'model'),
      split: 'test',
      examples: 90,
      metrics: digits.end.test!,
    });
    expect(Object.keys(test.metrics)).toEqual(['loss', 'accuracy', 'topKAccuracy']);
    const validation = await evaluated([run(), '--model', 'final', '--split', 'validation', '--threads', '3']);
    expect(validation).toMatchObject({ split: 'validation', examples: 60, metrics: digits.end.validation! });
  });

  it('has its best model evaluated unless another is asked for', async () => {
    const best = digits.epochs.findLast((epoch) => epoch.best)!;
    expect(best.validation).not.toEqual(digits.end.validation);
    const result = await evaluate(run(), { split: 'validation' });
    expect(result).toMatchObject({ model: join(run(), 'best'), metrics: best.validation! });
    for (const place of [join(run(), 'best'), join(run(), 'best', 'model.json')]) {
      expect(await metricsOf(place, { split: 'validation' })).toEqual(best.validation);
    }
    const other = await evaluate(run(), { split: 'validation', model: join(run(), 'model') });
    expect(other.metrics).toEqual(digits.end.validation);
  });

  it('is reported in words', async () => {
    const { stdout, code } = await lockstepServed(['evaluate', run(), '--model', 'final'], folder);
    expect(code).toBe(0);
    expect(stdout).toContain(`model         ${join(run(), 'model')}\n`);
    expect(stdout).toContain('examples      90 test\n');
    expect(stdout).toMatch(/^diagnosis: \w.*\n {2}\w/m);
    expect(stdout).toContain('  - --set training.epochs=8 trains longer from the start\n');
    const plain = await lockstepServed(['evaluate', run(), '--model', 'final', '--no-diagnosis'], folder);
    expect(plain.stdout).not.toContain('diagnosis');
  });

  it('is evaluated with other values of its config', async () => {
    const overrides = ['metrics=[{topKAccuracy: {k: 2}}]', 'data.test=0.1'];
    const result = await evaluate(run(), { overrides, model: 'final' });
    expect(result.examples).toBe(30);
    expect(Object.keys(result.metrics)).toEqual(['loss', 'topKAccuracy']);
  });

  it('is told of splits that are not those that it was trained with', async () => {
    const warnings: string[] = [];
    const options = { model: 'final', warn: (message: string) => warnings.push(message) };
    await evaluate(run(), { ...options, overrides: ['metrics=[accuracy]', 'evaluation.resamples=0'] });
    expect(warnings).toEqual([]);
    await evaluate(run(), { ...options, overrides: ['seed=2', 'data.test=0.1', 'evaluation.resamples=0'] });
    expect(warnings).toEqual([
      'the splits are not those of the run (seed 2 in the place of 0, data.test 0.1 in the place of 0.3): examples that it was ' +
        'trained on may be among those evaluated',
    ]);
  });

  it('has an interval for each number, the same for any number of threads', async () => {
    const options = { model: 'final', overrides: ['evaluation.resamples=300'] };
    const { metrics, intervals, confidence, notes } = await evaluate(run(), { ...options, threads: 1 });
    expect(Object.keys(intervals)).toEqual(Object.keys(metrics));
    expect([confidence, notes]).toEqual([0.95, {}]);
    for (const [name, { low, high }] of Object.entries(intervals)) {
      expect(metrics[name]).toBeGreaterThan(low);
      expect(metrics[name]).toBeLessThan(high);
    }
    expect((await evaluate(run(), { ...options, threads: 3 })).intervals).toEqual(intervals);
    const without = await evaluate(run(), { model: 'final', overrides: ['evaluation.resamples=0'] });
    expect([without.metrics, without.intervals]).toEqual([metrics, {}]);
  });

  it('may have been moved, and its model exported elsewhere', async () => {
    const moved = join(folder, 'moved', 'run');
    cpSync(run(), moved, { recursive: true });
    expect(await metricsOf(moved, { model: 'final' })).toEqual(digits.end.test);
    const alone = join(folder, 'alone');
    cpSync(join(run(), 'model'), alone, { recursive: true });
    expect(await refusal(alone)).toEqual([
      'LOCKSTEP_CONFIG',
      `${alone}: the model is in no run's folder, so nothing says what its data, loss and metrics are`,
      'name a config file with --config',
    ]);
    const config = join(run(), 'config.yaml');
    expect(await metricsOf(alone, { config })).toEqual(digits.end.test);
  });
});

describe('other data', () => {
  const random = lcg(4);

  it('of a table are scaled as training was, and have its classes', async () => {
    const row = () => {
      const [a, b] = [random() * 100, random() * 3];
      const kind = random() < 0.2 ? '' : random() < 0.5 ? 'red' : 'blue';
      return `${a.toFixed(2)},${random() < 0.1 ? '' : b.toFixed(3)},${kind},${a + 20 * b > 80 ? 'many' : 'few'}`;
    };
    const table = (count: number) => `${['a,b,kind,label', ...Array.from({ length: count }, row)].join('\n')}\n`;
    const [file, test] = [join(folder, 'table.csv'), join(folder, 'test.csv')];
    writeFileSync(file, table(300));
    writeFileSync(test, table(60));
    const data = { source: 'csv', file, test, validation: 0.1, target: 'label', missing: 'mean' };
    const model = { layers: mlp.layers.slice(1) };
    const { end, start } = await train('table', { ...base, data, model, training });
    expect(await metricsOf(start.folder, { model: 'final' })).toEqual(end.test);
    const other = await evaluate(start.folder, { model: 'final', data: test });
    expect(other).toMatchObject({ split: null, examples: 60, metrics: end.test! });
    // Scaled by what these rows themselves measure, or with classes of their own, the loss would be another.
    writeFileSync(join(folder, 'few.csv'), 'label,kind,b,a\nmany,green,1,99\n');
    const one = await evaluate(start.folder, { data: join(folder, 'few.csv') });
    expect(one.examples).toBe(1);
    writeFileSync(join(folder, 'new.csv'), 'label,kind,b,a\nsome,red,1,99\n');
    const [code, problem] = await refusal(start.folder, { data: join(folder, 'new.csv') });
    expect(code).toBe('LOCKSTEP_DATA');
    expect(problem).toContain('column label holds the class "some"');
  });

  it.each(['a table', 'a table of images'])(
    'of %s need no weights, which are of the training loss alone',
    async (kind) => {
      const dir = join(folder, kind.replaceAll(' ', '-'));
      const lines = Array.from({ length: 20 }, (_, i) => `${i}.png,${i},${3 * i + 1},${0.1 + i * i}`);
      const file = join(dir, 'table.csv');
      writeFile(file, ['file,x,y,w', ...lines].join('\n'));
      const plain = join(dir, 'plain.csv');
      writeFile(plain, ['file,x,y', ...lines.map((line) => line.replace(/,[^,]*$/, ''))].join('\n'));
      for (let i = 0; i < 20; i++) {
        const pixels = Uint8Array.from({ length: 12 }, (_, j) => (i * 12 + j) % 256);
        writeFile(join(dir, `${i}.png`), await picture(pixels, 2, 2, 3).png().toBuffer());
      }
      const about = { targets: { size: 'y' }, weight: 'w', validation: 0, test: 0 };
      const run = await train(`weights-${kind.replaceAll(' ', '-')}`, {
        ...(kind === 'a table'
          ? {
              data: { source: 'csv', file, inputs: { x: 'x' }, ...about },
              model: { layers: [{ dense: { name: 'size', from: 'x', units: 1 } }] },
            }
          : {
              data: { source: 'images', table: file, inputs: { x: 'x', picture: { image: 'file' } }, ...about },
              model: {
                layers: [
                  { flatten: { name: 'flat', from: 'picture' } },
                  { concatenate: { from: ['flat', 'x'] } },
                  { dense: { name: 'size', units: 1 } },
                ],
              },
            }),
        loss: { size: 'meanSquaredError' },
        metrics: { size: ['mae'] },
        training: { epochs: 2, batchSize: 20 },
      });
      const metrics = await metricsOf(run.start.folder, { split: 'training' });
      expect(await metricsOf(run.start.folder, { data: file })).toEqual(metrics);
      expect(await metricsOf(run.start.folder, { data: plain })).toEqual(metrics);
    },
  );

  it('of images have the classes of the folders by name', async () => {
    const dir = join(folder, 'images');
    const names = ['cat', 'dog', 'owl'];
    for (let i = 0; i < 60; i++) {
      const pixels = Uint8Array.from({ length: 48 }, () => 60 * (i % 3) + Math.floor(random() * 80));
      const part = i < 45 ? 'train' : 'test';
      writeFile(join(dir, part, names[i % 3], `${i}.png`), await picture(pixels, 4, 4, 3).png().toBuffer());
    }
    const data = { source: 'images', dir: join(dir, 'train'), test: join(dir, 'test'), validation: 0 };
    const { end, start } = await train('images', { ...base, data, model: mlp, training: { epochs: 2, batchSize: 9 } });
    expect(await metricsOf(start.folder, { data: join(dir, 'test') })).toEqual(end.test);
    // Without the first class, folders count from another one.
    const cats = await evaluate(start.folder, { data: join(dir, 'test') });
    rmSync(join(dir, 'test', 'cat'), { recursive: true });
    const rest = await evaluate(start.folder, { data: join(dir, 'test') });
    expect([cats.examples, rest.examples]).toEqual([15, 10]);
    cpSync(join(dir, 'test', 'dog'), join(dir, 'test', 'fox'), { recursive: true });
    const [, problem] = await refusal(start.folder, { data: join(dir, 'test') });
    expect(problem).toBe('the data have a class "fox" that the model was not trained on');
    rmSync(join(dir, 'test', 'fox'), { recursive: true });
    const only = await evaluate(start.folder, { data: join(dir, 'train'), overrides: ['metrics=[]'] });
    expect(only.examples).toBe(45);
  });

  it('of the MNIST family lie in another folder', async () => {
    const files = (dir: string, prefix: string, count: number, classes: number) => {
      mkdirSync(dir, { recursive: true });
      const pixels = Uint8Array.from({ length: count * 16 }, () => Math.floor(random() * 256));
      const labels = Uint8Array.from({ length: count }, (_, i) => i % classes);
      writeFileSync(join(dir, `${prefix}-images-idx3-ubyte`), idxFile([count, 4, 4], pixels));
      writeFileSync(join(dir, `${prefix}-labels-idx1-ubyte`), idxFile([count], labels));
    };
    const [dir, other] = [join(folder, 'idx'), join(folder, 'idx-other')];
    files(dir, 'train', 90, 4);
    files(dir, 'test', 30, 3);
    cpSync(dir, other, { recursive: true, filter: (path) => !path.includes('train') });
    const data = { source: 'idx', dir, test: 'test', validation: 0 };
    const { end, start } = await train('idx', { ...base, data, model: mlp, training: { epochs: 1, batchSize: 30 } });
    // The other folder's labels know but three of the four classes.
    const result = await evaluate(start.folder, { data: other });
    expect(result).toMatchObject({ examples: 30, metrics: end.test! });
  });

  it('of a text have the characters of training', async () => {
    const text = 'a rose is a rose is a rose. '.repeat(30);
    const [file, rest] = [join(folder, 'text.txt'), join(folder, 'rest.txt')];
    writeFileSync(file, text);
    writeFileSync(rest, text.slice(Math.round(text.length * 0.8)));
    const model = { layers: [{ embedding: { inputDim: 'classes', outputDim: 4 } }, ...mlp.layers] };
    const data = { source: 'text', file, window: 5, stride: 3, validation: 0, test: 0.2 };
    const { end, start } = await train('text', { ...base, data, model, training });
    expect(await metricsOf(start.folder, { data: rest })).toEqual(end.test);
    writeFileSync(rest, 'aaaaaaaaa, bbbbb');
    expect((await refusal(start.folder, { data: rest }))[1]).toContain('the character ","');
  });
});

describe('models of users', () => {
  it('are built by their module, with its loss and metrics', async () => {
    const module = join(folder, 'own.mjs');
    writeFileSync(
      module,
      `export default (tf, { inputShape, classes }) => {
        class Twice extends tf.layers.Layer {
          static className = 'Twice';
          call(inputs) { return tf.mul([inputs].flat()[0], 2); }
          computeOutputShape(shape) { return shape; }
        }
        tf.serialization.registerClass(Twice);
        return tf.sequential({ layers: [tf.layers.flatten({ inputShape }), new Twice({}), tf.layers.dense({ units: classes })] });
      };
      export const squares = (tf, targets, outputs) =>
        tf.sum(tf.square(tf.sub(tf.oneHot(targets, outputs.shape[1]), outputs)), 1);`,
    );
    const { end, start } = await train('own', {
      data: { source: 'digits', examples: 300, validation: 0.1, test: 0.2 },
      model: { module },
      loss: { custom: { name: 'squares' } },
      metrics: ['accuracy', { custom: { name: 'squares' } }],
      training: { epochs: 1, batchSize: 32 },
    });
    const result = await evaluate(start.folder, { model: 'final' });
    expect(result.metrics).toEqual(end.test);
    expect(result.metrics.squares).toBeCloseTo(result.metrics.loss, 5);
  });

  it('with a kernel that is not compiled run on engine tfjs', async () => {
    // The compiled engine has no complex numbers.
    const module = writeModule(
      folder,
      'spectrum.mjs',
      'export const spectrum = (tf, targets, outputs) => tf.mean(tf.abs(tf.spectral.rfft(outputs)), -1);',
    );
    const { end, start } = await train('spectral', {
      data: { source: 'digits', examples: 100, validation: 0.1, test: 0.2 },
      model: { layers: ['flatten', { dense: { units: 'classes' } }] },
      ...base,
      metrics: ['accuracy', { custom: { name: 'spectrum', module } }],
      training: { epochs: 1, batchSize: 70 },
    });
    expect(start.engine).toBe('tfjs');
    expect(await metricsOf(start.folder, { model: 'final', threads: 1 })).toEqual(end.test);
  });
});

describe('what is not there', () => {
  it('is named, with what there is', async () => {
    expect(await refusal(`${run()}2`)).toEqual([
      'LOCKSTEP_MODEL',
      `${run()}2: no such run or model`,
      `did you mean ${run()}?`,
    ]);
    const runs = join(folder, 'runs');
    const [, problem, remedy] = await refusal(runs);
    expect(problem).toBe(`${runs}: holds no run and no model`);
    expect(remedy).toContain(run());
    expect((await refusal(join(run(), 'metrics.jsonl')))[1]).toContain('is a file, and no model.json');
    expect(await refusal(run(), { overrides: ['data.test=0'], split: 'test' })).toEqual([
      'LOCKSTEP_DATA',
      'the run has no test split',
      'it has validation (60 examples), training (240 examples)',
    ]);
    expect((await refusal(run(), { overrides: ['data.test=0', 'data.validation=0'] }))[1]).toContain('neither a test');
    expect((await refusal(run(), { data: 'x' }))[1]).toContain('source digits has no place');
    expect((await refusal(run(), { data: 'x', split: 'test' }))[1]).toContain('--split test and --data x');
    expect((await refusal(run(), { model: 'worst' }))[2]).toContain('use --model best or --model final');
    expect((await refusal(join(run(), 'best'), { model: 'final' }))[1]).toContain('is a model, not a run');
  });

  it('is a model, where the run was killed before it had one', async () => {
    const killed = join(folder, 'killed');
    mkdirSync(join(killed, 'checkpoints', '1'), { recursive: true });
    cpSync(join(run(), 'config.yaml'), join(killed, 'config.yaml'));
    expect(await refusal(killed)).toEqual([
      'LOCKSTEP_MODEL',
      `${killed}: has no model: the run ended before it saved one`,
      `go on with it: npx lockstep train --resume ${killed}`,
    ]);
    cpSync(join(run(), 'best'), join(killed, 'best'), { recursive: true });
    expect(await refusal(killed, { model: 'final' })).toEqual([
      'LOCKSTEP_MODEL',
      `${killed}: has no final model: the run did not come to its end`,
      'use --model best',
    ]);
    writeFileSync(join(killed, 'best', 'weights.bin'), readFileSync(join(run(), 'best', 'weights.bin')).subarray(8));
    expect((await refusal(killed))[1]).toMatch(/weights\.bin.*bytes/);
  });

  it('ends the command with exit code 2, and nothing is written', async () => {
    const before = snapshot(folder);
    const { code, stdout, stderr } = await lockstepServed(['evaluate', 'nowhere'], folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: nowhere: no such run or model\nremedy: .*\nLOCKSTEP_MODEL\n$/);
    const json = await lockstepServed(['evaluate', run(), '--threads', '0', '--json'], folder);
    expect(json.code).toBe(2);
    expect(eventOf(eventsOf(json.stdout), 'error').message).toContain('--threads 0');
    expect(snapshot(folder)).toEqual(before);
  });
});
