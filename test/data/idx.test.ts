/** IDX folders: plain and gzip, every way of naming splits, and an error that names the file for every kind of damage. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { loadDataset } from '../../src/data/load-data.js';
import { DataError } from '../../src/errors.js';
import { partsOf } from '../support/parts.js';
import { skipIf } from '../support/skip-if.js';

const root = mkdtempSync(join(tmpdir(), 'lockstep-idx-'));
afterAll(() => rmSync(root, { recursive: true }));

/** An IDX file of bytes 0, 1, 2, ... or of the given ones. */
function idx(shape: number[], values?: number[], type = 0x08): Buffer {
  const header = Buffer.from([0, 0, type, shape.length]);
  const sizes = Buffer.alloc(4 * shape.length);
  shape.forEach((size, i) => {
    sizes.writeUInt32BE(size, 4 * i);
  });
  const count = shape.reduce((product, size) => product * size, 1);
  return Buffer.concat([header, sizes, Buffer.from(values ?? Array.from({ length: count }, (_, i) => i % 256))]);
}

const labelsOf = (count: number, classes = 3) =>
  idx(
    [count],
    Array.from({ length: count }, (_, i) => i % classes),
  );
const pair = (prefix: string, count: number, classes = 3) => ({
  [`${prefix}-images-idx3-ubyte`]: idx([count, 2, 3]),
  [`${prefix}-labels-idx1-ubyte`]: labelsOf(count, classes),
});

let folders = 0;
function folderOf(files: Record<string, Buffer>): string {
  const dir = join(root, String(folders++));
  mkdirSync(dir);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  return dir;
}

const load = (dir: string, options: object = {}) =>
  loadDataset(dataSchema.parse({ source: 'idx', dir, ...options }), 1);

async function failure(dir: string, options: object = {}): Promise<string> {
  const error = await load(dir, options).catch((reason) => reason);
  expect(error).toBeInstanceOf(DataError);
  expect(error.exitCode).toBe(2);
  return error.message;
}

