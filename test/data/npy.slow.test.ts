/** `source: npy`: arrays as NumPy writes them become examples, or an error that names the file and the row. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openData } from '../../src/data/data-file.js';
import { readNpy } from '../../src/data/npy/npy.js';
import { Reading } from '../../src/data/reading.js';
import { closeRows } from '../../src/data/row-writer.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { failure, load, npyFile, rounded, rowsOf } from '../support/tables.js';

const folder = temporaryFolder();
let files = 0;
function written(content: Uint8Array): string {
  const file = join(folder, `${files++}.npy`);
  writeFileSync(file, content);
  return file;
}
/** Without a copy, so that the array says what the bytes are. */
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const npy = (descr: string, shape: readonly number[], array: ArrayBufferView, version = 1) =>
  written(npyFile(descr, shape, bytesOf(array), version));

async function readArray(path: string) {
  const reading = new Reading();
  const data = await openData(path, reading);
  return readNpy(data, reading).finally(() => data.close());
}

const features = npy('<f4', [4, 2], new Float32Array([1, 2, 3, 4, 5, 6, 7, 8]));
const labels = npy('|u1', [4], new Uint8Array([2, 0, 1, 2]));
const source = (options: object = {}) => ({ source: 'npy', features, targets: labels, ...options });

describe('npy files', () => {
  it('of known bytes are read', async () => {
    // numpy.array([[1.5, -2], [3, 4]], dtype='<f4') as the format lays it out, in hexadecimal.
    const header =
      '934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c2032292c207d';
    const padding = `${'20'.repeat(128 - header.length / 2 - 1)}0a`;
    const body = '0000c03f000000c00000404000008040';
    const file = written(Buffer.from(header + padding + body, 'hex'));
    const { examples } = await load(source({ features: file, targets: npy('<i8', [2], new BigInt64Array([0n, 1n])) }));
    expect(rowsOf(examples)).toEqual([
      [1.5, -2],
      [3, 4],
    ]);
  });

  it('are features and classes', async () => {
    const { examples, encoding, description } = await load(source());
    expect(rowsOf(examples)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
    ]);
    expect(partsOf(examples).features).toBeInstanceOf(Float32Array);
    expect(partsOf(examples).targets).toEqual(new Int32Array(new SharedArrayBuffer(16)).map((_, i) => [2, 0, 1, 2][i]));
    expect(partsOf(examples)).toMatchObject({ featureShape: [2], featureScale: 1, targetShape: [], classes: 3 });
    expect(encoding).toEqual({ input: { kind: 'numbers', scale: 1 }, classes: ['0', '1', '2'] });
    expect(description).toContain('4 examples of shape [2], 3 classes');
  });

  it.each([
    { descr: '<f8', array: new Float64Array([0.1, -2]) },
    { descr: '|i1', array: new Int8Array([-128, 127]) },
    { descr: '<i2', array: new Int16Array([-300, 300]) },
    { descr: '<i4', array: new Int32Array([-70_000, 70_000]) },
    { descr: '<i8', array: new BigInt64Array([-5_000_000_000n, 3n]) },
    { descr: '<u2', array: new Uint16Array([0, 65_535]) },
    { descr: '<u4', array: new Uint32Array([0, 4_000_000_000]) },
    { descr: '<u8', array: new BigUint64Array([0n, 9_000_000_000n]) },
  ])('of type $descr become float32', async ({ descr, array }) => {
    const targets = npy('<f4', [2], new Float32Array([0.5, 1]));
    const { examples } = await load(source({ features: npy(descr, [2], array), targets }));
    expect(partsOf(examples).featureShape).toEqual([1]);
    expect(rowsOf(examples)).toEqual(rounded([[Number(array[0])], [Number(array[1])]]));
    expect([partsOf(examples).targetShape, partsOf(examples).classes]).toEqual([[1], undefined]);
  });

  it.each([1, 2, 3])('may be of version %i', async (version) => {
    const file = npy('<f4', [4, 1], new Float32Array([1, 2, 3, 4]), version);
    expect(rowsOf((await load(source({ features: file }))).examples)).toEqual([[1], [2], [3], [4]]);
  });

  it('keep bytes as bytes, times a factor', async () => {
    const images = npy(
      '|u1',
      [4, 2, 2, 1],
      Uint8Array.from({ length: 16 }, (_, i) => i * 17),
    );
    const { examples, encoding } = await load(source({ features: images, scale: 1 / 255 }));
    expect(partsOf(examples).features).toBeInstanceOf(Uint8Array);
    expect(rowsOf(examples)[3]).toEqual([204, 221, 238, 255]);
    expect(partsOf(examples)).toMatchObject({ featureShape: [2, 2, 1], featureScale: 1 / 255 });
    expect(encoding.input).toEqual({ kind: 'numbers', scale: 1 / 255 });
    const truths = npy('|b1', [4], new Uint8Array([0, 1, 1, 0]));
    expect(rowsOf((await load(source({ features: truths }))).examples)).toEqual([[0], [1], [1], [0]]);
  });

  it('are float32 with the factor applied', async () => {
    const { examples, encoding } = await load(source({ scale: 0.1 }));
    expect(rowsOf(examples)).toEqual(rounded([1, 3, 5, 7].map((x) => [x * 0.1, (x + 1) * 0.1])));
    expect(partsOf(examples).featureScale).toBe(1);
    expect(encoding.input).toEqual({ kind: 'numbers', scale: 0.1 });
  });

  it('have classes or numbers as targets, one or several each', async () => {
    const column = npy('<i4', [4, 1], new Int32Array([0, 1, 0, 1]));
    expect(partsOf((await load(source({ targets: column }))).examples)).toMatchObject({ targetShape: [], classes: 2 });
    const numbers = await load(source({ targets: labels, targetType: 'number' }));
    expect([...partsOf(numbers.examples).targets]).toEqual([2, 0, 1, 2]);
    expect(partsOf(numbers.examples).targets).toBeInstanceOf(Float32Array);
    const whole = npy('<f8', [4], new Float64Array([1, 0, 3, 0]));
    const classes = await load(source({ targets: whole, targetType: 'class' }));
    expect([partsOf(classes.examples).classes, ...partsOf(classes.examples).targets]).toEqual([4, 1, 0, 3, 0]);
    const pairs = npy('<f4', [4, 2], new Float32Array([1, 2, 3, 4, 5, 6, 7, 8]));
    expect(partsOf((await load(source({ targets: pairs }))).examples).targetShape).toEqual([2]);
    const several = npy('|u1', [4, 2], new Uint8Array([0, 1, 2, 0, 1, 1, 0, 2]));
    const places = await load(source({ targets: several, targetType: 'class' }));
    expect(partsOf(places.examples)).toMatchObject({ targetShape: [2], classes: 3 });
    // Rows of several labels, one-hot rows and several numbers look the same: that they are classes is said, by the loss too.
    const rows = await load(source({ targets: several }));
    expect([
      partsOf(rows.examples).targetShape,
      partsOf(rows.examples).classes,
      ...partsOf(rows.examples).targets,
    ]).toEqual([[2], undefined, 0, 1, 2, 0, 1, 1, 0, 2]);
    // Masks of pictures.
    const mask = npy(
      '|u1',
      [4, 2, 2],
      Uint8Array.from({ length: 16 }, (_, i) => i % 3),
    );
    const pixels = partsOf((await load(source({ targets: mask, targetType: 'class' }))).examples);
    expect([pixels.targetShape, pixels.classes, pixels.targets[4]]).toEqual([[2, 2], 3, 1]);
    expect(partsOf((await load(source({ targets: mask }))).examples).targetShape).toEqual([2, 2]);
    const signs = await load(source({ targets: npy('|i1', [4], new Int8Array([0, 1, -1, 1])) }));
    expect([partsOf(signs.examples).classes, ...partsOf(signs.examples).targets]).toEqual([undefined, 0, 1, -1, 1]);
  });

  it('have weights', async () => {
    const weights = npy('<f8', [4, 1], new Float64Array([1, 0, 2.5, 4]));
    expect([...partsOf((await load(source({ weights }))).examples).weights!]).toEqual([1, 0, 2.5, 4]);
  });

  it('larger than a block and than data.memory have the same rows in a file', async () => {
    const large = Float32Array.from({ length: 3 * 120_000 }, (_, i) => i);
    const targets = npy('<f4', [120_000], new Float32Array(120_000));
    const { examples } = await load(source({ features: npy('<f4', [120_000, 3], large), targets, memory: '1MB' }));
    expect(partsOf(examples).file).toBeDefined();
    expect(Buffer.compare(bytesOf(Float32Array.from(rowsOf(examples).flat())), bytesOf(large))).toBe(0);
    closeRows(partsOf(examples).file!);
  });

  it('are read whole for predictions', async () => {
    expect(await readArray(features)).toEqual({ features: new Float32Array([1, 2, 3, 4, 5, 6, 7, 8]), shape: [4, 2] });
    expect(await readArray(labels)).toEqual({ features: new Uint8Array([2, 0, 1, 2]), shape: [4] });
    await expect(readArray(join(folder, 'none.npy'))).rejects.toThrow(DataError);
  });
});

