/**
 * `data.standardizeTargets`: fitted on the training split in 64 bits, undone in metrics and predictions, as numpy and
 * scikit-learn do it: scripts/peers/standardized_targets.py made the fixture.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { exportModel } from '../../coordinator/inference/export.js';
import { type PredictedValue, predict } from '../../coordinator/inference/predict.js';

import { resume } from '../../coordinator/local/train.js';
import { dataSchema } from '../../src/config/data.js';
import { defineConfig } from '../../src/config/define.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { fingerprintOf } from '../../src/data/fingerprint.js';
import { loadDataset } from '../../src/data/load-data.js';
import { eventsOf, lockstepServed } from '../support/cli.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { packageRoot } from '../support/package.js';
import { partsOf } from '../support/parts.js';
import { numbersOf } from '../support/predictions.js';
import { resultOf, type Trained, trained } from '../support/runs.js';
import { npyFile } from '../support/tables.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const golden = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/standardized-targets.json'), 'utf8')) as {
  training: number;
  features: number[][];
  targets: number[][];
  mean: number[];
  deviation: number[];
  standardized: number[][];
  predicted: number[][];
  metrics: Record<string, number>;
  uniform: number;
  first: Record<string, number>;
};
const { training, features, targets } = golden;

const path = (name: string) => join(folder, name);
const rowsOf = (from: number, to?: number) => features.slice(from, to).map((row, i) => [...row, ...targets[from + i]]);
function writeCsv(name: string, rows: readonly (readonly number[])[]): string {
  writeFileSync(path(name), `x1,x2,when,size\n${rows.map((row) => row.join(',')).join('\n')}\n`);
  return path(name);
}
const trainFile = writeCsv('train.csv', rowsOf(0, training));
const heldFile = writeCsv('held.csv', rowsOf(training));
const doubles = (rows: readonly (readonly number[])[]) => new Uint8Array(Float64Array.from(rows.flat()).buffer);

const table = { target: ['when', 'size'], standardize: false };
const csv = { source: 'csv', file: trainFile, validation: heldFile, test: 0, ...table, standardizeTargets: true };
/** A model that gives its features: steps are too small to change a bit. */
const fixed = {
  data: csv,
  model: { layers: [{ dense: { units: 2, kernelInitializer: 'identity', useBias: false } }] },
  loss: 'meanSquaredError',
  metrics: ['mae', 'mse', 'r2'],
  optimizer: { sgd: { learningRate: 1e-30 } },
  training: { epochs: 1, batchSize: 8 },
};
const learning = {
  ...fixed,
  model: { layers: [{ dense: { units: 6, activation: 'tanh' } }, { dense: { units: 2 } }] },
  optimizer: { adam: { learningRate: 0.05 } },
  training: { epochs: 3, batchSize: 8, shards: 4 },
};

/** Equal but for the rounding of standardized numbers to 32 bits. */
function expectNear(actual: Record<string, number>, expected: Record<string, number>) {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) {
    expect(Math.abs(actual[name] - value) / Math.abs(value), name).toBeLessThan(1e-6);
  }
}

async function valuesOf(rows: AsyncIterable<PredictedValue>): Promise<number[]> {
  const values: number[] = [];
  for await (const row of rows) values.push(...numbersOf(row));
  return values;
}

/** The same training rows, whatever they come in. */
function sources(): [string, object][] {
  const columns = ['x1', 'x2', 'when', 'size'].map((name, i) => {
    return { name, data: rowsOf(0, training).map((row) => row[i]), type: 'DOUBLE' as const };
  });
  writeFileSync(path('train.parquet'), Buffer.from(parquetWriteBuffer({ columnData: columns })));
  const [x, y] = [features.slice(0, training), targets.slice(0, training)];
  writeFileSync(path('x.npy'), npyFile('<f8', [training, 2], doubles(x)));
  writeFileSync(path('y.npy'), npyFile('<f8', [training, 2], doubles(y)));
  const examples = x.map((row, i) => ({ features: row, target: y[i] }));
  const file = writeModule(folder, 'data.mjs', `export default ${JSON.stringify(examples)};`);
  return [
    ['csv', { file: trainFile, ...table }],
    ['parquet', { file: path('train.parquet'), ...table }],
    ['npy', { features: path('x.npy'), targets: path('y.npy') }],
    ['values', { features: x, targets: y }],
    ['module', { file }],
  ];
}

