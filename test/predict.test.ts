/** `lockstep predict`: inputs are read as training read them, outputs mean what the run's loss says, rows keep their order. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../coordinator/evaluate.js';
import { type Prediction, predict } from '../coordinator/predict.js';
import { loadDataset } from '../src/data/load.js';
import type { LockstepError } from '../src/errors.js';
import { lockstep } from './support/cli.js';
import { lcg } from './support/engines.js';
import { snapshot, temporaryFolder, writeConfig } from './support/folder.js';
import { picture } from './support/images.js';
import { type Trained, trained } from './support/runs.js';
import { npyFile } from './support/tables.js';

const folder = temporaryFolder();
const random = lcg(8);
const between = (low: number, high: number) => low + (high - low) * random();

const train = (name: string, config: object) => trained(writeConfig(folder, name, config), [], join(folder, 'runs'));

async function output(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lockstep(['predict', ...args], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}
const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

async function rowsOf(place: string, input: string, top?: number): Promise<Prediction[]> {
  const rows: Prediction[] = [];
  for await (const row of (await predict(place, input, { model: 'final', top })).rows) rows.push(row);
  return rows;
}

const refusal = (action: Promise<unknown>) =>
  action.then(
    () => undefined,
    (error: LockstepError) => error.problem,
  );

const digitsData = { source: 'digits', examples: 1000, seed: 0, validation: 0.1, test: 0.3, stratify: false } as const;
let digits: Trained;
/** The test split: bytes of each picture, and its class. */
let pictures: { bytes: Uint8Array; target: number }[];
beforeAll(async () => {
  digits = await train('digits', {
    data: digitsData,
    model: { layers: ['flatten', { dense: { units: 24, activation: 'relu' } }, { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy', { topKAccuracy: { k: 3 } }],
    optimizer: { adam: { learningRate: 0.01 } },
    training: { epochs: 3, batchSize: 32 },
  });
  const { examples, splits } = await loadDataset(digitsData, 0);
  pictures = [...splits.test].map((row) => ({
    bytes: examples.features.slice(row * 784, (row + 1) * 784) as Uint8Array,
    target: examples.targets[row],
  }));
});
const run = () => digits.start.folder;

describe('classes of pictures', () => {
  it('have the accuracy, the top-k accuracy and the loss of the test', async () => {
    const file = join(folder, 'pictures.npy');
    const bytes = Buffer.concat(pictures.map(({ bytes }) => bytes));
    writeFileSync(file, npyFile('|u1', [300, 28, 28, 1], bytes));
    const rows = await rowsOf(run(), file, 10);
    // Three batches, the last one smaller.
    expect(rows.map(({ row }) => row)).toEqual(pictures.map((_, i) => i + 1));
    const ranks = rows.map(({ classes }, i) => classes!.findIndex(({ name }) => name === String(pictures[i].target)));
    const { loss, accuracy, topKAccuracy } = digits.end.test!;
    expect(ranks.filter((rank) => rank === 0).length / 300).toBe(accuracy);
    expect(ranks.filter((rank) => rank < 3).length / 300).toBe(topKAccuracy);
    expect(accuracy).toBeGreaterThan(0.3);
    const losses = rows.map(({ classes }, i) => -Math.log(classes![ranks[i]].score));
    expect(losses.reduce((a, b) => a + b) / 300).toBeCloseTo(loss, 5);
    for (const { classes } of rows) expect(classes!.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 10);
  });

  it('come from PNG files, a folder or one, as columns, CSV or JSON', async () => {
    const scans = join(folder, 'scans');
    mkdirSync(join(scans, 'more'), { recursive: true });
    const names = ['a.png', 'b, c.png', 'more/d.png'];
    for (const [i, name] of names.entries()) {
      writeFileSync(join(scans, name), await picture(pictures[i].bytes, 28, 28, 1).png().toBuffer());
    }
    const file = join(folder, 'three.npy');
    writeFileSync(file, npyFile('|u1', [3, 784], Buffer.concat(pictures.slice(0, 3).map(({ bytes }) => bytes))));
    const wanted = await rowsOf(run(), file, 2);
    const first = wanted.map(({ classes }) => classes![0]);

    const plain = linesOf(await output(run(), scans, '--model', 'final'));
    expect(plain).toEqual(
      first.map(({ name, score }, i) => `${names[i].padEnd(plainWidth(names, i))}  ${name}  ${score.toFixed(4)}`),
    );
    const csv = linesOf(await output(run(), scans, '--model', 'final', '--csv', '--top', '2'));
    expect(csv[0]).toBe('file,class,probability,class2,probability2');
    const cells = wanted.map(({ classes }) => classes!.flatMap(({ name, score }) => [name, score]).join());
    expect(csv.slice(1)).toEqual([`a.png,${cells[0]}`, `"b, c.png",${cells[1]}`, `more/d.png,${cells[2]}`]);
    const json = linesOf(await output(run(), join(scans, 'a.png'), '--model', 'final', '--json', '--top', '2'));
    const top = wanted[0].classes!.map(({ name, score }) => ({ class: name, probability: score }));
    expect(json.map((line) => JSON.parse(line))).toEqual([{ row: 1, file: join(scans, 'a.png'), ...top[0], top }]);
  });

  it('are written to a file that appears complete', async () => {
    const target = join(folder, 'made', 'predictions.csv');
    const rows = pictures.slice(0, 5).map(({ bytes }) => [...bytes]);
    writeFileSync(join(folder, 'five.json'), JSON.stringify(rows));
    expect(await output(run(), join(folder, 'five.json'), '--csv', '--output', target)).toBe('');
    expect(linesOf(readFileSync(target, 'utf8')).map((line) => line.split(',')[0])).toEqual([
      'row',
      '1',
      '2',
      '3',
      '4',
      '5',
    ]);
    rows.push([1, 2]);
    writeFileSync(join(folder, 'wrong.json'), JSON.stringify(rows));
    const { code, stderr } = await lockstep(
      ['predict', run(), join(folder, 'wrong.json'), '--output', join(folder, 'made', 'none.csv')],
      folder,
    );
    expect(code).toBe(2);
    expect(stderr).toContain('wrong.json: row 6 has 2 numbers, and the model takes 784');
    expect(snapshot(join(folder, 'made'))).toHaveLength(1);
  });

  it('need no run: the model and what was saved beside it will do', async () => {
    const model = join(folder, 'copied');
    mkdirSync(model);
    for (const name of ['model.json', 'weights.bin', 'encoding.json']) {
      writeFileSync(join(model, name), readFileSync(join(run(), 'model', name)));
    }
    const file = join(folder, 'one.json');
    writeFileSync(file, JSON.stringify([[...pictures[7].bytes]]));
    const [{ classes }] = await rowsOf(run(), file, 10);
    const alone: Prediction[] = [];
    for await (const row of (await predict(model, file, { top: 10 })).rows) alone.push(row);
    expect(alone[0].classes).toEqual(classes);
  });
});

/** Names are padded to the longest so far. */
const plainWidth = (names: readonly string[], i: number) =>
  Math.max(...names.slice(0, i + 1).map(({ length }) => length));

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
        ...{ source: 'csv', file: join(folder, 'known.csv'), test: join(folder, 'fresh.csv'), validation: 0 },
        ...{ target: ['price', 'rent'], missing: 'mean' },
      },
      model: { layers: [{ dense: { units: 8, activation: 'tanh' } }, { dense: { units: 2 } }] },
      loss: 'meanSquaredError',
      metrics: ['mae'],
      training: { epochs: 3, batchSize: 20 },
    });
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

  it('must have the columns of the model, and it no classes to rank', async () => {
    writeFileSync(join(folder, 'short.csv'), 'area,town\n1,Bonn\n');
    expect(await refusal(rowsOf(houses.start.folder, join(folder, 'short.csv')))).toContain('has no column "age"');
    expect(await refusal(rowsOf(houses.start.folder, join(folder, 'gone.csv')))).toContain('gone.csv');
    expect(await refusal(rowsOf(houses.start.folder, join(folder, 'inputs.csv'), 2))).toContain('--top 2');
  });
});