describe('every layout that numpy.save writes', () => {
  // By scripts/peers/npy_layouts.py, numpy 2: byte orders, element types, C and Fortran order, one to three axes.
  const fixture = new URL('../fixtures/npy-layouts.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as {
    cases: { name: string; file: string; rows: number[][] }[];
  };

  it('is read as numpy reads it, for training and for prediction', async () => {
    expect(cases.length).toBeGreaterThan(100);
    for (const { name, file, rows } of cases) {
      const path = written(Buffer.from(file, 'base64'));
      const targets = npy('<f4', [rows.length], new Float32Array(rows.length));
      const { examples } = await load(source({ features: path, targets }));
      expect(rowsOf(examples), name).toEqual(rounded(rows));
      const { features: numbers, shape } = await readArray(path);
      expect([...numbers], name).toEqual(rounded(rows).flat());
      expect(shape[0]).toBe(rows.length);
    }
  });

  it('is read in blocks of rows where it is spread over the file', async () => {
    // 6 million numbers take more than one block; element (row, column) is row + column / 8.
    const [count, width] = [750_000, 8];
    const values = new Float32Array(count * width);
    for (let i = 0; i < values.length; i++) values[i] = (i % count) + Math.floor(i / count) / 8;
    const path = written(npyFile('<f4', [count, width], bytesOf(values), 1, true));
    const { features: numbers } = await readArray(path);
    let wrong = 0;
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] !== Math.fround(Math.floor(i / width) + (i % width) / 8)) wrong++;
    }
    expect(wrong).toBe(0);
  });
});

