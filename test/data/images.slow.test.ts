/** Folders of images: digits come back from PNG files as they went in and are learnt; decoding; errors that name the file. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { generateDigits } from '../../src/data/digits/digits.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeRows } from '../../src/data/row-writer.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { digitNames, greyPixel, imageFolders, loadImages, picture } from '../support/images.js';
import { partsOf } from '../support/parts.js';
import { trained } from '../support/runs.js';
import { storedFeatures } from '../support/tables.js';

const root = temporaryFolder();
const { folderOf, exportDigits } = imageFolders(root);
const sorted = digitNames.toSorted();

describe('digits in PNG files', () => {
  it('come back bit for bit, class after class in the order of names', async () => {
    const count = 200;
    const { features } = partsOf(await generateDigits(count, 3));
    const dir = await exportDigits(count, 3);
    const { examples, encoding, description } = await loadImages(dir, { greyscale: true });
    expect(partsOf(examples)).toMatchObject({ count, featureScale: 1 / 255, featureShape: [28, 28, 1], classes: 10 });
    expect(partsOf(examples).features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(encoding).toEqual({
      input: { kind: 'image', height: 28, width: 28, channels: 1, greyscale: 'bt601', fit: 'cover' },
      classes: sorted,
    });
    expect(description).toContain(`200 examples of shape [28, 28, 1], 10 classes (images in ${dir})`);
    let row = 0;
    for (const [label, name] of sorted.entries()) {
      for (let i = digitNames.indexOf(name); i < count; i += 10, row++) {
        expect(partsOf(examples).targets[row]).toBe(label);
        const stored = partsOf(examples).features.subarray(row * 784, (row + 1) * 784);
        expect(Buffer.compare(stored as Uint8Array, features.subarray(i * 784, (i + 1) * 784) as Uint8Array)).toBe(0);
      }
    }
    expect(row).toBe(count);
  });

  it('are learnt, with a folder of their own for the test', async () => {
    const data = { source: 'images', greyscale: true, validation: 0.1, stratify: true };
    const file = writeConfig(root, 'images', {
      data: { ...data, dir: await exportDigits(600, 0), test: await exportDigits(100, 99) },
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
      training: { epochs: 5, batchSize: 16 },
    });
    const { start, end } = await trained(file, [], root);
    expect(start).toMatchObject({ training: 540, validation: 60, test: 100 });
    expect(end.test!.accuracy).toBeGreaterThan(0.8);
  });

  it('go to a file when they exceed data.memory', async () => {
    const dir = await exportDigits(60, 3);
    const { examples } = await loadImages(dir, { greyscale: true });
    const spilled = (await loadImages(dir, { greyscale: true, memory: '10KB' })).examples;
    const stored = storedFeatures(spilled);
    closeRows(partsOf(spilled).file!);
    expect(partsOf(spilled).file!.first).toBe(Math.floor(10_240 / 784));
    expect(stored).toEqual(Uint8Array.from(partsOf(examples).features));
  });
});

/** Loads one image, as a class of two. */
async function decoded(image: Buffer, options: object = {}, name = 'x.png') {
  const { examples } = await loadImages(folderOf({ [`a/${name}`]: image, [`b/${name}`]: image }), options);
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
    const { examples } = await loadImages(dir);
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
    const first = (await loadImages(dir, { size: 24 })).examples;
    expect(partsOf(first).featureShape).toEqual([24, 24, 3]);
    for (let again = 0; again < 2; again++) {
      expect(partsOf((await loadImages(dir, { size: 24 })).examples).features).toEqual(partsOf(first).features);
    }
  });
});

describe('the files', () => {
  it('come in the order of their names, whatever was written first', async () => {
    const paths = ['b/x/2.png', 'b/10.png', 'b/9.png', 'a/z.png', 'a/n/m/k.png', 'a/A.png', 'b/x/1.jpeg.png'];
    const files: Record<string, Uint8Array> = {};
    for (const [i, path] of paths.entries()) files[path] = await greyPixel(i);
    const dir = folderOf(files);
    const { examples } = await loadImages(dir, { greyscale: true });
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
    const { examples, encoding } = await loadImages(dir);
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
    expect([...partsOf((await loadImages(dir, { greyscale: true })).examples).features]).toEqual([4, 5, 5]);
  });

  it('of validation and test may be in folders of their own', async () => {
    const [one, two, three] = [await greyPixel(1), await greyPixel(2), await greyPixel(3)];
    const dir = folderOf({ 'a/1.png': one, 'a/2.png': one, 'b/1.png': one, 'c/1.png': one });
    const validation = folderOf({ 'b/1.png': two, 'c/1.png': two });
    const test = folderOf({ 'a/1.png': three, 'b/1.png': three, 'c/1.png': three });
    const { examples, splits } = await loadImages(dir, { validation, test, greyscale: true });
    expect([...partsOf(examples).features]).toEqual([1, 1, 1, 1, 2, 2, 3, 3, 3]);
    expect([...partsOf(examples).targets]).toEqual([0, 0, 1, 2, 1, 2, 0, 1, 2]);
    expect([...splits.training]).toEqual([0, 1, 2, 3]);
    expect([...splits.validation]).toEqual([4, 5]);
    expect([...splits.test]).toEqual([6, 7, 8]);
    // A fraction is one of the training folder.
    const mixed = (await loadImages(dir, { validation: 0.25, test })).splits;
    expect([mixed.training.length, mixed.validation.length, mixed.test.length]).toEqual([3, 1, 3]);
  });
});