const read = (data: object, warn?: (message: string) => void) => loadDataset(dataSchema.parse(data), 0, { warn });
const whole = { validation: 0, test: 0 };

describe('targets', () => {
  it.each(sources())('of source %s are standardized from their 64 bits, without a warning', async (source, data) => {
    const warnings: string[] = [];
    const asked = { source, ...data, ...whole, standardizeTargets: true };
    const { encoding, examples, splits, description } = await read(asked, (message) => warnings.push(message));
    expect(warnings).toEqual([]);
    expect(description).toContain('standardized targets');
    const { mean, deviation } = encoding.targetScaling!;
    [...mean, ...deviation].forEach((value, i) => {
      expect(value / [...golden.mean, ...golden.deviation][i]).toBeCloseTo(1, 12);
    });
    partsOf(examples).targets.forEach((value, i) => {
      expect(value).toBeCloseTo(golden.standardized.flat()[i], 6);
    });
    // Without the key everything is as ever, and the warning names it.
    const plain = await read({ source, ...data, ...whole }, (message) => warnings.push(message));
    expect([...partsOf(plain.examples).targets]).toEqual(targets.slice(0, training).flat().map(Math.fround));
    expect(plain.encoding.targetScaling).toBe(undefined);
    expect(warnings).toEqual([expect.stringContaining('set data.standardizeTargets: true')]);
    expect(fingerprintOf(plain).sha256).not.toBe(fingerprintOf({ examples, splits, encoding }).sha256);
  });

  it('are fitted to the training split alone, column by column of the last axis, and to what counts', async () => {
    const held = await read({
      source: 'values',
      features: [1, 2, 3, 4],
      targets: [1, 2, 3, 40],
      test: 0.25,
      standardizeTargets: true,
    });
    const rows = [...held.splits.training].map((row) => [1, 2, 3, 40][row]);
    const mean = rows.reduce((a, b) => a + b) / 3;
    const deviation = Math.sqrt(rows.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 3);
    expect(held.encoding.targetScaling!.mean[0]).toBeCloseTo(mean, 12);
    expect(held.encoding.targetScaling!.deviation[0]).toBeCloseTo(deviation, 12);
    // Sequences of two places: those of weight 0 are padding. A column that never changes becomes 0.
    const file = writeModule(
      folder,
      'sequences.mjs',
      'export default [[[[1, 7], [3, 7]], [1, 1]], [[[5, 7], [99, 7]], [2, 0]]].map(([target, weight]) => ({ features: [1], target, weight }));',
    );
    const { encoding, examples } = await read({ source: 'module', file, ...whole, standardizeTargets: true });
    expect(encoding.targetScaling).toEqual({ mean: [3, 7], deviation: [Math.sqrt(8 / 3), 1] });
    const unit = Math.sqrt(3 / 8);
    expect([...partsOf(examples).targets]).toEqual(
      [-2, 0, 0, 0, 2, 0, 96, 0].map((value) => Math.fround(value * unit)),
    );
  });

  it('that come as 32-bit numbers are told: their digits are gone', async () => {
    const floats = new Uint8Array(Float32Array.from(targets.slice(0, training), ([when]) => when).buffer);
    writeFileSync(path('y4.npy'), npyFile('<f4', [training], floats));
    const warnings: string[] = [];
    const data = {
      source: 'npy',
      features: path('x.npy'),
      targets: path('y4.npy'),
      ...whole,
      standardizeTargets: true,
    };
    await read(data, (message) => warnings.push(message));
    expect(warnings).toEqual([expect.stringMatching(/steps of 128.*save them as 64-bit numbers/)]);
  });
});

