/** `lockstep predict`: inputs are read as training read them, outputs mean what the run's loss says, rows keep their order. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Prediction, predict } from '../../coordinator/inference/predict.js';
import { loadDataset } from '../../src/data/load-data.js';
import { lockstepServed } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { picture } from '../support/images.js';
import { partsOf } from '../support/parts.js';
import { linesOf, predictedRows, predictionOutput, refusal } from '../support/predictions.js';
import { type Trained, trained } from '../support/runs.js';
import { npyFile } from '../support/tables.js';

const folder = temporaryFolder();
const random = lcg(8);
const between = (low: number, high: number) => low + (high - low) * random();
const train = (name: string, config: object) => trained(writeConfig(folder, name, config), [], join(folder, 'runs'));
const output = (...args: string[]) => predictionOutput(args, folder);

const digitsData = { source: 'digits', examples: 500, seed: 0, validation: 0.1, test: 0.6, stratify: false } as const;
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
    training: { epochs: 3, batchSize: 8 },
  });
  const { examples, splits } = await loadDataset(digitsData, 0);
  pictures = [...splits.test].map((row) => ({
    bytes: partsOf(examples).features.slice(row * 784, (row + 1) * 784) as Uint8Array,
    target: partsOf(examples).targets[row],
  }));
});
const run = () => digits.start.folder;

describe('classes of pictures', () => {
  it('have the accuracy, the top-k accuracy and the loss of the test', async () => {
    const file = join(folder, 'pictures.npy');
    const bytes = Buffer.concat(pictures.map(({ bytes }) => bytes));
    writeFileSync(file, npyFile('|u1', [300, 28, 28, 1], bytes));
    const rows = await predictedRows(run(), file, 10);
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
    const wanted = await predictedRows(run(), file, 2);
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

  it('have a column for each class in CSV, and as many classes as there are where more are asked for', async () => {
    const file = join(folder, 'two.npy');
    writeFileSync(file, npyFile('|u1', [2, 784], Buffer.concat(pictures.slice(0, 2).map(({ bytes }) => bytes))));
    const [header, ...lines] = linesOf(await output(run(), file, '--csv'));
    const names = header.split(',').slice(3);
    expect(names).toEqual(Array.from({ length: 10 }, (_, i) => `probability_${i}`));
    for (const line of lines) {
      const [, found, probability, ...each] = line.split(',');
      expect(each[Number(found)]).toBe(probability);
      expect(Math.max(...each.map(Number))).toBe(Number(probability));
      expect(each.reduce((sum, value) => sum + Number(value), 0)).toBeCloseTo(1, 5);
    }
    const warnings: string[] = [];
    for await (const { classes } of (await predict(run(), file, { top: 11, warn: (each) => warnings.push(each) }))
      .rows) {
      expect(classes).toHaveLength(10);
    }
    expect(warnings).toEqual(['--top 11: the model has 10 classes, and all are named']);
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
    const { code, stderr } = await lockstepServed(
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
    const [{ classes }] = await predictedRows(run(), file, 10);
    const alone: Prediction[] = [];
    for await (const row of (await predict(model, file, { top: 10 })).rows) alone.push(row);
    expect(alone[0].classes).toEqual(classes);

    // An encoding of another model.
    const encoding = JSON.parse(readFileSync(join(model, 'encoding.json'), 'utf8'));
    writeFileSync(join(model, 'encoding.json'), JSON.stringify({ ...encoding, classes: encoding.classes.slice(1) }));
    expect(await refusal(predict(model, file))).toMatch(
      /encoding\.json: describes 9 classes, and the model has 10 outputs/,
    );
    const column = { name: 'a', mean: 0, scale: 1, fill: 0 };
    const csv = { header: true, delimiter: ',', missingValues: [] };
    const table = { kind: 'table', columns: [column, { ...column, name: 'b' }], csv, missing: 'error' };
    writeFileSync(join(model, 'encoding.json'), JSON.stringify({ ...encoding, input: table }));
    expect(await refusal(predict(model, file))).toMatch(/encoding\.json: describes 2 features, and the model has 784/);
  });
});

/** Names are padded to the longest so far. */
const plainWidth = (names: readonly string[], i: number) =>
  Math.max(...names.slice(0, i + 1).map(({ length }) => length));

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
        loss,
        metrics: ['accuracy'],
        training: { epochs: 8, batchSize: 10 },
        model: { layers: [{ dense: { units: 1, activation } }] },
      });
      const metrics = await metricsOf(start.folder, { model: 'final', split: 'training' });
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
      expect(correct / 40).toBe(metrics.accuracy);
    }
  });
});

describe('what cannot be', () => {
  it('is refused with exit code 2', async () => {
    const refused = async (...args: string[]) => {
      const { code, stdout, stderr } = await lockstepServed(['predict', ...args], folder);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      return stderr;
    };
    expect(await refused(run())).toContain('no input is named');
    expect(await refused(run(), join(folder, 'nothing'))).toContain('does not exist');
    expect(await refused(run(), 'x', '--text', 'y')).toContain('--text: ');
    expect(await refused(run(), 'x', '--csv', '--json')).toContain('cannot be used with');
    const json = join(folder, 'odd.json');
    for (const [content, problem] of [
      ['{', 'is not a JSON list of examples'],
      ['{}', 'holds no list of examples'],
      ['[]', 'holds no list of examples'],
      [JSON.stringify([Array(784).fill('a')]), 'row 1 holds "a"'],
      ['[[1e999]]', 'row 1 holds null'],
    ]) {
      writeFileSync(json, content);
      expect(await refusal(predictedRows(run(), json))).toContain(problem);
    }
    const npy = join(folder, 'odd.npy');
    writeFileSync(npy, npyFile('|u1', [2, 3], new Uint8Array(6)));
    expect(await refusal(predictedRows(run(), npy))).toContain('has the shape [2, 3]');
    writeFileSync(json, JSON.stringify([Array(784).fill(0)]));
    expect(await refused(run(), json, '--force', '--output', join(folder, 'runs'))).toContain(
      'runs: cannot be written (',
    );
    expect(existsSync(join(folder, 'runs.partial'))).toBe(false);
    expect(await refused(run(), json, '--output', join(json, 'below'))).toContain('below: cannot be written (');
  });
});
