/** Data that declares more than it holds or than memory holds, and other formats under the names of images; each file is small. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { tellMistake } from '../../cli/outcome.js';
import { usualCsv } from '../../src/config/table.js';
import { openData } from '../../src/data/data-file.js';
import { readNpy } from '../../src/data/npy/npy.js';
import { Reading } from '../../src/data/reading.js';
import { openCsv } from '../../src/data/table/csv.js';
import type { ErrorEvent } from '../../src/report/events.js';
import { newFolders } from '../support/folder.js';
import { greyPixel, writeFile } from '../support/images.js';
import { failure, npyFile } from '../support/tables.js';

const newFolder = newFolders();
const noMemory = /which takes .* of memory, and there are/;
/** More than any machine has. */
const giant = 2 ** 43;

function file(name: string, content: Uint8Array | string, length?: number): string {
  const path = join(newFolder(), name);
  writeFileSync(path, content);
  // Of no bytes on the disk.
  if (length !== undefined) truncateSync(path, length);
  return path;
}

describe('an IDX file', () => {
  const header = (rank: number, ...sizes: number[]) => {
    const bytes = Buffer.alloc(4 + 4 * rank);
    bytes.set([0, 0, 8, rank]);
    sizes.forEach((size, i) => {
      bytes.writeUInt32BE(size, 4 + 4 * i);
    });
    return bytes;
  };
  const source = (images: Buffer) => {
    const dir = newFolder();
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'train-images-idx3-ubyte.gz'), gzipSync(images));
    writeFileSync(
      join(dir, 'train-labels-idx1-ubyte.gz'),
      gzipSync(Buffer.concat([header(1, 2), Buffer.from([0, 1])])),
    );
    return { source: 'idx', dir };
  };

  it('that announces more than memory holds is not inflated', async () => {
    const images = header(3, 0xffffffff, 0xffff, 0xffff);
    expect((await failure(source(images))).problem).toMatch(noMemory);
  });
  it('is not inflated further than it announces', async () => {
    const images = Buffer.concat([header(3, 2, 2, 2), Buffer.alloc(1 << 23)]);
    expect((await failure(source(images))).problem).toMatch(/holds more than the 8 elements that its header announces/);
  });
});

describe('a NumPy array that memory does not hold', () => {
  const targets = () => file('y.npy', npyFile('<f4', [2], new Uint8Array(8)));
  const sparse = (shape: number[], bytes: number) => {
    const header = npyFile('|u1', shape, new Uint8Array());
    return file('x.npy', header, header.length + bytes);
  };
  it('in one row', async () => {
    const features = sparse([2, giant / 2], giant);
    expect((await failure({ source: 'npy', features, targets: targets() })).problem).toMatch(noMemory);
  });
  it('as targets', async () => {
    const options = { features: sparse([giant, 1], giant), targets: sparse([giant], giant) };
    expect((await failure({ source: 'npy', ...options })).problem).toMatch(noMemory);
  });
  it('in one piece, to predict', async () => {
    const data = await openData(sparse([giant, 1], giant), new Reading());
    await expect(readNpy(data, new Reading())).rejects.toThrow(noMemory);
    await data.close();
  });
});

it('digits that memory does not hold are not drawn', async () => {
  expect((await failure({ source: 'digits', examples: giant })).problem).toMatch(noMemory);
});

describe('an image', () => {
  async function refusal(bad: Uint8Array | string): Promise<string> {
    const dir = newFolder();
    writeFile(join(dir, 'a', '1.png'), bad);
    writeFile(join(dir, 'b', '1.png'), await greyPixel(1));
    return (await failure({ source: 'images', dir, size: [1, 1] })).problem;
  }
  it('of more pixels than are decoded', async () => {
    const png = await greyPixel(1);
    // Width and height of its first chunk, whose checksum follows.
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    expect(await refusal(png)).toMatch(/a.1\.png has more pixels than the [\d,]+ that are decoded/);
  });
  it.each([
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'],
    ['GIF', Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAA=', 'base64')],
    ['BMP', Buffer.from('424d1e000000000000001a0000000c00000001000100010018000000ff00', 'hex')],
    ['PDF', '%PDF-1.4'],
    ['text', 'hello'],
    ['nothing', ''],
  ])('of another format is not given to a decoder: %s', async (_, content) => {
    expect(await refusal(content)).toMatch(/a.1\.png cannot be decoded \(neither PNG nor JPEG, by its first bytes\)/);
  });
  it('to a size that memory does not hold', async () => {
    const dir = newFolder();
    for (const name of ['a', 'b']) writeFile(join(dir, name, '1.png'), await greyPixel(1));
    expect((await failure({ source: 'images', dir, size: [2 ** 23, 2 ** 23] })).problem).toMatch(noMemory);
  });
});

it('a gzip CSV file is inflated piece by piece, and no further than its longest row may be', async () => {
  // A file may be of several members: 128 times 4 MB without an end of line, in 520 kB.
  const member = gzipSync(Buffer.alloc(1 << 22, 'a'));
  const path = file('x.csv.gz', Buffer.concat([gzipSync('x,y\n1,2\n'), ...Array(128).fill(member)]));
  const data = await openData(path, new Reading());
  let read = 0;
  const { read: reader } = data;
  data.read = async (...args) => {
    const bytes = await reader.apply(data, args);
    read += bytes.length;
    return bytes;
  };
  const error = await openCsv(data, usualCsv, new Reading())
    .then((table) => table.read(['x', 'y'], () => {}))
    .catch((reason) => reason);
  expect(error.message).toMatch(/line 3 belongs to a row of more than 16 MB/);
  // Two passes, the first of which sees two rows; each stops behind five of the members.
  expect(read).toBeLessThan(data.size);
});

describe('memory that is not there when it is asked for', () => {
  afterEach(() => {
    process.exitCode = undefined;
  });
  const asks: Record<string, () => unknown> = {
    'an array': () => new ArrayBuffer(Number.MAX_SAFE_INTEGER),
    'a typed array': () => new Float64Array(Number.MAX_SAFE_INTEGER),
    'shared memory': () => new SharedArrayBuffer(Number.MAX_SAFE_INTEGER),
    'a text': () => 'a'.repeat(2 ** 30),
    'as ONNX Runtime says it': () => {
      throw new Error('Failed to allocate memory for requested buffer of size 8796093022208: std::bad_alloc');
    },
    'as the system says it': () => {
      throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
    },
  };
  it.each(Object.entries(asks))('is no bug: %s', (_, ask) => {
    const told: ErrorEvent[] = [];
    try {
      ask();
    } catch (error) {
      tellMistake(error, (event) => told.push(event));
    }
    expect(told).toMatchObject([
      { code: 'LOCKSTEP_MEMORY', message: expect.stringMatching(/^the system gives no more memory/) },
    ]);
    expect(process.exitCode).toBe(1);
  });
});
