/** Targets that are inputs, `data.targets: { copy: { of: features } }`: autoencoders, without a copy of the data. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { inputColumn, targetColumn } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { packExamples } from '../../src/data/packed.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { openPacked, packedInMemory } from '../../src/wire/packed-data.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { greyPixel, writeFile } from '../support/images.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { resultOf, trained } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const load = (data: object) => loadDataset(dataSchema.parse({ validation: 0, test: 0, ...data }), 1);
const copied = { targets: { copy: { of: 'features' } } };

const autoencoder = writeConfig(folder, 'autoencoder', {
  data: { source: 'digits', examples: 120, validation: 0.2, test: 0.1, ...copied },
  model: {
    layers: [
      'flatten',
      { dense: { units: 6, activation: 'relu' } },
      { dense: { units: 784, activation: 'sigmoid' } },
      { reshape: { targetShape: [28, 28, 1] } },
    ],
  },
  loss: 'binaryCrossentropy',
  metrics: ['mse'],
  training: { epochs: 1, batchSize: 32, shards: 4 },
});

it('share the memory of their inputs, in their scale', async () => {
  const { examples, encoding } = await load({ source: 'digits', examples: 20, ...copied });
  const [input, target] = [inputColumn(examples), targetColumn(examples)];
  expect(target.values).toBe(input.values);
  expect(target).toMatchObject({ name: 'copy', type: 'uint8', shape: [28, 28, 1], scale: 1 / 255 });
  expect(examples.columns).toHaveLength(2);
  expect(encoding.named).toEqual({ copy: {} });
  expect(encoding.classes).toBeUndefined();
});

it('are sent to workers once, and opened as one', async () => {
  const [plain, twice] = [
    await load({ source: 'digits', examples: 20 }),
    await load({ source: 'digits', examples: 20, ...copied }),
  ];
  const image = packExamples(twice.examples);
  // The classes of the digits, four bytes each, and a line of its own are what the other has more.
  expect(Math.abs(image.length - packExamples(plain.examples).length)).toBeLessThan(256);
  const bytes = await image.read(0, image.length);
  const file = join(folder, 'image');
  writeFileSync(file, bytes);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  for (const opened of [packedInMemory('image', shared), await openPacked(file, 1e9), await openPacked(file, 7840)]) {
    const [input, target] = [inputColumn(opened), targetColumn(opened)];
    expect(target.values).toBe(input.values);
    expect(target.file).toEqual(input.file);
    expect([...input.values]).toEqual([...inputColumn(twice.examples).values].slice(0, input.values.length));
    closeExamples(opened);
  }
});

it('take the place of the classes of folders, by which splits may still be balanced', async () => {
  const dir = join(folder, 'pictures');
  for (const [i, name] of ['a', 'b'].entries()) {
    for (let k = 0; k < 4; k++) writeFile(join(dir, name, `${k}.png`), await greyPixel(60 * k + i));
  }
  const greys = { source: 'images', dir, greyscale: true, validation: 0.5, stratify: true };
  const { examples, splits, encoding } = await load({ ...greys, ...copied });
  expect(examples.columns.map(({ name, role }) => [name, role])).toEqual([
    ['features', 'input'],
    ['copy', 'target'],
  ]);
  expect(targetColumn(examples)).toMatchObject({ type: 'uint8', shape: [1, 1, 1], scale: 1 / 255 });
  expect([...splits.validation].filter((row) => row < 4)).toHaveLength(2);
  expect(encoding.classes).toBeUndefined();
  expect(encoding.input.kind).toBe('image');
});

it('are on disk where their inputs are', async () => {
  const file = writeModule(
    folder,
    'large.mjs',
    'export default function* () { for (let i = 0; i < 2000; i++) yield { features: new Float32Array(300).fill(i) }; }',
  );
  const { examples } = await load({ source: 'module', file, memory: '1MB', ...copied });
  expect(targetColumn(examples).file).toEqual(inputColumn(examples).file);
  closeExamples(examples);
});

it('train an autoencoder on bytes to the same bits on 1, 2 and 4 threads and on two workers', async () => {
  const one = await trained(autoencoder, [], folder, 1);
  for (const threads of [2, 4])
    expect(resultOf(await trained(autoencoder, [], folder, threads))).toEqual(resultOf(one));
  const workers = [{ threads: 1 }, { threads: 1 }];
  expect(resultOf(await trainedInWorld(autoencoder, [], folder, folder, { workers }))).toEqual(resultOf(one));
  const streamed = await trainedInWorld(autoencoder, ['cluster.placement=stream'], folder, folder, { workers });
  expect(resultOf(streamed)).toEqual(resultOf(one));
  // Of numbers from 0 to 1, not of bytes.
  expect(one.end.test!.mse).toBeLessThan(0.3);
  expect(one.epochs[0].loss).toBeLessThan(Math.log(2) + 0.05);
});

it('stand beside other targets of a module, with masks and weights', async () => {
  const file = writeModule(
    folder,
    'both.mjs',
    'export default [[1, 2], [3]].map((words) => ({ inputs: { words }, targets: { n: words.length }, weights: { copy: 2 } }));',
  );
  const { examples } = await load({ source: 'module', file, length: 'longest', targets: { copy: { of: 'words' } } });
  expect(examples.columns.map(({ name, role, of }) => [name, role, of])).toEqual([
    ['words', 'input', undefined],
    ['n', 'target', undefined],
    ['copy', 'target', 'words'],
    ['copy_weight', 'weight', 'copy'],
    ['words_mask', 'mask', 'words'],
    ['copy_mask', 'mask', 'copy'],
  ]);
});

it.each([
  [
    'an input that is not there',
    { targets: { copy: { of: 'feature' } } },
    'data.targets.copy.of: there is no input feature: did you mean features?',
  ],
  [
    'a target without a name beside them',
    { targets: { a: { of: 'features' } }, text: '[{ features: 1, target: 1 }]' },
    'has a target without a name beside data.targets: name it',
  ],
  [
    'stratify',
    { ...copied, stratify: true, validation: 0.5 },
    'data.stratify: the targets are inputs, not classes: remove stratify',
  ],
] as [string, { text?: string; [key: string]: unknown }, string][])(
  'are refused with %s',
  async (_, { text = '[{ features: 1 }, { features: 2 }]', ...more }, says) => {
    const file = writeModule(folder, `wrong${says.length}.mjs`, `export default ${text};`);
    expect((await refusalOf(load({ source: 'module', file, ...more }))).message).toContain(says);
  },
);