describe('two classes from one output', () => {
  const features = Array.from({ length: 40 }, () => [between(-1, 1), between(-1, 1)]);
  const data = {
    source: 'values',
    features,
    targets: features.map(([a, b]) => Number(a + b > 0)),
    classes: 2,
    test: 0.25,
  };
  const input = join(folder, 'points.json');
  beforeAll(() => writeFileSync(input, JSON.stringify(features)));
  const losses = { binaryCrossentropy: 'probability', hinge: 'score' } as const;

  it.each(Object.entries(losses))('are told apart as the accuracy does: %s', async (loss, measure) => {
    for (const activation of loss === 'hinge' ? ['linear'] : ['linear', 'sigmoid']) {
      const { start } = await train(`${loss}-${activation}`, {
        data: { ...data, test: 0 },
        ...{ loss, metrics: ['accuracy'], training: { epochs: 8, batchSize: 10 } },
        model: { layers: [{ dense: { units: 1, activation } }] },
      });
      const evaluation = await lockstep(
        ['evaluate', start.folder, '--model', 'final', '--split', 'training', '--json'],
        folder,
      );
      const { accuracy } = JSON.parse(evaluation.stdout).metrics;
      const found = await predict(start.folder, input, { model: 'final', top: 2 });
      expect(found).toMatchObject({ kind: 'classes', names: ['0', '1'], measure });
      let correct = 0;
      let row = 0;
      for await (const { classes } of found.rows) {
        const [first, second] = classes!;
        if (first.name === String(data.targets[row++])) correct++;
        expect(first.score).toBeGreaterThanOrEqual(second.score);
        expect(first.score + second.score).toBeCloseTo(measure === 'score' ? 0 : 1, 10);
      }
      expect(correct / 40).toBe(accuracy);
    }
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
    const rows = await rowsOf(start.folder, input);
    const losses = rows.flatMap(({ values }, i) => values!.map((p, j) => -Math.log(targets[i][j] ? p : 1 - p)));
    expect(losses.reduce((a, b) => a + b) / 90).toBeCloseTo(evaluation.metrics.loss, 6);
    const [line] = linesOf(await output(start.folder, input, '--model', 'final', '--csv'));
    expect(line).toBe('row,output1,output2,output3');
  });

  it('of a model that is not compiled come from engine tfjs', async () => {
    const targets = features.map(([a]) => a);
    const layers = [{ reshape: { targetShape: [2, 2, 2, 1] } }, { conv3d: { filters: 1, kernelSize: 2 } }, 'flatten'];
    const { start } = await train('volume', {
      data: { source: 'values', features, targets },
      ...{ model: { layers }, loss: 'meanAbsoluteError', training: { epochs: 1, batchSize: 10 } },
    });
    const { metrics } = await evaluate(start.folder, { model: 'final', split: 'training', threads: 1 });
    const { code, stdout, stderr } = await lockstep(
      ['predict', start.folder, input, '--model', 'final', '--csv'],
      folder,
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: .*Conv3D; predicting on engine tfjs, which is slower\n$/);
    const errors = linesOf(stdout)
      .slice(1)
      .map((line, i) => Math.abs(Number(line.split(',')[1]) - targets[i]));
    expect(errors.reduce((a, b) => a + b) / 30).toBeCloseTo(metrics.loss, 6);
  });
});

