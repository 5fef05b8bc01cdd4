/** CIFAR's archive becomes IDX files that `source: idx` reads, channels last, each label with its image. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from 'tar';
import { describe, expect, it } from 'vitest';
import { idxExamples } from '../../src/data/idx/folder.js';
import { downloadSet } from '../../src/download/download.js';
import type { DownloadEvent } from '../../src/download/download-events.js';
import type { CifarLayout } from '../../src/download/sets.js';
import { DataError } from '../../src/errors.js';
import { fileServer } from '../support/file-server.js';
import { newPaths } from '../support/folder.js';
import { partsOf } from '../support/parts.js';

const newFolder = newPaths();

const NAME = 'cifar.tar.gz';
/** Of the archive in small: more than a piece that tar hands on. */
const records = 40;
const layout: CifarLayout = {
  records,
  splits: [
    { prefix: 'train', files: ['data_batch_1.bin', 'data_batch_2.bin'] },
    { prefix: 't10k', files: ['test_batch.bin'] },
  ],
};
const converted = [
  't10k-images-idx4-ubyte',
  't10k-labels-idx1-ubyte',
  'train-images-idx4-ubyte',
  'train-labels-idx1-ubyte',
];

const labelOf = (index: number) => (index * 7) % 10;
const pixel = (index: number, channel: number, y: number, x: number) =>
  (index * 31 + channel * 89 + y * 5 + x * 3) % 256;

/** The records `first` to `first + count`, as the archive has them: label, then red, green and blue planes. */
function batch(first: number, count = records): Buffer {
  const bytes = Buffer.alloc(count * 3073);
  let at = 0;
  for (let index = first; index < first + count; index++) {
    bytes[at++] = labelOf(index);
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < 32; y++) for (let x = 0; x < 32; x++) bytes[at++] = pixel(index, channel, y, x);
    }
  }
  return bytes;
}

/** Not in the order of the numbers, as the real archive. */
const contents: Readonly<Record<string, Buffer>> = {
  'data_batch_2.bin': batch(records),
  'batches.meta.txt': Buffer.from('airplane\nautomobile\n'),
  'test_batch.bin': batch(2 * records),
  'data_batch_1.bin': batch(0),
};

async function archiveOf(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const cwd = newFolder();
  mkdirSync(join(cwd, 'cifar-10-batches-bin'), { recursive: true });
  const names = Object.keys(files).map((name) => `cifar-10-batches-bin/${name}`);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(cwd, 'cifar-10-batches-bin', name), bytes);
  await create({ gzip: true, file: join(cwd, NAME), cwd }, names);
  return readFileSync(join(cwd, NAME));
}

/** Downloads `archive` from a server of its own, or what is left to do of it. */
async function download(archive: Buffer, dir: string) {
  const server = await fileServer({ [NAME]: archive });
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const set = { homes: [server.url], files: [{ name: NAME, size: archive.length, sha256 }], cifar: layout };
  const events: DownloadEvent[] = [];
  const report = (event: DownloadEvent) => events.push(event);
  const error = await downloadSet(set, dir, { silence: 20_000, pauses: [], report }).then(
    () => undefined,
    (reason: Error) => reason,
  );
  return { events: events.filter(({ event }) => event !== 'progress'), error, requests: server.requests };
}

