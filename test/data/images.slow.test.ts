/** Folders of images: digits come back from PNG files as they went in and are learnt; decoding; errors that name the file. */
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { generateDigits } from '../../src/data/digits/digits.js';
import { imageInputs } from '../../src/data/images/inputs.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeRows } from '../../src/data/row-writer.js';
import { DataError } from '../../src/errors.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { greyPixel, picture, writeFile } from '../support/images.js';
import { partsOf } from '../support/parts.js';
import { trained } from '../support/runs.js';
import { storedFeatures } from '../support/tables.js';

const root = temporaryFolder();
let folders = 0;

/** A folder of the files given by their paths. */
function folderOf(files: Record<string, Uint8Array | string>): string {
  const dir = join(root, String(folders++));
  mkdirSync(dir);
  for (const [path, content] of Object.entries(files)) writeFile(join(dir, path), content);
  return dir;
}

const load = (dir: string, options: object = {}) =>
  loadDataset(dataSchema.parse({ source: 'images', dir, validation: 0, test: 0, ...options }), 1);

const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const sorted = names.toSorted();

/** Digits as PNG files, every third in colour. */
async function exportDigits(count: number, seed: number): Promise<string> {
  const { features, targets } = partsOf(await generateDigits(count, seed));
  const files = Array.from({ length: count }, async (_, i) => {
    const grey = Uint8Array.from(features.subarray(i * 784, (i + 1) * 784));
    const colour = Array.from(grey).flatMap((value) => [value, value, value]);
    const image = i % 3 === 0 ? picture(colour, 28, 28, 3) : picture(grey, 28, 28, 1);
    return [`${names[targets[i]]}/${String(i).padStart(5, '0')}.png`, await image.png().toBuffer()] as const;
  });
  return folderOf(Object.fromEntries(await Promise.all(files)));
}

describe('digits in PNG files', () => {
  it('come back bit for bit, class after class in the order of names', async () => {
    const count = 400;
    const { features } = partsOf(await generateDigits(count, 3));
    const dir = await exportDigits(count, 3);
    const { examples, encoding, description } = await load(dir, { greyscale: true });
    expect(partsOf(examples)).toMatchObject({ count, featureScale: 1 / 255, featureShape: [28, 28, 1], classes: 10 });
    expect(partsOf(examples).features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(encoding).toEqual({
      input: { kind: 'image', height: 28, width: 28, channels: 1, greyscale: 'bt601', fit: 'cover' },
      classes: sorted,
    });
    expect(description).toContain(`400 examples of shape [28, 28, 1], 10 classes (images in ${dir})`);
    let row = 0;
    for (const [label, name] of sorted.entries()) {
      for (let i = names.indexOf(name); i < count; i += 10, row++) {
        expect(partsOf(examples).targets[row]).toBe(label);
        const stored = partsOf(examples).features.subarray(row * 784, (row + 1) * 784);
        expect(Buffer.compare(stored as Uint8Array, features.subarray(i * 784, (i + 1) * 784) as Uint8Array)).toBe(0);
      }
    }
    expect(row).toBe(count);
  });

  it('are learnt, with a folder of their own for the test', { timeout: 120_000 }, async () => {
    const data = { source: 'images', greyscale: true, validation: 0.1, stratify: true };
    const file = writeConfig(root, 'images', {
      data: { ...data, dir: await exportDigits(900, 0), test: await exportDigits(200, 99) },
      model: {
        layers: [
          { conv2d: { filters: 8, kernelSize: 5, strides: 2, activation: 'relu' } },
          { flatten: {} },
          { dense: { units: 48, activation: 'relu' } },
          { dense: { units: 'classes' } },
        ],
      },
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      optimizer: { adam: { learningRate: 0.003 } },
      training: { epochs: 5, batchSize: 32 },
    });
    const { start, end } = await trained(file, [], root);
    expect(start).toMatchObject({ training: 810, validation: 90, test: 200 });
    expect(end.test!.accuracy).toBeGreaterThan(0.8);
  });

  it('go to a file when they exceed data.memory', async () => {
    const dir = await exportDigits(60, 3);
    const { examples } = await load(dir, { greyscale: true });
    const spilled = (await load(dir, { greyscale: true, memory: '10KB' })).examples;
    const stored = storedFeatures(spilled);
    closeRows(partsOf(spilled).file!);
    expect(partsOf(spilled).file!.first).toBe(Math.floor(10_240 / 784));
    expect(stored).toEqual(Uint8Array.from(partsOf(examples).features));
  });
});

/** Loads one image, as a class of two. */
async function decoded(image: Buffer, options: object = {}, name = 'x.png') {
  const { examples } = await load(folderOf({ [`a/${name}`]: image, [`b/${name}`]: image }), options);
  const [height, width, channels] = partsOf(examples).featureShape;
  const bytes = Array.from(partsOf(examples).features.subarray(0, height * width * channels));
  return { shape: [...partsOf(examples).featureShape], bytes };
}

const colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90];

