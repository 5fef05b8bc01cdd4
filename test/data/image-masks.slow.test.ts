/** Masks of images, as targets: read as Pillow reads them, scaled and moved with their pictures; what they may hold. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type AugmentConfig, augmentSchema } from '../../src/config/augment.js';
import { dataSchema } from '../../src/config/data.js';
import { checkAugment, createAugmenter } from '../../src/data/augment/augment.js';
import { movedFields } from '../../src/data/augment/moved.js';
import { inputColumn, targetColumn } from '../../src/data/examples.js';
import type { Field } from '../../src/data/field.js';
import { decodeMasks, scaleMask } from '../../src/data/images/masks.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { newFolders } from '../support/folder.js';
import { greyPixel, picture, writeFile } from '../support/images.js';
import { refusalOf } from '../support/modules.js';
import { packageRoot } from '../support/package.js';
import { edge, palettePng, sceneSize, writeScenes } from '../support/scenes.js';

const newFolder = newFolders();

/** Pillow 13.0.0 by scripts/peers/pil_masks.py. */
interface Fixture {
  size: [number, number];
  read: { name: string; png: string; values: number[] }[];
  source: { size: [number, number]; values: number[] };
  outside: number;
  scaled: { fit: 'cover' | 'contain' | 'fill'; size: [number, number]; values: number[] }[];
}
const fixture: Fixture = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/pil-masks.json'), 'utf8'));

async function decoded(file: string) {
  for await (const mask of decodeMasks([file])) return mask;
  throw new Error('no mask came');
}

describe('a mask', () => {
  it.each(fixture.read.map((each) => [each.name, each] as const))('of %s has the values of Pillow', async (_, each) => {
    const file = join(newFolder(), 'mask.png');
    writeFile(file, Buffer.from(each.png, 'base64'));
    const { height, width, values } = await decoded(file);
    expect([height, width]).toEqual(fixture.size);
    expect([...values]).toEqual(each.values);
  });

  it.each(fixture.scaled.map((each) => [each.fit, each.size.join(' x '), each] as const))(
    'that is scaled (%s) to %s is that of Pillow',
    (fit, _, { size, values }) => {
      const [height, width] = fixture.source.size;
      const source = Uint8Array.from(fixture.source.values);
      expect([...scaleMask(source, { height, width }, { size, fit }, fixture.outside)]).toEqual(values);
    },
  );

  it('that is interlaced is read', async () => {
    const file = join(newFolder(), 'mask.png');
    const values = Array.from({ length: 63 }, (_, i) => (i * 5) % 256);
    writeFile(file, await picture(values, 9, 7, 1).png({ progressive: true }).toBuffer());
    expect([...(await decoded(file)).values]).toEqual(values);
  });

  it.each([
    ['in colour', picture([1, 1, 1, 2, 3, 4], 1, 2, 3).png(), 'pixel (1, 0) (x, y from 0) is the colour 2, 3, 4'],
    ['with transparent pixels', picture([1, 255, 2, 128], 1, 2, 2).png(), 'pixel (1, 0) (x, y from 0) is transparent'],
    ['as JPEG', picture([1, 2], 1, 2, 1).jpeg(), 'is no PNG file, by its first bytes, and a mask must be'],
    [
      'of 16 bits beyond 255',
      sharp(Uint16Array.from([7, 300]), { raw: { height: 1, width: 2, channels: 1 } })
        .toColourspace('grey16')
        .png(),
      'pixel (1, 0) (x, y from 0) is 300, above 255',
    ],
  ])('%s is refused', async (_, image, says) => {
    const file = join(newFolder(), 'mask.png');
    writeFile(file, await image.toBuffer());
    expect((await refusalOf(decoded(file))).message).toContain(`${file}${says.startsWith('is') ? ' ' : ': '}${says}`);
  });

  it('that is damaged is refused by its name', async () => {
    const file = join(newFolder(), 'mask.png');
    const whole = palettePng([1, 2, 3, 4], 2, 2);
    writeFile(file, whole.subarray(0, whole.length - 20));
    expect((await refusalOf(decoded(file))).message).toContain(`${file} cannot be decoded (`);
  });
});

const load = (data: object, ignoreClass?: number, warn?: (message: string) => void) =>
  loadDataset(dataSchema.parse({ source: 'images', validation: 0, test: 0, ...data }), 1, { ignoreClass, warn });

