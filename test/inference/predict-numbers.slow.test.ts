/** `lockstep predict` with models that predict numbers: from tables and arrays, however many and on whatever engine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import type { InputValues } from '../../coordinator/inference/given-rows.js';
import { type Prediction, predict } from '../../coordinator/inference/predict.js';
import { lockstepServed, startLockstep } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { linesOf, numbersOf, predictedRows, predictionOutput, refusal } from '../support/predictions.js';
import { type Trained, trained } from '../support/runs.js';
import { npyFile } from '../support/tables.js';

const folder = temporaryFolder();
const random = lcg(8);
const between = (low: number, high: number) => low + (high - low) * random();
const train = (name: string, config: object) => trained(writeConfig(folder, name, config), [], join(folder, 'runs'));
const output = (...args: string[]) => predictionOutput(args, folder);

async function valuesIn(rows: AsyncIterable<Prediction>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { values } of rows) all.push(values);
  return all;
}

describe('rows of a table', () => {
  const table = (count: number) =>
    Array.from({ length: count }, () => {
      const [area, age] = [between(20, 200), between(0, 90)];
      const town = ['Aachen', 'Bonn', ''][Math.floor(random() * 3)];
      const price = 3 * area - age + (town === 'Bonn' ? 100 : 0);
      return {
        area: area.toFixed(1),
        age: random() < 0.1 ? '' : age.toFixed(0),
        town,
        price: price.toFixed(1),
        rent: (price / 300).toFixed(3),
      };
    });
  const csv = (rows: Record<string, string>[], columns: string[]) =>
    `${[columns.join(), ...rows.map((row) => columns.map((name) => row[name]).join())].join('\n')}\n`;
  const [known, fresh] = [table(200), table(150)];
  const columns = ['area', 'age', 'town', 'price', 'rent'];
  let houses: Trained;
  beforeAll(async () => {
    writeFileSync(join(folder, 'known.csv'), csv(known, columns));
    writeFileSync(join(folder, 'fresh.csv'), csv(fresh, columns));
    // The columns in another order, one that the model does not know, and no targets.
    const others = fresh.map((row, i) => ({ ...row, remark: `"no ${i}, please"` }));
    writeFileSync(join(folder, 'inputs.csv'), csv(others, ['remark', 'town', 'age', 'area']));
    houses = await train('houses', {
      data: {
        source: 'csv',
        file: join(folder, 'known.csv'),
        test: join(folder, 'fresh.csv'),
        validation: 0,
        target: ['price', 'rent'],
        missing: 'mean',
      },
      model: { layers: [{ dense: { units: 8, activation: 'tanh' } }, { dense: { units: 2 } }] },
      loss: 'meanSquaredError',
      metrics: ['mae'],
      training: { epochs: 3, batchSize: 20 },
    });
  });

  it('may be objects that a program holds', async () => {
    const valuesOf = async (input: string | InputValues) => {
      const { rows } = await predict(houses.start.folder, input, { model: 'final' });
      return valuesIn(rows);
    };
    const objects = fresh.map(({ area, age, town }) => ({
      area: Number(area),
      age: age === '' ? null : Number(age),
      town,
    }));
    expect(await valuesOf(objects)).toEqual(await valuesOf(join(folder, 'inputs.csv')));
    await expect(valuesOf([{ area: 3, age: 4 }])).rejects.toThrow(/input has no column "town"/);
    await expect(valuesOf([{ area: 3, age: 4, town: 'Bonn' }, 5])).rejects.toThrow(/row 2 is no object/);
    await expect(valuesOf([{ area: 'big', age: 4, town: 'Bonn' }])).rejects.toThrow(/row 1.*"big"/s);
  });

  it('give numbers by the names of the targets, with the errors of the test', async () => {
    const lines = linesOf(await output(houses.start.folder, join(folder, 'inputs.csv'), '--model', 'final', '--csv'));
    expect(lines[0]).toBe('row,price,rent');
    const rows = lines.slice(1).map((line) => line.split(',').map(Number));
    expect(rows.map(([row]) => row)).toEqual(fresh.map((_, i) => i + 1));
    const errors = rows.map(
      ([, price, rent], i) => Math.abs(price - Number(fresh[i].price)) + Math.abs(rent - Number(fresh[i].rent)),
    );
    const mae = errors.reduce((a, b) => a + b) / 300;
    expect(mae / houses.end.test!.mae).toBeCloseTo(1, 5);
    const [json] = linesOf(await output(houses.start.folder, join(folder, 'inputs.csv'), '--model', 'final', '--json'));
    expect(JSON.parse(json)).toEqual({ row: 1, values: { price: rows[0][1], rent: rows[0][2] } });
    const [plain] = linesOf(await output(houses.start.folder, join(folder, 'inputs.csv'), '--model', 'final'));
    expect(plain).toBe(`1  price ${rows[0][1].toFixed(4)}  rent ${rows[0][2].toFixed(4)}`);
  });

  it('come with columns of the table where asked, and replace no file unless told to', async () => {
    const target = join(folder, 'kept.csv');
    const keep = ['--model', 'final', '--csv', '--keep', 'town,remark', '--output', target];
    await output(houses.start.folder, join(folder, 'inputs.csv'), ...keep);
    const lines = linesOf(readFileSync(target, 'utf8'));
    expect(lines[0]).toBe('row,town,remark,price,rent');
    expect(lines[1]).toContain(`1,${fresh[0].town},"no 0, please",`);
    const again = await lockstepServed(['predict', houses.start.folder, join(folder, 'inputs.csv'), ...keep], folder);
    expect({ code: again.code, stderr: again.stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is there already'),
    });
    expect(await output(houses.start.folder, join(folder, 'inputs.csv'), ...keep, '--force')).toBe('');
    // A truth beside its prediction: each has a name of its own.
    const truths = [join(folder, 'fresh.csv'), '--csv', '--keep', 'price'];
    const [header] = linesOf(await output(houses.start.folder, ...truths));
    expect(header).toBe('row,price,predicted_price,rent');
  });

  it('must have the columns of the model, and it no classes to rank', async () => {
    writeFileSync(join(folder, 'short.csv'), 'area,town\n1,Bonn\n');
    expect(await refusal(predictedRows(houses.start.folder, join(folder, 'short.csv')))).toContain(
      'has no column "age"',
    );
    expect(await refusal(predictedRows(houses.start.folder, join(folder, 'gone.csv')))).toContain('gone.csv');
    expect(await refusal(predictedRows(houses.start.folder, join(folder, 'inputs.csv'), 2))).toContain('--top 2');
  });
});

describe('numbers', () => {
  const features = Array.from({ length: 30 }, () => Array.from({ length: 8 }, () => between(-1, 1)));
  const input = join(folder, 'numbers.json');
  beforeAll(() => writeFileSync(input, JSON.stringify(features)));

  it('of several outputs under binary cross-entropy are probabilities', async () => {
    const targets = features.map(([a, b]) => [Number(a > 0), Number(b > 0), Number(a > b)]);
    const { end, start } = await train('labels', {
      data: { source: 'values', features, targets },
      model: { layers: [{ dense: { units: 3 } }] },
      loss: 'binaryCrossentropy',
      training: { epochs: 2, batchSize: 10 },
    });
    expect(end.test).toBe(null);
    const evaluation = await evaluate(start.folder, { model: 'final', split: 'training' });
    const rows = await predictedRows(start.folder, input);
    const losses = rows.flatMap((row, i) => numbersOf(row).map((p, j) => -Math.log(targets[i][j] ? p : 1 - p)));
    expect(losses.reduce((a, b) => a + b) / 90).toBeCloseTo(evaluation.metrics.loss, 6);
    const [line] = linesOf(await output(start.folder, input, '--model', 'final', '--csv'));
    expect(line).toBe('row,output1,output2,output3');
  });

  it('may be more than anybody reads', async () => {
    const { start } = await train('line', {
      data: { source: 'values', features, targets: features.map(([a]) => a) },
      model: { layers: [{ dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 10 },
    });
    const many = join(folder, 'many.npy');
    const values = Float32Array.from({ length: 60_000 * 8 }, (_, i) => i % 7);
    writeFileSync(many, npyFile('<f4', [60_000, 8], new Uint8Array(values.buffer)));
    const running = startLockstep(['predict', start.folder, many], folder);
    await running.says('\n100  ');
    running.process.stdout!.destroy();
    expect(await running.finished).toMatchObject({ code: 0, stderr: '' });
    const target = join(folder, 'many.txt');
    await output(start.folder, many, '--output', target);
    const lines = linesOf(readFileSync(target, 'utf8'));
    expect(lines).toHaveLength(60_000);
    // Rows 1 and 8 and so on are the same, whatever their batch.
    expect(new Set(lines.map((line) => line.split(/ +/)[1])).size).toBeLessThanOrEqual(7);
    expect(lines.at(-1)).toMatch(/^60000 {2}/);
  });

  it('of a model that is not compiled come from engine tfjs', async () => {
    const targets = features.map(([a]) => a);
    // The compiled engine has no complex numbers.
    const module = writeModule(
      folder,
      'spectral.mjs',
      'export default (tf, { inputShape }) => {',
      '  class Spectrum extends tf.layers.Layer {',
      "    static className = 'Spectrum';",
      '    call(inputs) { return tf.tidy(() => tf.abs(tf.spectral.rfft([inputs].flat()[0]))); }',
      '    computeOutputShape([count, width]) { return [count, width / 2 + 1]; }',
      '  }',
      '  tf.serialization.registerClass(Spectrum);',
      '  return tf.sequential({ layers: [new Spectrum({ inputShape }), tf.layers.dense({ units: 1 })] });',
      '};',
    );
    const { start } = await train('spectral', {
      data: { source: 'values', features, targets },
      model: { module },
      loss: 'meanAbsoluteError',
      training: { epochs: 1, batchSize: 10 },
    });
    const metrics = await metricsOf(start.folder, { model: 'final', split: 'training', threads: 1 });
    const { code, stdout, stderr } = await lockstepServed(
      ['predict', start.folder, input, '--model', 'final', '--csv'],
      folder,
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*Complex; predicting on engine tfjs, which is slower: .*\n$/);
    const errors = linesOf(stdout)
      .slice(1)
      .map((line, i) => Math.abs(Number(line.split(',')[1]) - targets[i]));
    expect(errors.reduce((a, b) => a + b) / 30).toBeCloseTo(metrics.loss, 6);
  });
});

it('arrays that a program holds are read as files of them are', async () => {
  const config = {
    data: {
      source: 'values',
      features: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      targets: [3, 7, 11],
    },
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    training: { epochs: 2, batchSize: 3 },
  };
  const { start } = await train('sums', config);
  const valuesOf = async (input: string | InputValues) => {
    const { rows, inputs } = await predict(start.folder, input);
    expect(inputs).toBe('rows');
    return valuesIn(rows);
  };
  writeFileSync(join(folder, 'sums.json'), '[[1, 2], [8, 9]]');
  const wanted = await valuesOf(join(folder, 'sums.json'));
  expect(wanted).toHaveLength(2);
  const numbers = [1, 2, 8, 9];
  const forms = [
    [
      [1, 2],
      [8, 9],
    ],
    [Float32Array.of(1, 2), Float64Array.of(8, 9)],
    Float32Array.from(numbers),
    Float64Array.from(numbers),
  ];
  for (const form of forms) expect(await valuesOf(form)).toEqual(wanted);
  await expect(valuesOf(Float32Array.of(1, 2, 3))).rejects.toThrow(/has 3 numbers, and the model takes 2 an example/);
  await expect(valuesOf(Float32Array.of(1, Number.NaN))).rejects.toThrow(/number 2 is NaN/);
  await expect(valuesOf([])).rejects.toThrow(/holds no list of examples/);
  await expect(valuesOf([[1, 'two']])).rejects.toThrow(/input: row 1 holds "two"/);
});