describe('decoding', () => {
  it('keeps the bytes of a PNG in colour', async () => {
    const image = await picture(colours, 2, 3, 3).png().toBuffer();
    expect(await decoded(image)).toEqual({ shape: [2, 3, 3], bytes: colours });
    expect(await decoded(image, {}, 'X.PNG')).toEqual({ shape: [2, 3, 3], bytes: colours });
  });

  it('greys colours as PIL does, and grey stays as it is', async () => {
    // Pillow 13.0.0: numpy.array(Image.fromarray(colours).convert('L'))
    const rgb = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 1, 2, 3, 255, 255, 0, 7, 7, 7, 217, 163, 130];
    rgb.push(69, 78, 10, 19, 4, 44, 208, 166, 233, 128, 155, 248, 186, 161, 139, 143, 239, 71, 208, 171, 0);
    const luma = [76, 150, 29, 255, 0, 2, 226, 7, 175, 68, 13, 186, 158, 166, 191, 163];
    const image = await picture(rgb, 1, 16, 3).png().toBuffer();
    for (const greyscale of [true, 'bt601']) expect((await decoded(image, { greyscale })).bytes).toEqual(luma);
  });

  it('gives grey images three equal channels unless told otherwise', async () => {
    const image = await picture([0, 100, 255], 1, 3, 1).png().toBuffer();
    expect(await decoded(image)).toEqual({ shape: [1, 3, 3], bytes: [0, 0, 0, 100, 100, 100, 255, 255, 255] });
    expect(await decoded(image, { greyscale: true })).toEqual({ shape: [1, 3, 1], bytes: [0, 100, 255] });
  });

  it('turns colour into the grey of the same luminance with greyscale: linear', async () => {
    const { shape, bytes } = await decoded(await picture(colours, 2, 3, 3).png().toBuffer(), { greyscale: 'linear' });
    expect(shape).toEqual([2, 3, 1]);
    // IEC 61966-2-1: luminance is a sum over linear light.
    const linear = (value: number) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const grey = (y: number) => 255 * (y <= 0.0031308 ? 12.92 * y : 1.055 * y ** (1 / 2.4) - 0.055);
    bytes.forEach((value, i) => {
      const [red, green, blue] = colours.slice(3 * i, 3 * i + 3).map(linear);
      expect(Math.abs(value - grey(0.2126 * red + 0.7152 * green + 0.0722 * blue))).toBeLessThan(1.5);
    });
  });

  it('puts transparency on black', async () => {
    const image = await picture([200, 100, 50, 255, 200, 100, 50, 0, 200, 100, 50, 51], 1, 3, 4).png().toBuffer();
    expect(await decoded(image)).toEqual({ shape: [1, 3, 3], bytes: [200, 100, 50, 0, 0, 0, 40, 20, 10] });
    const grey = await picture([200, 255, 200, 0, 200, 51], 1, 3, 2).png().toBuffer();
    expect(await decoded(grey, { greyscale: true })).toEqual({ shape: [1, 3, 1], bytes: [200, 0, 40] });
  });

  it('reads images of different channels and depths together', async () => {
    const rows = { grey: [7, 7, 7], colour: [1, 2, 3], transparent: [9, 8, 7] };
    const dir = folderOf({
      'a/1.png': await greyPixel(7),
      'a/2.png': await picture(rows.colour, 1, 1, 3).png().toBuffer(),
      'b/3.png': await picture([...rows.transparent, 255], 1, 1, 4)
        .png()
        .toBuffer(),
      'b/4.png': await picture(rows.colour, 1, 1, 3).png({ palette: true }).toBuffer(),
    });
    const { examples } = await load(dir);
    expect([...partsOf(examples).features]).toEqual([
      ...rows.grey,
      ...rows.colour,
      ...rows.transparent,
      ...rows.colour,
    ]);
    expect([...partsOf(examples).targets]).toEqual([0, 0, 1, 1]);
  });

  it.each(['x.jpg', 'x.jpeg', 'x.JPG'])('reads JPEG files: %s', async (name) => {
    // Smooth, so that little is lost.
    const smooth = Array.from({ length: 24 * 16 * 3 }, (_, i) => 40 + 5 * (Math.floor(i / 3) % 16) + (i % 3) * 30);
    const image = await picture(smooth, 24, 16, 3).jpeg({ quality: 98, chromaSubsampling: '4:4:4' }).toBuffer();
    const { shape, bytes } = await decoded(image, {}, name);
    expect(shape).toEqual([24, 16, 3]);
    bytes.forEach((value, i) => {
      expect(Math.abs(value - smooth[i])).toBeLessThanOrEqual(4);
    });
  });

  it('turns images as their EXIF data say', async () => {
    const tall = await picture([1, 2, 3, 4, 5, 6], 3, 2, 1).withMetadata({ orientation: 6 }).png().toBuffer();
    expect(await decoded(tall, { greyscale: true })).toEqual({ shape: [2, 3, 1], bytes: [5, 3, 1, 6, 4, 2] });
    const mirrored = await picture([1, 2, 3, 4, 5, 6], 3, 2, 1).withMetadata({ orientation: 2 }).png().toBuffer();
    expect(await decoded(mirrored, { greyscale: true })).toEqual({ shape: [3, 2, 1], bytes: [2, 1, 4, 3, 6, 5] });
  });
});