describe('an IDX folder', () => {
  it.each([
    { name: 'plain', images: 'a-images-idx3-ubyte', labels: 'a-labels-idx1-ubyte', zip: false },
    { name: 'gzip', images: 'a-images-idx3-ubyte.gz', labels: 'a-labels-idx1-ubyte.gz', zip: true },
    { name: 'dotted', images: 'a-images.idx3-ubyte', labels: 'a-labels.idx1-ubyte', zip: false },
    { name: 'gzip without the ending', images: 'a-images-idx3-ubyte', labels: 'a-labels-idx1-ubyte', zip: true },
  ])('reads $name files', async ({ images, labels, zip }) => {
    const pack = (content: Buffer) => (zip ? gzipSync(content) : content);
    const dir = folderOf({ [images]: pack(idx([10, 2, 3])), [labels]: pack(labelsOf(10)) });
    const { examples, splits, description } = await load(dir);
    expect(partsOf(examples).featureShape).toEqual([2, 3, 1]);
    expect([...partsOf(examples).features]).toEqual(Array.from({ length: 60 }, (_, i) => i));
    expect([...partsOf(examples).targets]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
    expect([examples.count, partsOf(examples).classes, partsOf(examples).featureScale]).toEqual([10, 3, 1 / 255]);
    expect(partsOf(examples).features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(partsOf(examples).targets.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([splits.training.length, splits.validation.length, splits.test.length]).toEqual([8, 1, 1]);
    expect(description).toBe(`10 examples of shape [2, 3, 1], 3 classes (a of ${dir})`);
  });

  it('reads images with channels', async () => {
    const { examples } = await load(
      folderOf({ 'a-images-idx4-ubyte': idx([10, 2, 3, 2]), 'a-labels-idx1-ubyte': labelsOf(10) }),
    );
    expect(partsOf(examples).featureShape).toEqual([2, 3, 2]);
    expect(partsOf(examples).features.length).toBe(120);
  });

  it('trains on train by default and uses other files only when told', async () => {
    const dir = folderOf({ ...pair('train', 20), ...pair('t10k', 10) });
    expect((await load(dir)).examples.count).toBe(20);
    const { examples, splits } = await load(dir, { test: 't10k' });
    expect(examples.count).toBe(30);
    expect([...splits.test]).toEqual(Array.from({ length: 10 }, (_, i) => 20 + i));
    expect([splits.training.length, splits.validation.length]).toEqual([18, 2]);
    expect([...partsOf(examples).features.slice(20 * 6, 20 * 6 + 3)]).toEqual([0, 1, 2]);
  });

  it('takes given files for every split', async () => {
    const dir = folderOf({ ...pair('a', 6), ...pair('b', 3), ...pair('c', 4) });
    const { splits } = await load(dir, { training: 'b', validation: 'c', test: 'a' });
    expect([...splits.training]).toEqual([0, 1, 2]);
    expect([...splits.validation]).toEqual([3, 4, 5, 6]);
    expect([...splits.test]).toEqual([7, 8, 9, 10, 11, 12]);
  });

  it('takes the only files left when another split names its own', async () => {
    const dir = folderOf({ ...pair('a', 10), ...pair('b', 4) });
    expect((await load(dir, { test: 'b' })).splits.training.length).toBe(9);
  });
});

describe('an IDX folder that cannot be used', () => {
  const damaged = (name: string, content: Buffer) => folderOf({ ...pair('train', 10), [name]: content });
  const IMAGES = 'train-images-idx3-ubyte';
  const LABELS = 'train-labels-idx1-ubyte';
  const zipped = (content: Buffer) => folderOf({ [`${IMAGES}.gz`]: content, [`${LABELS}.gz`]: gzipSync(labelsOf(10)) });
  const noise = Buffer.from(Array.from({ length: 600 }, (_, i) => (i * i * 31 + i * 7) % 251));
  const bigImages = Buffer.concat([idx([100, 2, 3]).subarray(0, 16), noise]);

  it.each([
    {
      kind: 'truncated images',
      file: IMAGES,
      content: idx([10, 2, 3]).subarray(0, 70),
      rule: 'is truncated: it holds 70 bytes, its header announces 76',
    },
    {
      kind: 'a truncated header',
      file: IMAGES,
      content: idx([10, 2, 3]).subarray(0, 9),
      rule: 'is truncated: it holds 9 bytes, its header alone has 16',
    },
    { kind: 'nothing', file: LABELS, content: Buffer.alloc(0), rule: 'is truncated: it holds 0 bytes' },
    {
      kind: 'appended bytes',
      file: LABELS,
      content: Buffer.concat([labelsOf(10), Buffer.alloc(5)]),
      rule: 'has 23 bytes, its header announces 18',
    },
    { kind: 'labels for images', file: IMAGES, content: labelsOf(10), rule: 'is an IDX label file, expected images' },
    {
      kind: 'images for labels',
      file: LABELS,
      content: idx([10, 2, 3]),
      rule: 'is an IDX image file, expected labels',
    },
    { kind: 'a matrix', file: IMAGES, content: idx([10, 6]), rule: 'is an IDX file of rank 2, expected images' },
    {
      kind: 'a PNG',
      file: IMAGES,
      content: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      rule: 'is not an IDX file (it starts with 89 50 4e 47)',
    },
    {
      kind: 'floats',
      file: IMAGES,
      content: idx([10, 2, 3], undefined, 0x0d),
      rule: 'holds elements of IDX type 0x0d',
    },
    { kind: 'too few labels', file: LABELS, content: labelsOf(9), rule: 'has 9 labels for the 10 images of' },
    {
      kind: 'no examples',
      file: IMAGES,
      content: idx([0, 2, 3]),
      rule: 'is empty: its header announces 0 x 2 x 3 elements',
    },
  ])('names the file that holds $kind', async ({ file, content, rule }) => {
    const dir = damaged(file, content);
    expect(await failure(dir)).toContain(`${join(dir, file)} ${rule}`);
  });

  it('says how much a truncated gzip file holds', async () => {
    const whole = gzipSync(bigImages);
    const message = await failure(zipped(whole.subarray(0, whole.length - 200)));
    const [, held] =
      /images-idx3-ubyte\.gz is truncated: it holds (\d+) bytes, its header announces 616/.exec(message) ?? [];
    expect(Number(held)).toBeGreaterThan(16);
    expect(Number(held)).toBeLessThan(616);
  });

  it('notices a gzip file that lacks only its checksum', async () => {
    const whole = gzipSync(idx([10, 2, 3]));
    const message = await failure(zipped(whole.subarray(0, whole.length - 8)));
    expect(message).toContain('is truncated: it holds 76 bytes, but its gzip checksum is missing');
  });

  it('names a file whose gzip data is damaged', async () => {
    const content = gzipSync(bigImages);
    content[content.length - 6] ^= 0xff;
    const dir = zipped(content);
    expect(await failure(dir)).toContain(`${join(dir, IMAGES)}.gz is gzip-damaged`);
  });

  it('says that a folder is missing, no folder, or has no IDX files', async () => {
    expect(await failure(join(root, 'nowhere'))).toContain(`${join(root, 'nowhere')} does not exist`);
    const dir = folderOf({ 'readme.txt': Buffer.from('hello') });
    expect(await failure(join(dir, 'readme.txt'))).toContain('is not a folder');
    expect(await failure(dir)).toContain(`${dir} holds no IDX files`);
    expect(await failure('no/such/dir')).toContain(resolve('no/such/dir'));
  });

  it('says which file of a pair is missing', async () => {
    const dir = folderOf({ [IMAGES]: idx([10, 2, 3]) });
    expect(await failure(dir)).toContain(`${join(dir, IMAGES)} has no labels file beside it`);
  });

  it('lists the candidates when the training files are not clear', async () => {
    const dir = folderOf({ ...pair('letters', 10), ...pair('digits', 10) });
    expect(await failure(dir)).toContain('several candidates: digits, letters');
    expect(await failure(dir, { training: 'numbers' })).toContain('choose from digits, letters');
  });

  it('refuses to test on the files it trains on', async () => {
    const dir = folderOf({ ...pair('train', 10), ...pair('t10k', 10) });
    expect(await failure(dir, { test: 'train' })).toContain('the files "train" are to serve two splits');
    expect(await failure(dir, { validation: 't10k', test: 't10k' })).toContain('"t10k" are to serve two splits');
    const only = folderOf(pair('t10k', 10));
    expect(await failure(only, { test: 't10k' })).toContain('leave none for training');
  });

  it('refuses held-out files of another shape or with classes that training lacks', async () => {
    const other = { 't-images-idx3-ubyte': idx([5, 3, 3]), 't-labels-idx1-ubyte': labelsOf(5) };
    expect(await failure(folderOf({ ...pair('train', 10), ...other }), { test: 't' })).toContain(
      'are 3x3x1, those of train 2x3x1',
    );
    expect(await failure(folderOf({ ...pair('train', 10), ...pair('t', 10, 4) }), { test: 't' })).toContain(
      'go up to 3, those of train to 2',
    );
  });
});

// The tests run from the folder of the repository.
const mnist = resolve('../shared/data/mnist');
const absent = !existsSync(mnist) && `there is no folder ${mnist}`;

describe('MNIST', () => {
  skipIf(absent).it('reads the 10,000 test images', async () => {
    const { examples, splits } = await load(mnist, { stratify: true });
    expect([examples.count, partsOf(examples).classes, partsOf(examples).featureShape]).toEqual([
      10_000,
      10,
      [28, 28, 1],
    ]);
    expect([...partsOf(examples).targets.slice(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    const perClass = new Array(10).fill(0);
    for (const label of partsOf(examples).targets) perClass[label]++;
    expect(perClass).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    expect([splits.training.length, splits.validation.length, splits.test.length]).toEqual([8000, 1000, 1000]);
  });
});
