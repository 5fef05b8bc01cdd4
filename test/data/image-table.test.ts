/** Images that a table names: images, columns and masks in one example, and what names must not be. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dataConfigOf } from '../../coordinator/prepare/specs.js';
import { dataSchema } from '../../src/config/data.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { diagnose } from '../../src/data/doctor/diagnose.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { greyPixel, picture, writeFile } from '../support/images.js';
import { refusalOf } from '../support/modules.js';
import { edge, sceneSize, writeScenes } from '../support/scenes.js';

const newFolder = newFolders();
const load = (data: object, warn?: (message: string) => void) =>
  loadDataset(dataSchema.parse({ source: 'images', validation: 0, test: 0, greyscale: true, ...data }), 1, { warn });

const classes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, edge];

it('images, columns and masks stand in one example, in the order of the config', async () => {
  const { folder, pixels, masks, sums } = await writeScenes(newFolder(), 6);
  const { examples, encoding, description, where, columns } = await load({
    table: join(folder, 'scenes.csv'),
    dir: join(folder, 'pictures'),
    weight: 'tint',
    inputs: { rest: ['tint', 'kind'].slice(1), scene: { image: 'file' } },
    targets: { mask: { mask: 'mask', dir: join(folder, 'masks'), values: classes }, sum: 'sum', copy: { of: 'scene' } },
  });
  expect(examples.columns.map(({ name, role, type, shape }) => [name, role, type, shape])).toEqual([
    ['rest', 'input', 'float32', [2]],
    ['scene', 'input', 'uint8', [...sceneSize, 1]],
    ['mask', 'target', 'uint8', [...sceneSize]],
    ['sum', 'target', 'float32', [1]],
    ['copy', 'target', 'uint8', [...sceneSize, 1]],
    ['weights', 'weight', 'float32', []],
  ]);
  const [rest, scene, mask, sum, , weights] = examples.columns.map(({ values }) => [...values]);
  expect(rest).toEqual([1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1]);
  expect(scene).toEqual(pixels.flat());
  expect(mask).toEqual(masks.flat().map((value) => (value === edge ? 11 : value)));
  expect(sum).toEqual(sums);
  expect(weights).toEqual([0, 1, 2, 3, 4, 0]);
  expect(encoding.input).toMatchObject({
    kind: 'table',
    inputs: [{ name: 'rest', columns: 1 }],
    images: { scene: { column: 'file', kind: 'image', height: 14, width: 28, channels: 1 } },
  });
  expect(encoding.named!.mask.classes).toEqual(classes.map(String));
  expect(description).toContain('6 examples of inputs rest [2], scene [14, 28, 1]');
  expect(where!(2, 'sum')).toBe(`${join(folder, 'scenes.csv')}, line 4`);
  expect(columns!.total).toBe(5);
});

it('classes are those of a column, names start at the folder of the table, and rows are held out as tables hold them out', async () => {
  const folder = newFolder();
  const lines = ['picture,label,when'];
  for (let i = 0; i < 8; i++) {
    writeFile(join(folder, 'own', `${i}.png`), await greyPixel(i));
    lines.push(`own/${i}.png,${i % 2 === 0 ? 'even' : 'odd'},${8 - i}`);
  }
  writeFileSync(join(folder, 't.csv'), `${lines.join('\n')}\n`);
  const { examples, splits, encoding } = await loadDataset(
    dataSchema.parse({
      source: 'images',
      greyscale: true,
      table: join(folder, 't.csv'),
      inputs: { picture: { image: 'picture' } },
      targets: { label: 'label' },
      split: { test: 0.25, validation: 0, order: 'when' },
    }),
    1,
  );
  expect([...splits.test]).toEqual([0, 1]);
  expect([...examples.columns[1].values]).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
  expect(encoding).toMatchObject({
    input: { kind: 'table', columns: [], inputs: [] },
    named: { label: { classes: ['even', 'odd'] } },
  });
});

it('gaps leave rows out where they may, and pictures go to disk where memory ends', async () => {
  const folder = newFolder();
  for (let i = 0; i < 40; i++)
    writeFile(join(folder, `${i}.png`), await picture(new Array(64).fill(i), 8, 8, 1).png().toBuffer());
  const lines = Array.from({ length: 40 }, (_, i) => `${i % 4 === 0 ? '' : `${i}.png`},${i}`);
  writeFileSync(join(folder, 't.csv'), `name,x\n${lines.join('\n')}\n`);
  const data = { table: join(folder, 't.csv'), inputs: { p: { image: 'name' } }, targets: { x: 'x' } };
  expect((await refusalOf(load(data))).message).toContain(
    "column name has no value: fill it in, or set data.missing: drop (a file's name has no mean)",
  );
  const { examples } = await load({ ...data, missing: 'drop', memory: '1KB' });
  expect(examples.count).toBe(30);
  expect(examples.columns[0].file!.first).toBeLessThan(30);
  expect([...examples.columns[1].values].slice(0, 4)).toEqual([1, 2, 3, 5]);
  closeExamples(examples);
});

it('a diagnosis tells gaps, and groups that are in two splits', async () => {
  const { folder } = await writeScenes(newFolder(), 12);
  const lines = readFileSync(join(folder, 'scenes.csv'), 'utf8').trimEnd().split('\n');
  const patients = lines.map((line, i) => `${line},${i === 0 ? 'patient' : i === 5 ? '' : i % 4}`);
  writeFileSync(
    join(folder, 'patients.csv'),
    `${patients.map((line, i) => (i === 7 ? line.replace('006.png', '') : line)).join('\n')}\n`,
  );
  const data = dataSchema.parse({
    source: 'images',
    greyscale: true,
    table: join(folder, 'patients.csv'),
    dir: join(folder, 'pictures'),
    inputs: { scene: { image: 'file' } },
    targets: { kind: 'kind' },
    validation: 0,
    test: 0.5,
  });
  const { missing, groups, findings, columns } = await diagnose(data, 1);
  expect(missing).toEqual([{ column: 'file', rows: 1, first: `${join(folder, 'patients.csv')}, line 8` }]);
  expect(groups!.map(({ column, values }) => [column, values])).toEqual([['patient', 4]]);
  expect(findings.map(({ about }) => about)).toEqual(expect.arrayContaining(['missing', 'groups']));
  expect(columns!.shown[0]).toEqual({
    name: 'file',
    field: 'scene',
    role: 'feature',
    why: `names pictures in ${join(folder, 'pictures')}`,
  });
});

it('an embedding codes the column that it reads, and a loss of classes makes numbers classes', async () => {
  const { folder } = await writeScenes(newFolder(), 5);
  const file = writeConfig(folder, 'coded', {
    data: {
      source: 'images',
      table: join(folder, 'scenes.csv'),
      dir: join(folder, 'pictures'),
      inputs: { tint: 'tint', scene: { image: 'file' } },
      targets: { sum: 'sum' },
      validation: 0,
      test: 0,
    },
    model: {
      layers: [
        { embedding: { name: 'e', from: 'tint', inputDim: 'categories', outputDim: 2 } },
        { flatten: { name: 'a' } },
        { flatten: { name: 'b', from: 'scene' } },
        { concatenate: { from: ['a', 'b'] } },
        { dense: { units: 'classes' } },
      ],
    },
    loss: 'sparseCategoricalCrossentropy',
    training: { epochs: 1, batchSize: 2 },
  });
  const { examples } = await loadDataset(dataConfigOf(loadRunConfig(file, [])), 1);
  expect(examples.columns.map(({ name, type, categories }) => [name, type, categories])).toEqual([
    ['tint', 'int32', 6],
    ['scene', 'uint8', undefined],
    ['sum', 'int32', expect.any(Number)],
  ]);
});

async function named(lines: readonly string[], more: object = {}) {
  const folder = newFolder();
  for (const name of ['a', 'b']) writeFile(join(folder, 'p', `${name}.png`), await greyPixel(name.charCodeAt(0)));
  writeFile(join(folder, 'p', 'wide.png'), await picture([1, 2], 1, 2, 1).png().toBuffer());
  writeFile(join(folder, 'outside.png'), await greyPixel(0));
  mkdirSync(join(folder, 'p', 'empty'));
  writeFileSync(join(folder, 't.csv'), `name,other,x\n${lines.join('\n')}\n`);
  const data = { table: join(folder, 't.csv'), dir: join(folder, 'p') };
  return { ...data, inputs: { p: { image: 'name' } }, targets: { x: 'x' }, ...more };
}

const mask = { targets: { m: { mask: 'other', classes: 256 } } };
it.each([
  ['a file that is missing', ['a.png,,1', 'c.png,,2'], {}, 'line 3: column name holds "c.png", and there is no file'],
  ['a folder', ['a.png,,1', 'empty,,2'], {}, 'line 3: column name holds "empty", and there is no file'],
  [
    'a file outside of the folder',
    ['a.png,,1', '../outside.png,,2'],
    {},
    'line 3: column name holds "../outside.png", which is outside of',
  ],
  [
    'an absolute path elsewhere',
    ['/x/a.png,,1', 'b.png,,2'],
    {},
    'line 2: column name holds "/x/a.png", which is outside of',
  ],
  ['a picture that comes again', ['a.png,,1', 'a.png,,2'], {}, 'line 3: column name holds "a.png", as'],
  ['a mask of two pictures', ['a.png,a.png,1', 'b.png,a.png,2'], mask, 'line 3: column other holds "a.png", as'],
  ['another size', ['a.png,,1', 'wide.png,,2'], {}, 'line 3: '],
  [
    'a column twice',
    ['a.png,,1'],
    mask && { targets: { x: 'name' } },
    'data.targets.x and data.inputs.p both name name',
  ],
  [
    'a column that is not there',
    ['a.png,,1'],
    { inputs: { p: { image: 'nome' } } },
    'has no column "nome": did you mean name?',
  ],
])('%s is refused by its row', async (_, lines, more, says) => {
  const { message } = await refusalOf(load(await named(lines, more)));
  expect(message).toContain(says);
});

it('a picture may come again where columns tell its rows apart, and lie on the mask again', async () => {
  const inputs = { p: { image: 'name' }, x: 'x' };
  const { examples } = await load(
    await named(['a.png,a.png,1', 'a.png,a.png,2', 'b.png,b.png,3'], { inputs, ...mask }),
  );
  expect([...examples.columns[0].values]).toEqual([97, 97, 98]);
});

it.each([
  [
    'a column without a table',
    { table: undefined, inputs: undefined, targets: { x: 'x' } },
    'data.targets.x: is a column, and there is no data.table',
  ],
  ['a folder beside a table', { targets: { x: { masks: 'm' } } }, 'data.targets.x: is a folder beside data.table'],
  ['no image', { inputs: { p: 'name' } }, 'data.inputs: names no image'],
  ['no target', { targets: undefined }, 'data.targets: is missing'],
  [
    'what is said of a table without one',
    { table: undefined, inputs: undefined, targets: undefined, missing: 'drop' },
    'data.missing: says how to read a table',
  ],
  ['no folder', { table: undefined, dir: undefined, inputs: undefined, targets: undefined }, 'data.dir: is missing'],
  ['a name twice', { targets: { p: 'x' } }, 'data.targets.p: is the name of an input too'],
  [
    'classes beside values',
    { targets: { m: { mask: 'other', classes: 2, values: [0, 1] } } },
    'data.targets.m.classes: stands beside values',
  ],
  [
    'a value twice',
    { targets: { m: { mask: 'other', values: [1, 1] } } },
    'data.targets.m.values: names a value twice',
  ],
  [
    'too few classes',
    { targets: { m: { mask: 'other', classes: 1 } } },
    'data.targets.m.classes: 1 is not a whole number from 2 to 256',
  ],
  [
    'a mask that is a folder',
    { table: undefined, inputs: undefined, targets: { m: { mask: 'm' } } },
    'data.targets.m: is a column, and there is no data.table: name the table, or a folder: { masks: FOLDER }',
  ],
])('a config with %s is refused', async (_, more, says) => {
  const folder = newFolder();
  const data = {
    source: 'images',
    dir: 'p',
    table: 't.csv',
    inputs: { p: { image: 'name' } },
    targets: { x: 'x' },
    ...more,
  };
  const file = writeConfig(folder, 'wrong', {
    data,
    model: { layers: ['flatten', { dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    training: { epochs: 1, batchSize: 2 },
  });
  expect(() => loadRunConfig(file, [])).toThrow(says);
});