describe('what cannot be', () => {
  it('is refused with exit code 2', async () => {
    const refused = async (...args: string[]) => {
      const { code, stdout, stderr } = await lockstep(['predict', ...args], folder);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      return stderr;
    };
    expect(await refused(run())).toContain('no input is named');
    expect(await refused(run(), join(folder, 'nothing'))).toContain('does not exist');
    expect(await refused(run(), 'x', '--text', 'y')).toContain('--text: ');
    expect(await refused(run(), 'x', '--csv', '--json')).toContain('cannot be used with');
    const json = join(folder, 'odd.json');
    for (const [content, problem] of [
      ['{', 'is no JSON'],
      ['{}', 'holds no list of examples'],
      ['[]', 'holds no list of examples'],
      [JSON.stringify([Array(784).fill('a')]), 'row 1 holds "a"'],
      ['[[1e999]]', 'row 1 holds null'],
    ]) {
      writeFileSync(json, content);
      expect(await refusal(rowsOf(run(), json))).toContain(problem);
    }
    const npy = join(folder, 'odd.npy');
    writeFileSync(npy, npyFile('|u1', [2, 3], new Uint8Array(6)));
    expect(await refusal(rowsOf(run(), npy))).toContain('has the shape [2, 3]');
    expect(await refusal(predict(run(), npy, { top: 11 }))).toBe('--top 11: the model has 10 classes');
    writeFileSync(json, JSON.stringify([Array(784).fill(0)]));
    expect(await refused(run(), json, '--output', join(folder, 'runs'))).toContain('runs: cannot be written (');
    expect(existsSync(join(folder, 'runs.partial'))).toBe(false);
  });
});