describe('folders of pictures and masks', () => {
  it('become a class for each pixel, bytes in memory or on disk', async () => {
    const { folder, masks, pixels } = await writeScenes(newFolder(), 5);
    const data = {
      dir: join(folder, 'pictures'),
      greyscale: true,
      targets: { mask: { masks: join(folder, 'masks'), classes: 11 } },
    };
    const { examples, encoding, description, where } = await load(data, edge);
    const [input, target] = [inputColumn(examples), targetColumn(examples)];
    expect(input).toMatchObject({ name: 'features', type: 'uint8', shape: [...sceneSize, 1], scale: 1 / 255 });
    expect(target).toMatchObject({ name: 'mask', type: 'uint8', shape: [...sceneSize], categories: 11 });
    expect([...input.values]).toEqual(pixels.flat());
    expect([...target.values]).toEqual(masks.flat());
    expect(encoding.input).toMatchObject({ kind: 'image', channels: 1 });
    expect(encoding.named!.mask.classes).toHaveLength(11);
    expect(description).toContain('5 examples of shape [14, 28, 1], 11 classes');
    expect(where!(3, 'mask')).toBe(join(folder, 'masks', '003.png'));
    const spilled = await load({ ...data, memory: '1KB' }, edge);
    expect(targetColumn(spilled.examples).file).toBeDefined();
    closeExamples(spilled.examples);
  });

  it('have inputs by name, pictures as targets and an input as one', async () => {
    const { folder, pixels } = await writeScenes(newFolder(), 3);
    const pictures = join(folder, 'pictures');
    for (const i of [0, 1, 2]) writeFile(join(folder, 'depths', `00${i}.png`), await greyPixel(50 * i));
    const { examples, encoding } = await load({
      inputs: { scene: { images: pictures, greyscale: true } },
      targets: { depth: { images: join(folder, 'depths'), greyscale: true }, again: { of: 'scene' } },
    });
    expect(examples.columns.map(({ name, role, shape, scale, of }) => [name, role, shape, scale, of])).toEqual([
      ['scene', 'input', [14, 28, 1], 1 / 255, undefined],
      ['depth', 'target', [1, 1, 1], 1 / 255, undefined],
      ['again', 'target', [14, 28, 1], 1 / 255, 'scene'],
    ]);
    expect([...examples.columns[1].values]).toEqual([0, 50, 100]);
    expect([...examples.columns[2].values]).toEqual(pixels.flat());
    expect(encoding.input).toMatchObject({ kind: 'fields', fields: { scene: { kind: 'image', height: 14 } } });
  });

  it('need no folders of classes where an input is the target, and may have folders for splits', async () => {
    const [{ folder }, other] = [await writeScenes(newFolder(), 4), await writeScenes(newFolder(), 2)];
    const dir = join(folder, 'pictures');
    const test = join(other.folder, 'pictures');
    const { splits } = await load({ dir, test, targets: { copy: { of: 'features' } } });
    expect([...splits.training, -1, ...splits.test]).toEqual([0, 1, 2, 3, -1, 4, 5]);
  });

  it('are scaled alike, with what is beyond a mask left out or of the first class', async () => {
    const { folder } = await writeScenes(newFolder(), 2);
    const data = {
      dir: join(folder, 'pictures'),
      greyscale: true,
      size: 28,
      fit: 'contain',
      targets: {
        mask: { masks: join(folder, 'masks'), classes: 11 },
        small: { masks: join(folder, 'masks2'), size: [7, 14] },
      },
    };
    for (const i of [0, 1])
      writeFile(join(folder, 'masks2', `00${i}.png`), palettePng(new Array(14 * 28).fill(i), 14, 28));
    const { examples } = await load(data, edge);
    const [, mask, small] = examples.columns;
    expect([mask.shape, small.shape]).toEqual([
      [28, 28],
      [7, 14],
    ]);
    expect(mask.values.subarray(0, 7 * 28).every((value) => value === edge)).toBe(true);
    expect([...new Set(small.values)]).toEqual([0, 1]);
  });
});