describe('data.size', () => {
  /** 40 wide, 20 high: a quarter of red, a half of green, a quarter of blue. */
  const bands = picture(
    Array.from({ length: 800 }, (_, i) => (i % 40 < 10 ? [255, 0, 0] : i % 40 < 30 ? [0, 255, 0] : [0, 0, 255])).flat(),
    20,
    40,
    3,
  );
  /** Red, green, blue or black, but for the ringing of the kernel; `mixed` at an edge. */
  function colourAt({ shape, bytes }: { shape: number[]; bytes: number[] }, y: number, x: number): string {
    const start = (y * shape[1] + x) * 3;
    const bright = bytes.slice(start, start + 3).map((value) => (value > 225 ? 1 : value < 30 ? 0 : '?'));
    return { '100': 'red', '010': 'green', '001': 'blue', '000': 'black' }[bright.join('')] ?? 'mixed';
  }

  it('crops, pads or distorts as data.fit says', async () => {
    const image = await bands.png().toBuffer();
    const cover = await decoded(image, { size: 8 });
    expect(cover.shape).toEqual([8, 8, 3]);
    for (let x = 1; x < 7; x++) expect(colourAt(cover, 4, x)).toBe('green');
    const contain = await decoded(image, { size: 8, fit: 'contain' });
    expect([0, 1, 6, 7].map((y) => colourAt(contain, y, 4))).toEqual(['black', 'black', 'black', 'black']);
    expect([0, 4, 7].map((x) => colourAt(contain, 4, x))).toEqual(['red', 'green', 'blue']);
    const fill = await decoded(image, { size: 16, fit: 'fill' });
    expect([1, 8, 14].map((x) => colourAt(fill, 0, x))).toEqual(['red', 'green', 'blue']);
    expect([1, 8, 14].map((x) => colourAt(fill, 15, x))).toEqual(['red', 'green', 'blue']);
  });

  it('is height and width', async () => {
    const image = await bands.png().toBuffer();
    expect((await decoded(image, { size: [6, 9] })).shape).toEqual([6, 9, 3]);
    expect((await decoded(image, { size: [30, 70], greyscale: true })).shape).toEqual([30, 70, 1]);
  });

  it('brings images of all sizes to one, with the same bytes each time', async () => {
    const files: Record<string, Uint8Array> = {};
    for (let i = 0; i < 24; i++) {
      const [height, width] = [20 + 3 * i, 50 - i];
      const noise = Array.from({ length: height * width * 3 }, (_, j) => (j * j * (i + 31) + 7 * j) % 251);
      const image = picture(noise, height, width, 3);
      files[`${i % 2 ? 'a' : 'b'}/${i}.${i % 3 ? 'png' : 'jpg'}`] = await (i % 3
        ? image.png()
        : image.jpeg()
      ).toBuffer();
    }
    const dir = folderOf(files);
    const first = (await load(dir, { size: 24 })).examples;
    expect(partsOf(first).featureShape).toEqual([24, 24, 3]);
    for (let again = 0; again < 2; again++) {
      expect(partsOf((await load(dir, { size: 24 })).examples).features).toEqual(partsOf(first).features);
    }
  });
});