describe('a model', () => {
  let run: Trained;
  let place: string;
  beforeAll(async () => {
    run = await trained(writeConfig(folder, 'fixed', fixed), [], path('runs'), 1);
    place = dirname(dirname(run.end.model!));
  });

  it('has the metrics of scikit-learn in the units of the targets, and the loss of standardized ones', async () => {
    expectNear(run.end.validation!, golden.metrics);
    const average = ['metrics=[{r2: {average: uniform}}]'];
    const { validation } = (await trained(path('fixed.yaml'), average, path('runs'), 1)).end;
    expect(validation!.r2).toBeCloseTo(golden.uniform, 6);
    const one = ['data.target=when', 'data.exclude=[size, x2]', 'model.layers.0.dense.units=1', 'metrics=[mae, r2]'];
    const { loss, ...first } = (await trained(path('fixed.yaml'), one, path('runs'), 1)).end.validation!;
    expectNear(first, { mae: golden.first.mae, r2: golden.first.r2 });
  });

  it('predicts in the units of the targets, in every form', async () => {
    const wanted = golden.predicted.flat();
    const check = (values: readonly number[]) => {
      expect(values.length).toBe(wanted.length);
      values.forEach((value, i) => {
        expect(Math.abs(value / wanted[i] - 1)).toBeLessThan(1e-12);
      });
    };
    check(await valuesOf((await predict(place, heldFile)).rows));
    check(
      await valuesOf(
        (
          await predict(
            join(place, 'model'),
            features.slice(training).map(([x1, x2]) => ({ x1, x2 })),
          )
        ).rows,
      ),
    );
    const [csvLines, json, plain] = await Promise.all(
      [['--csv'], ['--json'], []].map(
        async (flags) => (await lockstepServed(['predict', place, heldFile, ...flags], folder)).stdout,
      ),
    );
    const [header, ...lines] = csvLines.trim().split('\n');
    expect(header).toBe('row,when,size');
    check(lines.flatMap((line) => line.split(',').slice(1).map(Number)));
    check(
      (eventsOf(json) as unknown as { values: Record<string, number> }[]).flatMap(({ values }) => [
        values.when,
        values.size,
      ]),
    );
    expect(plain.split('\n')[0]).toBe(`1  when ${wanted[0].toFixed(1)}  size ${wanted[1].toFixed(4)}`);
  });

  it('is evaluated by the scaling that is saved with it, whatever the data', async () => {
    expect(await metricsOf(place, { split: 'validation' })).toEqual(run.end.validation);
    expectNear(await metricsOf(place, { data: heldFile }), golden.metrics);
    // Other data, whose own scaling would be another, and a config that does not ask for one.
    const other = { features: features.slice(training), targets: targets.slice(training) };
    const config = writeConfig(folder, 'other', { ...fixed, data: { source: 'values', ...other } });
    const metrics = await metricsOf(join(place, 'model'), { config, split: 'training' });
    expectNear(metrics, golden.metrics);
  });

  it('is exported with the scaling beside it', async () => {
    const warnings: string[] = [];
    const output = path('exported');
    await exportModel(place, { format: 'tfjs', output, warn: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringContaining('the outputs are standardized')]);
    const saved = (where: string) => JSON.parse(readFileSync(join(where, 'encoding.json'), 'utf8')).targetScaling;
    expect(saved(output)).toEqual(saved(join(place, 'model')));
    expect(saved(output).mean[0] / golden.mean[0]).toBeCloseTo(1, 12);
  });

  it('without its encoding is not evaluated on a guess', async () => {
    const { end } = await trained(path('fixed.yaml'), [], path('runs'), 1);
    rmSync(join(dirname(end.model!), 'encoding.json'));
    const own = dirname(dirname(end.model!));
    const error = await evaluate(own, { model: 'final' }).catch((reason) => reason);
    expect(error.problem).toContain('was not trained on standardized targets, or its encoding.json is gone');
    expect(error.remedy).toContain('--set data.standardizeTargets=false');
    const overrides = ['data.standardizeTargets=false'];
    await expect(evaluate(own, { model: 'final', overrides })).resolves.toMatchObject({ split: 'validation' });
  });
});