describe('values of masks', () => {
  /** One picture for each mask of some pixels. */
  async function masked(masks: readonly (readonly number[])[], options: object = {}, more: object = {}) {
    const folder = newFolder();
    for (const [i, mask] of masks.entries()) {
      const pixels = mask.map((_, x) => x);
      writeFile(join(folder, 'pictures', `${i}.jpg`), await picture(pixels, 1, mask.length, 1).jpeg().toBuffer());
      writeFile(join(folder, 'masks', `${i}.png`), palettePng(mask, 1, mask.length));
    }
    return { dir: join(folder, 'pictures'), targets: { mask: { masks: join(folder, 'masks'), ...options } }, ...more };
  }

  it('are class indices, up to the highest', async () => {
    const { examples } = await load(
      await masked([
        [0, 1],
        [2, 1],
      ]),
    );
    expect(targetColumn(examples)).toMatchObject({ categories: 3, shape: [1, 2] });
  });

  it('are those that the config lists', async () => {
    const { examples, encoding } = await load(
      await masked(
        [
          [0, 255],
          [255, 255],
        ],
        { values: [0, 255] },
      ),
    );
    expect([...targetColumn(examples).values]).toEqual([0, 1, 1, 1]);
    expect(targetColumn(examples).categories).toBe(2);
    expect(encoding.named!.mask.classes).toEqual(['0', '255']);
  });

  it('may have one that the loss leaves out', async () => {
    const { examples } = await load(
      await masked([
        [0, 255],
        [1, 0],
      ]),
      255,
    );
    expect([...targetColumn(examples).values]).toEqual([0, 255, 1, 0]);
    expect(targetColumn(examples).categories).toBe(2);
    const listed = await load(
      await masked(
        [
          [0, 128],
          [255, 0],
        ],
        { values: [0, 255] },
      ),
      128,
    );
    expect([...targetColumn(listed.examples).values]).toEqual([0, 128, 1, 0]);
  });

  it('are warned of where most classes are in no mask', async () => {
    const warnings: string[] = [];
    await load(
      await masked([
        [0, 100],
        [200, 0],
      ]),
      undefined,
      (message) => warnings.push(message),
    );
    expect(warnings).toEqual([
      expect.stringContaining('of the 201 classes from 0 to 200 masks hold 3 only (0, 100, 200)'),
    ]);
    expect(
      (
        await load(
          await masked(
            [
              [0, 100],
              [200, 0],
            ],
            { values: [0, 100, 200] },
          ),
        )
      ).examples.columns,
    ).toHaveLength(2);
  });

  it.each([
    [
      'white, which may be a class or not',
      [[0, 255]],
      {},
      'set values: [0, 255] where it is a class; where it does not count, loss: { mask: {',
    ],
    [
      'one value only',
      [[3, 3]],
      {},
      'all pixels of all masks are of class 3: use masks of two classes or more, or say how many',
    ],
    [
      'a value beyond the classes',
      [[0, 5]],
      { classes: 3 },
      'pixel (1, 0) (x, y from 0) is 5, not a class from 0 to 2: set classes: 6 of data.targets.mask, or leave such places out by loss: { mask: { sparse',
    ],
    [
      'a value that is not listed',
      [[0, 5]],
      { values: [0, 255] },
      'is 5, not one of 0, 255: add it to values of data.targets.mask',
    ],
  ])('that are %s are refused', async (_, masks, options, says) => {
    expect((await refusalOf(load(await masked(masks, options)))).message).toContain(says);
  });
});

describe('folders that do not fit', () => {
  const pixel = (value: number) => greyPixel(value);
  async function folderOf(files: Record<string, Buffer>): Promise<string> {
    const folder = newFolder();
    for (const [name, content] of Object.entries(files)) writeFile(join(folder, name), content);
    return folder;
  }
  const dataOf = (folder: string, more: object = {}) => ({
    dir: join(folder, 'p'),
    targets: { m: { masks: join(folder, 'm') } },
    ...more,
  });

  it('are refused where a mask is missing, doubled or of another size, and told where one is left over', async () => {
    const [a, b] = [await pixel(0), await pixel(1)];
    const missing = await folderOf({ 'p/x/a.png': a, 'p/b.png': a, 'm/x/a.png': a });
    expect((await refusalOf(load(dataOf(missing)))).message).toContain(
      `has no mask for ${join(missing, 'p', 'b.png')}: b.png is not there`,
    );
    const doubled = await folderOf({ 'p/a.png': a, 'm/a.png': a, 'm/a.jpg': a });
    expect((await refusalOf(load(dataOf(doubled)))).message).toContain(
      'holds a.jpg and a.png, and files belong together by their names',
    );
    const other = await folderOf({ 'p/a.png': a, 'm/a.png': await picture([0, 1], 1, 2, 1).png().toBuffer() });
    const { message } = await refusalOf(load(dataOf(other, { size: 4 })));
    expect(message).toContain('is 1 x 2 pixels (height x width), and its picture');
    const left = await folderOf({ 'p/a.png': a, 'p/b.png': a, 'm/a.png': a, 'm/b.png': b, 'm/c.png': b });
    const warnings: string[] = [];
    await load(dataOf(left), undefined, (warning) => warnings.push(warning));
    expect(warnings).toEqual([expect.stringContaining('left out 1 of 3 files, such as c.png')]);
  });

  it('are refused where one lies in another, or a split has a folder without its masks', async () => {
    const a = await pixel(0);
    const nested = await folderOf({ 'p/a.png': a, 'p/m/a.png': a });
    const inside = { dir: join(nested, 'p'), targets: { m: { masks: join(nested, 'p', 'm') } } };
    expect((await refusalOf(load(inside))).message).toContain('shares images with data.dir');
    const whole = await folderOf({ 'p/a.png': a, 'm/a.png': a });
    expect((await refusalOf(load(dataOf(whole, { test: whole })))).message).toContain('nothing says where its m is');
  });
});

