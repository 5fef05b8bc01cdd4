/** Runs on images that tables name, on masks and on pictures as targets: what they predict, and what evaluations say of pixels. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { type Prediction, type PredictOptions, predict } from '../../coordinator/inference/predict.js';
import { decodeMasks } from '../../src/data/images/masks.js';
import { lockstepServed } from '../support/cli.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf } from '../support/modules.js';
import { linesOf, predictionOutput } from '../support/predictions.js';
import { trained } from '../support/runs.js';
import { edge, type Scenes, sceneSize, writeScenes } from '../support/scenes.js';

const folder = temporaryFolder();
const count = 12;
let scenes: Scenes;
let patient: string;
let repainted: string;
let segmented: string;

beforeAll(async () => {
  scenes = await writeScenes(join(folder, 'scenes'), count);
  const at = (name: string) => join(scenes.folder, name);
  const common = { source: 'images', greyscale: true, validation: 0, test: 0.25 };
  const training = { epochs: 2, batchSize: 3 };
  const seen = { name: 'seen', filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' };
  const file = writeConfig(folder, 'patient', {
    data: {
      ...common,
      table: at('scenes.csv'),
      dir: at('pictures'),
      inputs: { rest: ['tint', 'kind'], scene: { image: 'file' } },
      targets: {
        sum: 'sum',
        mask: { mask: 'mask', dir: at('masks'), values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, edge] },
      },
    },
    model: {
      layers: [
        { conv2d: { ...seen, from: 'scene' } },
        { globalAveragePooling2d: { name: 'mean' } },
        { concatenate: { from: ['mean', 'rest'] } },
        { dense: { name: 'price', units: 1 } },
        { conv2d: { name: 'places', from: 'seen', filters: 'classes', kernelSize: 1 } },
      ],
      outputs: { sum: 'price', mask: 'places' },
    },
    loss: { sum: 'meanSquaredError', mask: 'sparseCategoricalCrossentropy' },
    metrics: { sum: ['mae'], mask: ['accuracy'] },
    training,
  });
  patient = (await trained(file, [], folder)).start.folder;
  const again = writeConfig(folder, 'repainted', {
    data: { ...common, dir: at('pictures'), targets: { copy: { of: 'features' } } },
    model: {
      layers: [{ conv2d: seen }, { conv2d: { filters: 1, kernelSize: 3, padding: 'same', activation: 'sigmoid' } }],
    },
    loss: 'binaryCrossentropy',
    metrics: ['mse'],
    training,
  });
  repainted = (await trained(again, [], folder)).start.folder;
  const masks = writeConfig(folder, 'segmented', {
    data: { ...common, dir: at('pictures'), targets: { mask: { masks: at('masks') } } },
    model: { layers: [{ conv2d: seen }, { conv2d: { filters: 'classes', kernelSize: 1 } }] },
    loss: { sparseCategoricalCrossentropy: { ignoreClass: edge } },
    metrics: ['accuracy'],
    training,
  });
  segmented = (await trained(masks, [], folder)).start.folder;
});

async function rowsOf(place: string, input: Parameters<typeof predict>[1], options: PredictOptions = {}) {
  const rows: Prediction[] = [];
  for await (const row of (await predict(place, input, { model: 'final', ...options })).rows) rows.push(row);
  return rows;
}

/** The rows of the table, as a program has them. */
const objects = () =>
  Array.from({ length: count }, (_, i) => ({
    file: `${String(i).padStart(3, '0')}.png`,
    tint: i % 5,
    kind: i % 3 === 0 ? 'a' : 'b',
  }));