describe('the files', () => {
  it('come in the order of their names, whatever was written first', async () => {
    const paths = ['b/x/2.png', 'b/10.png', 'b/9.png', 'a/z.png', 'a/n/m/k.png', 'a/A.png', 'b/x/1.jpeg.png'];
    const files: Record<string, Uint8Array> = {};
    for (const [i, path] of paths.entries()) files[path] = await greyPixel(i);
    const dir = folderOf(files);
    const { examples } = await load(dir, { greyscale: true });
    expect([...partsOf(examples).features].map((value) => paths[value])).toEqual(paths.toSorted());
    expect([...partsOf(examples).targets]).toEqual([0, 0, 0, 1, 1, 1, 1]);
  });

  it('are images alone: hidden files and folders and other names are left out', async () => {
    const image = await greyPixel(1);
    const dir = folderOf({
      'a/1.png': image,
      'b/1.png': image,
      'a/.2.png': image,
      'a/.cache/3.png': image,
      '.git/4.png': image,
      'a/notes.txt': 'no image',
      'a/5.png.bak': 'no image',
      'readme.md': 'no image',
    });
    const { examples, encoding } = await load(dir);
    expect(examples.count).toBe(2);
    expect(encoding.classes).toEqual(['a', 'b']);
  });

  it('are PNG and JPEG alone: those of other formats are left out with a warning', async () => {
    const image = await greyPixel(1);
    const dir = folderOf({ 'a/1.png': image, 'a/2.webp': 'another', 'b/1.png': image, 'b/deep/3.GIF': 'another' });
    const warnings: string[] = [];
    const config = dataSchema.parse({ source: 'images', dir, validation: 0, test: 0 });
    const { examples } = await loadDataset(config, 0, { warn: (message) => warnings.push(message) });
    expect(examples.count).toBe(2);
    expect(warnings).toEqual([expect.stringContaining('left out 2 images, such as a/2.webp: neither PNG nor JPEG')]);
  });

  it('may be links to files and folders', async () => {
    const store = folderOf({ '1.png': await greyPixel(5) });
    const dir = folderOf({ 'a/1.png': await greyPixel(4) });
    mkdirSync(join(dir, 'b'));
    symlinkSync(store, join(dir, 'b', 'linked'));
    symlinkSync(join(store, '1.png'), join(dir, 'b', 'x.png'));
    expect([...partsOf((await load(dir, { greyscale: true })).examples).features]).toEqual([4, 5, 5]);
  });

  it('of validation and test may be in folders of their own', async () => {
    const [one, two, three] = [await greyPixel(1), await greyPixel(2), await greyPixel(3)];
    const dir = folderOf({ 'a/1.png': one, 'a/2.png': one, 'b/1.png': one, 'c/1.png': one });
    const validation = folderOf({ 'b/1.png': two, 'c/1.png': two });
    const test = folderOf({ 'a/1.png': three, 'b/1.png': three, 'c/1.png': three });
    const { examples, splits } = await load(dir, { validation, test, greyscale: true });
    expect([...partsOf(examples).features]).toEqual([1, 1, 1, 1, 2, 2, 3, 3, 3]);
    expect([...partsOf(examples).targets]).toEqual([0, 0, 1, 2, 1, 2, 0, 1, 2]);
    expect([...splits.training]).toEqual([0, 1, 2, 3]);
    expect([...splits.validation]).toEqual([4, 5]);
    expect([...splits.test]).toEqual([6, 7, 8]);
    // A fraction is one of the training folder.
    const mixed = (await load(dir, { validation: 0.25, test })).splits;
    expect([mixed.training.length, mixed.validation.length, mixed.test.length]).toEqual([3, 1, 3]);
  });
});