describe('the bits', () => {
  it('are the same for any number of threads and workers, wherever they have the data from', async () => {
    const file = writeConfig(folder, 'learning', learning);
    const alone = await trained(file, [], path('bits'), 1);
    expect(resultOf(await trained(file, [], path('bits'), 2))).toEqual(resultOf(alone));
    const { data, seed } = loadRunConfig(file, []);
    for (const placement of ['replicate', 'stream', 'local']) {
      const local = placement === 'local' ? { data, seed } : undefined;
      const setup = { workers: [1, 1].map((threads) => ({ threads, local })) };
      const set = [`cluster.placement=${placement}`];
      const run = await trainedInWorld(file, set, path('bits'), path(`cache-${placement}`), setup);
      expect({ placement, ...resultOf(run) }).toEqual({ placement, ...resultOf(alone) });
    }
  });

  it('are those of a run that was taken up again, on the same targets in the same units only', async () => {
    const moved = writeCsv('moved.csv', rowsOf(0, training));
    const config = { ...learning, data: { ...csv, file: moved }, checkpoint: { everyEpochs: 1 } };
    const straight = await trained(writeConfig(folder, 'straight', config), ['training.epochs=4'], path('again'), 1);
    const first = await trained(path('straight.yaml'), ['training.epochs=2'], path('again'), 1);
    const own = dirname(dirname(first.end.model!));
    const again = (set: string[]) => resume(own, { threads: 1, set });
    // The scaling takes an offset off, and with it the difference.
    writeCsv(
      'moved.csv',
      rowsOf(0, training).map(([x1, x2, when, size]) => [x1, x2, when + 4096, size]),
    );
    writeCsv(
      'held.csv',
      rowsOf(training).map(([x1, x2, when, size]) => [x1, x2, when + 4096, size]),
    );
    await expect(again(['training.epochs=4'])).rejects.toThrow('other values');
    writeCsv('moved.csv', rowsOf(0, training));
    writeCsv('held.csv', rowsOf(training));
    expect((await again(['training.epochs=4'])).sha256).toBe(straight.end.sha256);
  });
});

describe('what cannot be standardized is refused', () => {
  const values = { source: 'values', features: [1, 2, 3, 4], standardizeTargets: true };
  const numbers = { ...values, targets: [0, 1, 1, 0] };
  const units = (count: number) => ({ layers: [{ dense: { units: count } }] });
  const config = (more: object) => defineConfig({ ...fixed, model: units(1), ...more } as never);

  it.each<[object, string]>([
    ...['binaryCrossentropy', 'categoricalCrossentropy', 'sparseCategoricalCrossentropy', 'hinge'].map(
      (loss): [object, string] => [{ data: numbers, loss }, `loss is ${loss}`],
    ),
    [{ data: { ...numbers, classes: 2 } }, 'data.classes'],
    [{ data: { ...csv, target: 'when', targetType: 'class' } }, 'data.targetType: class'],
  ])('%j', (more, problem) => {
    expect(() => config({ metrics: [], ...more })).toThrow(`data.standardizeTargets: ${problem}`);
    const { standardizeTargets, ...without } = (more as { data: Record<string, unknown> }).data;
    expect(() => config({ metrics: [], ...more, data: without })).not.toThrow();
  });

  it.each(['meanSquaredError', 'meanAbsoluteError', 'huber', { custom: { name: 'mine', module: 'mine.mjs' } }])(
    'but not under loss %j',
    (loss) => {
      expect(config({ data: numbers, metrics: [], loss }).data).toMatchObject({ standardizeTargets: true });
    },
  );

  it('by the source that finds classes, and by metrics of classes', async () => {
    writeFileSync(path('names.csv'), 'x,y\n1,a\n2,b\n3,a\n');
    const named = { source: 'csv', file: path('names.csv'), target: 'y', ...whole, standardizeTargets: true };
    await expect(read(named)).rejects.toThrow('the targets are 2 classes');
    const file = writeConfig(folder, 'accuracy', { ...fixed, metrics: ['accuracy'] });
    await expect(trained(file, [], path('none'), 1)).rejects.toThrow('standardized targets are none');
  });
});

it('an activation that reaches no number below 0 is warned of', async () => {
  const set = ['model.layers.0.dense.activation=relu'];
  const { events } = await trained(path('fixed.yaml'), set, path('runs'), 1);
  const warnings = events.flatMap((event) => (event.event === 'warning' ? event.message : []));
  expect(warnings).toContainEqual(expect.stringContaining('ends in relu, and standardized targets lie around 0'));
});
