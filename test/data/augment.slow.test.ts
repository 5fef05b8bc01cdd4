/** Augmentation: each change against a plain reference, drawn over its whole range, the same for any number of threads. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AugmentConfig, augmentSchema } from '../../src/config/augment.js';
import { createAugmenter } from '../../src/data/augment/augment.js';
import { type ImageRow, type Movement, resample } from '../../src/data/augment/resample.js';
import { ConfigError } from '../../src/errors.js';
import { lcg } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { resultOf, trained } from '../support/runs.js';

const still: Movement = { flipX: false, flipY: false, zoom: 1, angle: 0, shiftX: 0, shiftY: 0 };
const shape = [6, 9, 3];
const [height, width, channels] = shape;
const random = lcg(5);
const floats = Float32Array.from({ length: height * width * channels }, () => random() * 2 - 1);
const bytes = Uint8Array.from(floats, () => random() * 256);

function moved(source: ImageRow, movement: Partial<Movement>, fill = 0, size = shape): ImageRow {
  const target = source instanceof Uint8Array ? new Uint8Array(source.length) : new Float32Array(source.length);
  resample(source, target, size, { ...still, ...movement }, fill);
  return target;
}

/** Every value of the target from a pixel of the source, `fill` where there is none. */
function byPixel(source: ImageRow, from: (x: number, y: number) => [number, number], fill = 0): number[] {
  return Array.from(source, (_, i) => {
    const pixel = Math.floor(i / channels);
    const [x, y] = from(pixel % width, Math.floor(pixel / width));
    const inside = x >= 0 && x < width && y >= 0 && y < height;
    return inside ? source[(y * width + x) * channels + (i % channels)] : fill;
  });
}

/** The same map, undone step by step and blended corner by corner. */
function reference(source: ImageRow, { flipX, flipY, zoom, angle, shiftX, shiftY }: Movement, fill: number): number[] {
  const at = (x: number, y: number, channel: number) =>
    x >= 0 && x < width && y >= 0 && y < height ? source[(y * width + x) * channels + channel] : fill;
  return Array.from(source, (_, i) => {
    const pixel = Math.floor(i / channels);
    const [x, y] = [(pixel % width) - shiftX - (width - 1) / 2, Math.floor(pixel / width) - shiftY - (height - 1) / 2];
    const [turnedX, turnedY] = [
      x * Math.cos(-angle) - y * Math.sin(-angle),
      x * Math.sin(-angle) + y * Math.cos(-angle),
    ];
    const sourceX = (turnedX / zoom) * (flipX ? -1 : 1) + (width - 1) / 2;
    const sourceY = (turnedY / zoom) * (flipY ? -1 : 1) + (height - 1) / 2;
    let value = 0;
    for (const cornerX of [Math.floor(sourceX), Math.floor(sourceX) + 1]) {
      for (const cornerY of [Math.floor(sourceY), Math.floor(sourceY) + 1]) {
        const weight = (1 - Math.abs(sourceX - cornerX)) * (1 - Math.abs(sourceY - cornerY));
        value += weight * at(cornerX, cornerY, i % channels);
      }
    }
    return value;
  });
}

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  return Array.from(expected).reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i])), 0);
}