describe('a mistake', () => {
  const four = new Float32Array([1, 2, 3, 4]);
  const whole = npyFile('<f4', [4], bytesOf(four));
  it.each([
    { what: 'no file', features: join(folder, 'none.npy'), problem: 'none.npy does not exist' },
    { what: 'a folder', features: folder, problem: 'is a folder' },
    {
      what: 'another kind of file',
      features: written(Buffer.from('x,y\n1,2\n3,4\n')),
      problem: 'is no .npy file',
      remedy: 'numpy.save',
    },
    { what: 'an empty file', features: written(Buffer.alloc(0)), problem: 'is no .npy file' },
    {
      what: 'half a header',
      features: written(whole.subarray(0, 40)),
      problem: 'is truncated: it holds 40 bytes of 128',
    },
    {
      what: 'a truncated file',
      features: written(whole.subarray(0, 140)),
      problem: 'is truncated: it holds 140 bytes of 144',
    },
    {
      what: 'a longer file',
      features: written(Buffer.concat([whole, whole])),
      problem: 'has 288 bytes, its header announces 144',
    },
    {
      what: 'complex numbers',
      features: npy('<c8', [4], four),
      problem: 'elements of type <c8',
      remedy: 'numpy.stack([x.real, x.imag], -1)',
    },
    {
      what: 'objects',
      features: npy('|O', [4], four),
      problem: 'type |O',
      remedy: "numpy.stack(list(x)).astype('<f4')",
    },
    { what: 'text', features: npy('<U1', [4], four), problem: 'type <U1', remedy: 'return_inverse=True)[1]' },
    { what: 'dates', features: npy('<M8[s]', [2], four), problem: 'type <M8[s]', remedy: ".astype('<f4')" },
    { what: 'a later version', features: npy('<f4', [4], four, 4), problem: 'version 4' },
    { what: 'no rows', features: npy('<f4', [0, 3], new Float32Array()), problem: 'is empty: its shape is [0, 3]' },
    {
      what: 'a single number',
      features: written(npyFile('<f4', [], bytesOf(four.subarray(0, 1)))),
      problem: 'holds a single number',
    },
    {
      what: 'NaN',
      features: npy('<f4', [4], new Float32Array([1, 2, Number.NaN, 4])),
      problem: 'row 2 holds NaN, which is not finite',
    },
    {
      what: 'a huge number',
      features: npy('<f8', [4], new Float64Array([1, 1e39, 3, 4])),
      problem: 'row 1 holds 1e+39, beyond',
    },
    { what: 'a huge factor', options: { scale: 1e38 }, problem: 'row 1 times data.scale is' },
    {
      what: 'fewer targets',
      options: { targets: npy('|u1', [3], new Uint8Array(3)) },
      problem: 'has 3 targets for the 4 examples of',
    },
    {
      what: 'a negative class',
      options: { targets: npy('<i4', [4], new Int32Array([0, 1, -1, 1])), targetType: 'class' },
      problem: 'row 2 holds -1, not a class index',
      remedy: 'numpy.unique',
    },
    {
      what: 'half a class',
      options: { targets: npy('<f4', [4], new Float32Array([0, 1, 0.5, 1])), targetType: 'class' },
      problem: 'row 2 holds 0.5, not a class',
    },
    { what: 'one class', options: { targets: npy('|u1', [4], new Uint8Array(4)) }, problem: 'has one class only, 0' },
    {
      what: 'another class alone',
      options: { targets: npy('|u1', [4], new Uint8Array(4).fill(3)) },
      problem: 'has one class only, 3',
    },
    {
      what: 'fewer weights',
      options: { weights: npy('<f4', [3], new Float32Array(3)) },
      problem: 'has 3 weights for the 4 examples',
    },
    {
      what: 'a negative weight',
      options: { weights: npy('<f4', [4], new Float32Array([1, 1, 1, -2])) },
      problem: 'row 3 holds -2, but a weight',
    },
    {
      what: 'pairs of weights',
      options: { weights: npy('<f4', [4, 2], new Float32Array(8)) },
      problem: 'has weights of shape [2] for an example',
      remedy: 'one weight',
    },
  ])('such as $what is told', async ({ what: _, problem, remedy = '', options = {}, ...given }) => {
    const error = await failure(source({ ...given, ...options }));
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });
});
