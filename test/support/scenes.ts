/** Scenes of two digits beside each other as image files, with masks and a table: MNIST where it lies beside the package. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync, gunzipSync } from 'node:zlib';
import { generateDigits } from '../../src/data/digits/digits.js';
import { picture, writeFile } from './images.js';
import { mnistFolder } from './package.js';
import { partsOf } from './parts.js';

/** Height and width of a scene. */
export const sceneSize = [14, 28] as const;
/** Class of the ground; those of digits are one more than the digit. */
const ground = 0;
/** What a mask holds at the edges of strokes, as Pascal VOC does at the edges of things. */
export const edge = 255;

/** A PNG of indices into a palette of 8 bits, whose colours are not the indices. */
export function palettePng(indices: ArrayLike<number>, height: number, width: number): Buffer {
  const chunk = (name: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 3, 0, 0, 0]);
  const colours = Buffer.from(Array.from({ length: 768 }, (_, i) => (i * 37 + 5) % 256));
  // Before each row: that it is stored as it is.
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.from([0, ...Array.from({ length: width }, (_, x) => indices[y * width + x])]),
  );
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('PLTE', colours),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

async function digits(count: number): Promise<{ pixels: ArrayLike<number>; labels: ArrayLike<number> }> {
  if (!existsSync(mnistFolder)) {
    const { features, targets } = partsOf(await generateDigits(count, 6));
    return { pixels: features, labels: targets };
  }
  const read = (name: string) => gunzipSync(readFileSync(join(mnistFolder, `t10k-${name}-ubyte.gz`)));
  return { pixels: read('images-idx3').subarray(16), labels: read('labels-idx1').subarray(8) };
}

export interface Scenes {
  /** Holds `pictures`, `masks` and `scenes.csv`, whose columns are file, mask, tint, kind and sum. */
  readonly folder: string;
  /** [count, height, width] */
  readonly pixels: readonly (readonly number[])[];
  readonly masks: readonly (readonly number[])[];
  /** Sum of the digits of each scene. */
  readonly sums: readonly number[];
}

export async function writeScenes(folder: string, count: number): Promise<Scenes> {
  const { pixels, labels } = await digits(2 * count);
  const [height, width] = sceneSize;
  const scenes: number[][] = [];
  const masks: number[][] = [];
  const sums: number[] = [];
  const lines = ['file,mask,tint,kind,sum'];
  for (let i = 0; i < count; i++) {
    const at = (place: number) => {
      const [y, x] = [Math.floor(place / width), place % width];
      const digit = 2 * i + Math.floor(x / 14);
      return { value: pixels[digit * 784 + 2 * y * 28 + 2 * (x % 14)], label: labels[digit] };
    };
    const scene = Array.from({ length: height * width }, (_, place) => at(place).value);
    const mask = scene.map((value, place) => (value > 100 ? 1 + at(place).label : value > 30 ? edge : ground));
    const name = String(i).padStart(3, '0');
    writeFile(join(folder, 'pictures', `${name}.png`), await picture(scene, height, width, 1).png().toBuffer());
    writeFile(join(folder, 'masks', `${name}.png`), palettePng(mask, height, width));
    sums.push(labels[2 * i] + labels[2 * i + 1]);
    lines.push(`${name}.png,${name}.png,${i % 5},${i % 3 === 0 ? 'a' : 'b'},${sums[i]}`);
    scenes.push(scene);
    masks.push(mask);
  }
  writeFileSync(join(folder, 'scenes.csv'), `${lines.join('\n')}\n`);
  return { folder, pixels: scenes, masks, sums };
}