describe('an archive', () => {
  it('becomes files that the idx source reads, and is removed', async () => {
    const dir = newFolder();
    const { error, events } = await download(await archiveOf(contents), dir);
    expect(error).toBeUndefined();
    expect(events.map(({ event }) => event)).toEqual(['start', 'request', 'file', 'converted']);
    expect(readdirSync(dir).sort()).toEqual(converted);

    const { examples, plan } = await idxExamples({ source: 'idx', dir, validation: 0, test: 't10k', stratify: false });
    expect(partsOf(examples)).toMatchObject({ count: 3 * records, featureShape: [32, 32, 3], classes: 10 });
    expect(plan.test).toEqual({ start: 2 * records, count: records });
    const indices = Array.from({ length: 3 * records }, (_, index) => index);
    expect([...partsOf(examples).targets]).toEqual(indices.map(labelOf));
    const expected = Buffer.alloc(partsOf(examples).features.length);
    let at = 0;
    for (const index of indices) {
      for (let y = 0; y < 32; y++) {
        for (let x = 0; x < 32; x++) {
          for (let channel = 0; channel < 3; channel++) expected[at++] = pixel(index, channel, y, x);
        }
      }
    }
    expect(expected.equals(Uint8Array.from(partsOf(examples).features))).toBe(true);
  });

  it('is not asked for again once it is converted, and not needed twice once it is here', async () => {
    const archive = await archiveOf(contents);
    const dir = newFolder();
    mkdirSync(dir);
    writeFileSync(join(dir, NAME), archive);
    const byHand = await download(archive, dir);
    expect(byHand).toMatchObject({ error: undefined, requests: [] });
    expect(readdirSync(dir).sort()).toEqual(converted);

    const again = await download(archive, dir);
    expect(again).toMatchObject({ error: undefined, requests: [] });
    expect(again.events.map((event) => event.event === 'kept' && event.file).sort()).toEqual(converted);
  });

  it('does not replace a file of another size', async () => {
    const dir = newFolder();
    mkdirSync(dir);
    writeFileSync(join(dir, 't10k-labels-idx1-ubyte'), 'mine');
    const { error, requests } = await download(await archiveOf(contents), dir);
    expect(error).toBeInstanceOf(DataError);
    expect(error!.message).toContain('t10k-labels-idx1-ubyte is there, but is not the published file: it has 4 bytes');
    expect(requests).toEqual([]);
    expect(readFileSync(join(dir, 't10k-labels-idx1-ubyte'), 'utf8')).toBe('mine');
  });

  const badLabel = Buffer.from(contents['test_batch.bin']);
  badLabel[5 * 3073] = 10;
  const { 'test_batch.bin': _, ...incomplete } = contents;
  const wrong: readonly [string, Record<string, Buffer>, string][] = [
    [
      'a label that is too high',
      { ...contents, 'test_batch.bin': badLabel },
      'test_batch.bin of the archive has a label 10',
    ],
    ['a file missing', incomplete, 'lacks test_batch.bin'],
    [
      'a record too few',
      { ...contents, 'data_batch_1.bin': batch(0, records - 1) },
      'data_batch_1.bin of the archive has not 40',
    ],
    [
      'a record too many',
      { ...contents, 'data_batch_1.bin': batch(0, records + 1) },
      'data_batch_1.bin of the archive has not 40',
    ],
    [
      'half a record',
      { ...contents, 'data_batch_2.bin': batch(0).subarray(0, -9) },
      'data_batch_2.bin of the archive has not 40',
    ],
  ];
  it.each(wrong)('with %s is refused, and leaves no files but itself', async (_, files, message) => {
    const dir = newFolder();
    const { error } = await download(await archiveOf(files), dir);
    expect(error).toBeInstanceOf(DataError);
    expect(error!.message).toContain(message);
    expect(readdirSync(dir)).toEqual([NAME]);
  });

  it('that is damaged is refused, and leaves no files but itself', async () => {
    const archive = await archiveOf(contents);
    for (const damaged of [archive.subarray(0, archive.length / 2), Buffer.alloc(5000, 'not a tar file')]) {
      const dir = newFolder();
      const { error } = await download(damaged, dir);
      expect(error).toBeInstanceOf(DataError);
      expect(error!.message).toMatch(/cifar\.tar\.gz (cannot be unpacked|lacks)/);
      expect(readdirSync(dir)).toEqual([NAME]);
      expect(existsSync(join(dir, NAME))).toBe(true);
    }
  });
});