describe.each([
  { type: 'bytes', source: bytes as ImageRow, fill: 7 },
  { type: 'floats', source: floats as ImageRow, fill: -3 },
])('an image of $type', ({ source, fill }) => {
  it('that does not move is copied', () => {
    expect(moved(source, {})).toEqual(source);
  });

  it('is mirrored exactly', () => {
    expect([...moved(source, { flipX: true })]).toEqual(byPixel(source, (x, y) => [width - 1 - x, y]));
    expect([...moved(source, { flipY: true })]).toEqual(byPixel(source, (x, y) => [x, height - 1 - y]));
  });

  it.each([
    [2, 0],
    [-3, 1],
    [0, -5],
    [9, 0],
    [20, 20],
  ])('is shifted by whole pixels exactly: %i, %i', (shiftX, shiftY) => {
    const expected = byPixel(source, (x, y) => [x - shiftX, y - shiftY], fill);
    expect([...moved(source, { shiftX, shiftY }, fill)]).toEqual(expected);
  });

  it('is mirrored first and shifted then', () => {
    const expected = byPixel(source, (x, y) => [width - 1 - (x - 2), y], fill);
    expect([...moved(source, { flipX: true, shiftX: 2 }, fill)]).toEqual(expected);
  });

  it('is turned by half a circle as if mirrored twice', () => {
    const turned = moved(source, { angle: Math.PI });
    expect(largestDifference(turned, moved(source, { flipX: true, flipY: true }))).toBeLessThan(1e-6);
  });

  it('agrees with the map undone step by step', () => {
    // A byte is within half of the blend.
    const tolerance = source instanceof Uint8Array ? 0.5 + 1e-9 : 1e-6;
    for (let i = 0; i < 200; i++) {
      const movement = {
        flipX: random() < 0.5,
        flipY: random() < 0.5,
        zoom: 0.3 + 2 * random(),
        angle: (2 * random() - 1) * Math.PI,
        shiftX: Math.round(6 * random() - 3),
        shiftY: 2 * random() - 1,
      };
      expect(largestDifference(moved(source, movement, fill), reference(source, movement, fill))).toBeLessThan(
        tolerance,
      );
    }
  });
});

it('turns a quarter clockwise', () => {
  const picture = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect([...moved(picture, { angle: Math.PI / 2 }, 0, [3, 3, 1])]).toEqual([7, 4, 1, 8, 5, 2, 9, 6, 3]);
});

it('zooms about the centre', () => {
  const row = Float32Array.from([0, 10, 20, 30, 40]);
  expect([...moved(row, { zoom: 2 }, 0, [1, 5, 1])]).toEqual([10, 15, 20, 25, 30]);
  // Half the size leaves room at both sides.
  expect([...moved(row, { zoom: 0.5 }, -1, [1, 5, 1])]).toEqual([-1, 0, 20, 40, -1]);
});

const augment = (config: Partial<AugmentConfig>, size: readonly number[]) =>
  createAugmenter(augmentSchema.parse(config), size, { how: 'picture', fill: config.fill ?? 0 });

/** The images that `draws` examples become. */
function drawn(config: Partial<AugmentConfig>, source: ImageRow, size: readonly number[], draws: number): ImageRow[] {
  const change = augment(config, size);
  return Array.from({ length: draws }, (_, example) => {
    const target = source.slice();
    change(source, target, 1, 0, example);
    return target;
  });
}

/** Mean, least and greatest. */
function spread(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, least: Math.min(...values), greatest: Math.max(...values) };
}