describe('a folder that cannot be used', () => {
  const noise = Array.from({ length: 40 * 40 * 3 }, (_, i) => (i * i * 31 + i * 7) % 251);

  async function failure(dir: string, options: object = {}): Promise<DataError> {
    const error = await load(dir, options).catch((reason) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect(error.remedy).not.toBe('');
    expect(error.problem).not.toContain('\n');
    return error;
  }

  it('is missing, a file, empty, without folders, of one class, or has a class without images', async () => {
    const image = await greyPixel(1);
    const missing = join(root, 'nowhere');
    expect((await failure(missing)).problem).toBe(`data.dir: ${missing} does not exist`);
    const flat = folderOf({ '1.png': image });
    expect((await failure(join(flat, '1.png'))).problem).toBe(`data.dir: ${join(flat, '1.png')} is not a folder`);
    expect((await failure(flat)).problem).toBe(`data.dir: ${flat} holds files but no folders`);
    const empty = folderOf({});
    expect((await failure(empty)).problem).toBe(`data.dir: ${empty} is empty`);
    const single = folderOf({ 'cats/1.png': image });
    expect((await failure(single)).problem).toBe(`data.dir: ${single} has one class only, cats`);
    const hollow = folderOf({ 'cats/1.png': image, 'dogs/readme.txt': 'none yet' });
    expect((await failure(hollow)).problem).toBe(`data.dir: ${join(hollow, 'dogs')} holds no PNG or JPEG files`);
  });

  it.each([
    { kind: 'a truncated PNG', name: 'x.png', damage: (image: Buffer) => image.subarray(0, image.length * 0.6) },
    { kind: 'a PNG that lacks its last rows', name: 'x.png', damage: (image: Buffer) => image.subarray(0, -60) },
    { kind: 'a truncated JPEG', name: 'x.jpg', damage: (image: Buffer) => image.subarray(0, image.length * 0.6) },
    { kind: 'a JPEG that lacks its end', name: 'x.jpg', damage: (image: Buffer) => image.subarray(0, -2) },
    { kind: 'text', name: 'x.png', damage: () => Buffer.from('<html>404 Not Found</html>') },
    { kind: 'nothing', name: 'x.jpg', damage: () => Buffer.alloc(0) },
  ])('holds $kind', async ({ name, damage }) => {
    const image = picture(noise, 40, 40, 3);
    const whole = await (name === 'x.png' ? image.png() : image.jpeg()).toBuffer();
    const dir = folderOf({ 'a/1.png': await image.png().toBuffer(), [`b/${name}`]: damage(whole), 'b/y.png': 'late' });
    const { problem } = await failure(dir);
    expect(problem).toContain(`${join(dir, 'b', name)} cannot be decoded (`);
    // The same with the whole file is not to blame.
    expect((await load(folderOf({ [`a/${name}`]: whole, [`b/${name}`]: whole }))).examples.count).toBe(2);
  });

  it('holds a file that cannot be read', async () => {
    const dir = folderOf({ 'a/1.png': await greyPixel(1) });
    mkdirSync(join(dir, 'b'));
    symlinkSync(join(dir, 'gone.png'), join(dir, 'b', 'x.png'));
    expect((await failure(dir)).problem).toContain(`${join(dir, 'b', 'x.png')} cannot be read (ENOENT`);
  });

  it('holds a link to itself', async () => {
    const dir = folderOf({ 'a/1.png': await greyPixel(1), 'b/1.png': await greyPixel(1) });
    symlinkSync(dir, join(dir, 'b', 'loop'));
    expect((await failure(dir)).problem).toContain('is a link to a folder around it');
  });

  it('holds images of two sizes, and data.size is not given', async () => {
    const dir = folderOf({
      'a/1.png': await picture(new Uint8Array(6), 2, 3, 1).png().toBuffer(),
      'b/1.png': await picture(new Uint8Array(6), 2, 3, 1).png().toBuffer(),
      'b/2.png': await picture(new Uint8Array(8), 2, 4, 1).png().toBuffer(),
    });
    const { problem, remedy } = await failure(dir);
    const [first, odd] = [join(dir, 'a', '1.png'), join(dir, 'b', '2.png')];
    expect(problem).toBe(`${odd} is 2 x 4 pixels (height x width), ${first} is 2 x 3 pixels`);
    expect(remedy).toContain('--set data.size=[2,3]');
    expect((await load(dir, { size: [2, 3] })).examples.count).toBe(3);
  });

  it('serves two splits, or names a class that training lacks', async () => {
    const image = await greyPixel(1);
    const dir = folderOf({ 'cats/1.png': image, 'dogs/1.png': image });
    const other = folderOf({ 'cats/1.png': image, 'dogz/1.png': image, 'hens/1.png': image });
    const unknown = await failure(dir, { test: other });
    expect(unknown.problem).toBe(`data.test: ${join(other, 'dogz')} is no class of data.dir`);
    expect(unknown.remedy).toBe('did you mean dogs?');
    const far = folderOf({ 'hens/1.png': image });
    expect((await failure(dir, { validation: far })).remedy).toBe('remove it; the classes are cats, dogs');
    expect((await failure(dir, { validation: dir })).problem).toContain(`shares images with data.dir, ${dir}`);
    const link = join(root, String(folders++));
    symlinkSync(dir, link);
    expect((await failure(dir, { validation: link })).problem).toContain(`shares images with data.dir, ${dir}`);
    const nested = folderOf({ 'cats/1.png': image, 'dogs/1.png': image, 'val/cats/1.png': image });
    const inside = await failure(nested, { validation: join(nested, 'val') });
    expect(inside.problem).toContain(`data.validation: ${join(nested, 'val')} shares images with data.dir`);
    expect((await failure(dir, { validation: join(root, 'nowhere') })).problem).toContain('data.validation: ');
  });

  it('is refused by the command line, with nothing written', async () => {
    const dir = folderOf({ 'a/1.png': await greyPixel(1), 'b/broken.jpg': 'no image' });
    const work = folderOf({});
    const file = writeConfig(dir, 'run', {
      data: { source: 'images', dir, validation: 0, test: 0 },
      model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
      loss: 'sparseCategoricalCrossentropy',
      training: { epochs: 1, batchSize: 2 },
    });
    const before = snapshot(dir);
    const { code, stdout, stderr } = await lockstepServed(['train', file, '--json'], work);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const { code: kind, message, remedy } = eventOf(eventsOf(stdout), 'error');
    expect({ kind, remedy }).toEqual({ kind: 'LOCKSTEP_DATA', remedy: 'save it as PNG or JPEG again, or remove it' });
    expect(message).toContain(`${join(dir, 'b', 'broken.jpg')} cannot be decoded (`);
    expect([readdirSync(work), snapshot(dir)]).toEqual([[], before]);
  });
});

describe('images to predict from', () => {
  const encoding = { kind: 'image', height: 28, width: 28, channels: 1, fit: 'cover' } as const;

  async function readInputs(path: string, how: Parameters<typeof imageInputs>[1] = encoding) {
    const { names, rows } = await imageInputs(path, how);
    const images: Uint8Array[] = [];
    for await (const row of rows) images.push(row);
    return { names, rows: images };
  }

  it('are read as those of training, from a folder or one by one', async () => {
    const dir = await exportDigits(30, 5);
    const { examples } = await load(dir, { greyscale: true });
    const { names: files, rows } = await readInputs(dir);
    expect(files.slice(0, 4)).toEqual(['eight/00008.png', 'eight/00018.png', 'eight/00028.png', 'five/00005.png']);
    expect(Buffer.concat(rows)).toEqual(Buffer.from(partsOf(examples).features));
    const file = join(dir, 'five', '00005.png');
    expect(await readInputs(file)).toEqual({ names: [file], rows: [rows[3]] });
  });

  it('are scaled to the size of the model', async () => {
    const file = join(
      folderOf({
        'x.jpg': await picture(new Uint8Array(900 * 3), 30, 30, 3)
          .jpeg()
          .toBuffer(),
      }),
      'x.jpg',
    );
    const { rows } = await readInputs(file, { ...encoding, height: 12, width: 20, channels: 3 });
    expect(rows.map((row) => row.length)).toEqual([12 * 20 * 3]);
  });

  it('must be there', async () => {
    const dir = folderOf({ 'notes.txt': 'no image' });
    const failure = (path: string) => readInputs(path).catch((reason) => reason);
    expect(await failure(dir)).toEqual(
      new DataError(`${dir} holds no PNG or JPEG files`, 'name an image file or a folder of images'),
    );
    expect((await failure(join(dir, 'x.png'))).problem).toContain('does not exist or may not be read');
    expect((await failure(join(dir, 'notes.txt'))).problem).toContain(`${join(dir, 'notes.txt')} cannot be decoded (`);
  });
});