describe('augmentation', () => {
  const [height, width] = [9, 11];
  const field = (more: Partial<Field> & Pick<Field, 'name'>): Field => ({
    role: 'target',
    type: 'uint8',
    shape: [height, width],
    ...more,
  });
  const image = field({ name: 'picture', role: 'input', shape: [height, width, 1], scale: 1 / 255 });
  const fields = [
    field({ name: 'table', role: 'input', type: 'float32', shape: [2] }),
    image,
    field({ name: 'mask', categories: 5 }),
    field({ name: 'depth', type: 'float32', shape: [height, width] }),
    field({ name: 'copy', shape: [height, width, 1], of: 'picture' }),
    field({ name: 'other', shape: [height, width, 1], of: 'second' }),
    field({ name: 'label', type: 'int32', shape: [], categories: 3 }),
    field({ name: 'boxes', type: 'float32', shape: [4, 2] }),
    field({ name: 'mask_weight', role: 'weight', type: 'float32', of: 'mask' }),
  ];
  const config = (more: Partial<AugmentConfig>) => augmentSchema.parse({ fill: 9, ...more });

  it('moves the picture and what is said of its pixels', () => {
    const moved = movedFields(fields, { ...config({}), outside: { mask: 255 } });
    expect(Object.fromEntries(moved)).toEqual({
      picture: { how: 'picture', fill: 9 },
      mask: { how: 'labels', fill: 255 },
      depth: { how: 'numbers', fill: 0 },
      copy: { how: 'numbers', fill: 9 },
      mask_weight: { how: 'labels', fill: 0 },
    });
    expect(movedFields(fields, config({})).get('mask')).toEqual({ how: 'labels', fill: 0 });
  });

  const source = Uint8Array.from({ length: height * width }, (_, i) => 40 + ((i * 7) % 5) * 50);
  const labels = source.map((value) => (value - 40) / 50);
  const change = (name: string, how: Partial<AugmentConfig>, row: Uint8Array, example: number) => {
    const target = new Uint8Array(row.length);
    const moved = movedFields(fields, { ...config({ ...how, fill: 40 + 4 * 50 }), outside: { mask: 4 } }).get(name)!;
    createAugmenter(config(how), fields.find((each) => each.name === name)!.shape, moved)(row, target, 1, 0, example);
    return target;
  };

  it('keeps each label on its pixel through whole-pixel shifts and mirrors, cutouts aside', () => {
    for (let example = 0; example < 20; example++) {
      const how = { shift: 0.3, flip: 'both' } as const;
      const [moved, mask] = [change('picture', how, source, example), change('mask', how, labels, example)];
      expect([...mask]).toEqual([...moved].map((value) => (value - 40) / 50));
      expect(change('mask', { ...how, cutout: 0.5 }, labels, example)).toEqual(mask);
      expect(change('copy', { ...how, cutout: 0.5 }, source, example)).toEqual(moved);
    }
  });

  it('blends no labels when it turns and zooms', () => {
    const apart = labels.map((label) => (label === 4 ? 4 : 50 * label));
    for (let example = 0; example < 20; example++) {
      const mask = change('mask', { rotate: 90, zoom: 0.4 }, apart, example);
      expect([...mask].every((label) => [0, 50, 100, 150, 4].includes(label))).toBe(true);
      expect([...mask]).not.toEqual([...apart]);
    }
  });

  it('is refused where a target of images has another size', () => {
    const small = field({ name: 'small', shape: [4, 5], categories: 3 });
    expect(() => checkAugment(config({}), [image, small])).toThrow(
      'give it their size: data.targets.small.size: [9, 11]',
    );
    checkAugment(config({}), fields);
  });
});