it('a table, JSON and rows of a program give the same, each row by the name of its image', async () => {
  const table = join(scenes.folder, 'scenes.csv');
  const dir = join(scenes.folder, 'pictures');
  const found = await rowsOf(patient, table, { dir });
  expect(found.map(({ name }) => name)).toEqual(objects().map(({ file }) => file));
  expect(await rowsOf(patient, objects(), { dir })).toEqual(found);
  const json = join(dir, '..', 'pictures', 'rows.json');
  writeFileSync(json, JSON.stringify(objects()));
  // Beside its images, the file needs no folder.
  expect(await rowsOf(patient, json)).toEqual(found);
  const lines = linesOf(
    await predictionOutput([patient, table, '--dir', dir, '--model', 'final', '--csv', '--keep', 'sum'], folder),
  );
  expect(lines[0]).toBe('file,sum,predicted_sum,mask_places');
  expect(lines[3].startsWith(`002.png,${scenes.sums[2]},${found[2].targets!.sum.values![0]},`)).toBe(true);
});

it('images alone are enough where a table names nothing else', async () => {
  const file = writeConfig(folder, 'alone', {
    data: {
      source: 'images',
      greyscale: true,
      table: join(scenes.folder, 'scenes.csv'),
      dir: join(scenes.folder, 'pictures'),
      inputs: { scene: { image: 'file' } },
      targets: { kind: 'kind' },
      validation: 0,
      test: 0.25,
    },
    model: { layers: ['flatten', { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    training: { epochs: 1, batchSize: 3 },
  });
  const { start } = await trained(file, [], folder);
  const found = await rowsOf(start.folder, join(scenes.folder, 'scenes.csv'), { dir: join(scenes.folder, 'pictures') });
  const alone = await rowsOf(start.folder, join(scenes.folder, 'pictures'));
  expect(alone).toEqual(found);
  expect(['a', 'b']).toContain(alone[0].targets!.kind.classes![0].name);
});

it('evaluations count pixels, as predictions have them', async () => {
  const { examples, metrics } = await evaluate(patient, { model: 'final', split: 'test' });
  expect(examples).toBe(3);
  const all = await evaluate(patient, { model: 'final', split: 'training' });
  const found = await rowsOf(patient, objects(), { dir: join(scenes.folder, 'pictures') });
  const rights = found.map(
    ({ targets }, i) => targets!.mask.places!.filter((name, place) => Number(name) === scenes.masks[i][place]).length,
  );
  const pixels = count * sceneSize[0] * sceneSize[1];
  const mean = (3 * metrics.mask_accuracy + 9 * all.metrics.mask_accuracy) / count;
  expect(mean).toBeCloseTo(rights.reduce((a, b) => a + b, 0) / pixels, 12);
});

it('evaluations of other data read them as the training was read', async () => {
  const table = join(scenes.folder, 'scenes.csv');
  const [training, test] = [
    await evaluate(patient, { model: 'final', split: 'training' }),
    await evaluate(patient, { model: 'final', split: 'test' }),
  ];
  const other = await evaluate(patient, { model: 'final', data: table });
  expect(other).toMatchObject({ split: null, examples: count });
  for (const name of ['sum_mae', 'mask_accuracy']) {
    expect(other.metrics[name]).toBeCloseTo((9 * training.metrics[name] + 3 * test.metrics[name]) / count, 12);
  }
  const pictures = join(scenes.folder, 'pictures');
  const [first] = Object.values(await metricsOf(repainted, { model: 'final', data: pictures }));
  expect(Number.isFinite(first)).toBe(true);
  const masks = { features: pictures, mask: join(scenes.folder, 'masks') };
  const metrics = await metricsOf(segmented, { model: 'final', data: masks });
  const halves = [
    await evaluate(segmented, { model: 'final', split: 'training' }),
    await evaluate(segmented, { model: 'final', split: 'test' }),
  ];
  expect(metrics.accuracy).toBeGreaterThanOrEqual(Math.min(...halves.map((half) => half.metrics.accuracy)));
  expect(metrics.accuracy).toBeLessThanOrEqual(Math.max(...halves.map((half) => half.metrics.accuracy)));
  const refused = await refusalOf(evaluate(patient, { model: 'final', data: { scene: pictures } }));
  expect(refused.message).toContain('--data scene=');
  expect(refused.message).toContain("a table names the images of the model's data: give --data once");
});

it('masks are written as PNG files whose values are those of the training, and replaced only with --force', async () => {
  const dir = join(scenes.folder, 'pictures');
  const out = join(folder, 'made', 'masks');
  const args = [
    'predict',
    patient,
    join(scenes.folder, 'scenes.csv'),
    '--dir',
    dir,
    '--model',
    'final',
    '--images',
    out,
  ];
  const { code, stdout } = await lockstepServed([...args, '--json'], folder);
  expect(code).toBe(0);
  const [first] = linesOf(stdout).map((line) => JSON.parse(line));
  expect(first).toMatchObject({ row: 1, file: '000.png', targets: { mask: { image: join(out, '000.png') } } });
  expect(readdirSync(out)).toHaveLength(count);
  const plain = await rowsOf(patient, objects(), { dir });
  for (const [i, { targets }] of plain.entries()) {
    for await (const { values } of decodeMasks([join(out, objects()[i].file)])) {
      expect([...values]).toEqual(targets!.mask.places!.map(Number));
    }
  }
  const again = await lockstepServed(args, folder);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('000.png: is there already');
  const forced = await lockstepServed([...args, '--force'], folder);
  expect(forced.code).toBe(0);
  expect(forced.stdout).toContain(`mask ${join(out, '011.png')}`);
});

it('pictures are written as what the model gives, a byte for a number from 0 to 1', async () => {
  const input = join(scenes.folder, 'pictures', '004.png');
  const out = join(folder, 'pictures');
  const [{ targets }] = await rowsOf(repainted, input, { images: out });
  const file = join(out, '004.png');
  expect(targets).toEqual({ copy: { file } });
  const { data, info } = await sharp(file).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  expect([info.height, info.width, info.channels]).toEqual([...sceneSize, 1]);
  const [{ targets: plain }] = await rowsOf(repainted, input);
  expect([...data]).toEqual(plain!.copy.values!.map((value) => Math.round(255 * value!)));
});

it.each([
  [
    'an image alone',
    () => join(scenes.folder, 'pictures', '000.png'),
    {},
    'reads a row of a table for each image, with the columns file, tint, kind',
  ],
  [
    'a folder',
    () => join(scenes.folder, 'pictures'),
    {},
    'give a CSV, Parquet or JSON lines file with these, or a .json file: [{ "file": ..., "tint": ..., "kind": ... }]',
  ],
  ['a row without a name', () => [{ tint: 1, kind: 'a' }], {}, 'has no column "file"'],
  ['a row without a column', () => [{ file: '000.png', kind: 'a' }], {}, 'has no column "tint"'],
  ['an empty name', () => [{ file: '', tint: 1, kind: 'a' }], {}, 'column file has no value'],
  ['a name that leads out', () => [{ file: '../scenes.csv', tint: 1, kind: 'a' }], {}, 'which is outside of'],
  [
    'a name of nothing',
    () => [{ file: 'x.png', tint: 1, kind: 'a' }],
    {},
    'correct it, or name the folder where names start: --dir FOLDER',
  ],
] as [string, () => Parameters<typeof predict>[1], object, string][])('%s is refused', async (_, given, __, says) => {
  expect((await refusalOf(rowsOf(patient, given(), { dir: join(scenes.folder, 'pictures') }))).message).toContain(says);
});

it('folders are refused where nothing is to be written there, or named', async () => {
  const table = join(scenes.folder, 'scenes.csv');
  expect((await refusalOf(rowsOf(repainted, join(scenes.folder, 'pictures'), { dir: 'x' }))).message).toContain(
    '--dir x: the model reads no table that names images: leave --dir out',
  );
  expect(existsSync(join(folder, 'none'))).toBe(false);
  const { stderr, code } = await lockstepServed(['predict', patient, table, '--dir', 'nowhere'], folder);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('line 2: column file holds "000.png", and there is no file'),
  ]);
});