describe('what is drawn', () => {
  it('is nothing when nothing is asked for', () => {
    for (const image of drawn({}, bytes, shape, 5)) expect(image).toEqual(bytes);
  });

  it('shifts over the whole range and evenly, each direction by itself', () => {
    const [rows, columns] = [21, 31];
    const dot = new Uint8Array(rows * columns);
    dot[10 * columns + 15] = 255;
    const places = drawn({ shift: 0.2 }, dot, [rows, columns, 1], 3000).map((image) => image.indexOf(255));
    const right = places.map((place) => (place % columns) - 15);
    const down = places.map((place) => Math.floor(place / columns) - 10);
    // 0.2 of 31 is 6.2 pixels, of 21 it is 4.2.
    expect(spread(right)).toMatchObject({ least: -6, greatest: 6 });
    expect(spread(down)).toMatchObject({ least: -4, greatest: 4 });
    // Four standard errors of the mean, and of the mean product.
    expect(Math.abs(spread(right).mean)).toBeLessThan((4 * 3.6) / Math.sqrt(3000));
    expect(Math.abs(spread(down).mean)).toBeLessThan((4 * 2.5) / Math.sqrt(3000));
    expect(Math.abs(spread(right.map((x, i) => x * down[i])).mean)).toBeLessThan((4 * 3.6 * 2.5) / Math.sqrt(3000));
    for (let x = -5; x <= 5; x++) expect(right.filter((shift) => shift === x).length).toBeGreaterThan(160);
  });

  it('zooms and turns over the whole range', () => {
    // The values are the columns' numbers: how they rise near the centre tells zoom and angle.
    const columns = Float32Array.from({ length: 81 }, (_, i) => i % 9);
    const rise = (image: ImageRow) => [image[41] - image[40], image[49] - image[40]];
    const zooms = drawn({ zoom: 0.4 }, columns, [9, 9, 1], 2000).map((image) => 1 / rise(image)[0]);
    const zoomed = spread(zooms);
    expect(zoomed.least).toBeGreaterThanOrEqual(0.6 - 1e-6);
    expect(zoomed.least).toBeLessThan(0.61);
    expect(zoomed.greatest).toBeLessThanOrEqual(1.4 + 1e-6);
    expect(zoomed.greatest).toBeGreaterThan(1.39);
    expect(Math.abs(zoomed.mean - 1)).toBeLessThan((4 * 0.231) / Math.sqrt(2000));
    const angles = drawn({ rotate: 30 }, columns, [9, 9, 1], 2000).map((image) => {
      const [along, down] = rise(image);
      return (Math.atan2(down, along) * 180) / Math.PI;
    });
    const turned = spread(angles);
    expect(turned.least).toBeGreaterThanOrEqual(-30.0001);
    expect(turned.least).toBeLessThan(-29.5);
    expect(turned.greatest).toBeLessThanOrEqual(30.0001);
    expect(turned.greatest).toBeGreaterThan(29.5);
    expect(Math.abs(turned.mean)).toBeLessThan((4 * 17.4) / Math.sqrt(2000));
  });

  it.each([
    { flip: 'horizontal' as const, ways: ['0123', '1032'] },
    { flip: 'vertical' as const, ways: ['0123', '2301'] },
    { flip: 'both' as const, ways: ['0123', '1032', '2301', '3210'] },
  ])('mirrors as often as not: $flip', ({ flip, ways }) => {
    const images = drawn({ flip }, Uint8Array.from([0, 1, 2, 3]), [2, 2, 1], 2000).map((image) => image.join(''));
    expect([...new Set(images)].sort()).toEqual(ways);
    const share = 2000 / ways.length;
    for (const way of ways) {
      expect(Math.abs(images.filter((image) => image === way).length - share)).toBeLessThan(4 * Math.sqrt(share));
    }
  });

  it('blanks a square of the size asked for, anywhere inside', () => {
    const size = [10, 14, 3];
    const full = new Uint8Array(10 * 14 * 3).fill(9);
    const corners = drawn({ cutout: 0.4, fill: 2.6 }, full, size, 2000).map((image) => {
      const first = image.indexOf(3) / 3;
      const [x, y] = [first % 14, Math.floor(first / 14)];
      const square = Array.from(full, (value, i) => {
        const [pixelX, pixelY] = [Math.floor(i / 3) % 14, Math.floor(i / 42)];
        return pixelX >= x && pixelX < x + 4 && pixelY >= y && pixelY < y + 4 ? 3 : value;
      });
      expect(image.every((value, i) => value === square[i])).toBe(true);
      return { x, y };
    });
    expect(spread(corners.map(({ x }) => x))).toMatchObject({ least: 0, greatest: 10 });
    expect(spread(corners.map(({ y }) => y))).toMatchObject({ least: 0, greatest: 6 });
  });

  it('is a function of seed, epoch and example, in whatever order they come', () => {
    const change = augment({ shift: 0.3, rotate: 40, zoom: 0.3, flip: 'both', cutout: 0.3 }, shape);
    const image = (seed: number, epoch: number, example: number) => {
      const target = new Uint8Array(bytes.length);
      change(bytes, target, seed, epoch, example);
      return target.join();
    };
    const keys = [
      [1, 0, 0],
      [2, 0, 0],
      [1, 1, 0],
      [1, 0, 1],
      [1, 0, 70_000],
    ];
    const images = keys.map(([seed, epoch, example]) => image(seed, epoch, example));
    expect(new Set(images).size).toBe(keys.length);
    const backwards = keys.toReversed().map(([seed, epoch, example]) => image(seed, epoch, example));
    expect(backwards.reverse()).toEqual(images);
  });

  it('stays where it is when one more change is asked for', () => {
    const mirrored = drawn({ flip: 'both' }, bytes, shape, 50);
    const blanked = drawn({ flip: 'both', cutout: 0.5, fill: 255 }, bytes, shape, 50);
    mirrored.forEach((image, example) => {
      const changed = blanked[example];
      expect(changed.every((value, i) => value === 255 || value === image[i])).toBe(true);
    });
  });
});

const folder = temporaryFolder();
const untouched = temporaryFolder();
const config = {
  data: { source: 'digits', examples: 300, validation: 0.2, test: 0.1 },
  model: { layers: [{ flatten: {} }, { dense: { units: 16, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  training: { epochs: 2, batchSize: 64, shards: 8 },
};
const everything = { shift: 0.1, rotate: 15, zoom: 0.1, flip: 'both', cutout: 0.3, fill: 10 };

describe('a run with augmentation', () => {
  const plain = writeConfig(folder, 'plain', config);
  const augmented = writeConfig(folder, 'augmented', { ...config, augment: everything });

  it.each([
    ['onnx', ['engine=onnx'], [2, 4]],
    ['tfjs', ['engine=tfjs', 'backend=cpu', 'training.epochs=1'], [3]],
  ])('comes to the same bits on any number of threads: engine %s', async (_, overrides, others) => {
    const first = await trained(augmented, overrides, folder, 1);
    for (const threads of others) {
      expect(resultOf(await trained(augmented, overrides, folder, threads))).toEqual(resultOf(first));
    }
    const without = await trained(plain, overrides, folder);
    expect(without.end.sha256).not.toBe(first.end.sha256);
  });

  it('shows the changed images to training alone', async () => {
    // Steps this small leave the parameters as they are, and an image that is blanked as a whole gives every class the same.
    const frozen = ['optimizer={ sgd: { learningRate: 1e-30 } }', 'training.epochs=1'];
    const blank = await trained(plain, [...frozen, 'augment={ cutout: 0.999 }'], folder);
    const clear = await trained(plain, frozen, folder);
    expect(blank.epochs[0].loss).toBeCloseTo(Math.log(10), 6);
    expect(Math.abs(clear.epochs[0].loss - Math.log(10))).toBeGreaterThan(0.01);
    expect(blank.end.validation).toEqual(clear.end.validation);
    expect(blank.end.test).toEqual(clear.end.test);
  });

  it('refuses data that are no images, and a fill that no pixel can have', async () => {
    const out = untouched;
    const numbers = {
      source: 'values',
      features: [
        [1, 2],
        [3, 4],
      ],
      targets: [1, 2],
    };
    const dense = { layers: [{ dense: { units: 1 } }] };
    const regression = writeConfig(folder, 'numbers', {
      data: numbers,
      model: dense,
      loss: 'meanSquaredError',
      augment: { flip: 'both' },
      training: { epochs: 1, batchSize: 2 },
    });
    await expect(trained(regression, [], out)).rejects.toThrow(
      new ConfigError(
        'augment: an example has shape [2], an image [height, width, channels]',
        'remove augment, or use data of images',
      ),
    );
    const fill = trained(augmented, ['augment.fill=256'], out);
    await expect(fill).rejects.toThrow("augment.fill: 256 is not a byte, as the images' values are");
    await expect(fill).rejects.toBeInstanceOf(ConfigError);
    expect(readdirSync(out)).toEqual([]);
  });
});
