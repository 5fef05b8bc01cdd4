/** A data set as one sequence of bytes: the same fingerprint wherever its rows are, and the same values on the other side. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Examples } from '../../src/data/examples.js';
import { examplesFingerprint, fingerprintOf } from '../../src/data/fingerprint.js';
import { packExamples } from '../../src/data/packed.js';
import { closeRows } from '../../src/data/row-writer.js';
import { WireError } from '../../src/errors.js';
import { openPacked } from '../../src/wire/packed-data.js';
import { encodeRows } from '../../src/wire/rows-blob.js';
import { lcg } from '../support/engines.js';
import { byteExamples, overlappingExamples, partlyOnDisk, weightedExamples } from '../support/examples.js';
import { temporaryFolder } from '../support/folder.js';
import { examplesOf, partsOf } from '../support/parts.js';

const folder = temporaryFolder();
const all = (count: number) => Int32Array.from({ length: count }, (_, i) => i);

/** The image, read in pieces of odd sizes as a transfer does. */
async function imageOf(examples: Examples, piece = 97): Promise<Buffer> {
  const source = packExamples(examples);
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < source.length; offset += piece) {
    parts.push(await source.read(offset, Math.min(piece, source.length - offset)));
  }
  return Buffer.concat(parts);
}

async function stored(name: string, examples: Examples): Promise<string> {
  const file = join(folder, name);
  writeFileSync(file, await imageOf(examples));
  return file;
}

const kinds = [
  { name: 'bytes', examples: byteExamples(41) },
  { name: 'floats with weights', examples: weightedExamples(23) },
  { name: 'rows that overlap', examples: overlappingExamples(30) },
];

it.each(kinds)('$name: the fingerprint is that of the bytes, and opening gives the same rows', async (kind) => {
  const { name, examples } = kind;
  const bytes = await imageOf(examples);
  expect(await examplesFingerprint(examples)).toBe(createHash('sha256').update(bytes).digest('hex'));
  const opened = await openPacked(await stored(name, examples), 1e9);
  expect(partsOf(opened).file).toBeUndefined();
  expect(partsOf(opened).features.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(await encodeRows(opened, all(examples.count))).toEqual(await encodeRows(examples, all(examples.count)));
  expect(await examplesFingerprint(opened)).toBe(await examplesFingerprint(examples));
});

it('rows on disk have the same image as rows in memory', async () => {
  const examples = byteExamples(41);
  const split = partlyOnDisk(examples, 10);
  expect(partsOf(split).file).toBeDefined();
  expect(await imageOf(split)).toEqual(await imageOf(examples));
  closeRows(partsOf(split).file!);
});

it('what exceeds the budget is read from the image itself, which outlives the examples', async () => {
  const examples = weightedExamples(23);
  const file = await stored('large', examples);
  const opened = await openPacked(file, 7 * 12 + 5);
  expect(partsOf(opened).file?.first).toBe(7);
  expect(partsOf(opened).features.length).toBe(21);
  const shuffled = Int32Array.of(22, 3, 7, 8, 6, 0, 7);
  expect(await encodeRows(opened, shuffled)).toEqual(await encodeRows(examples, shuffled));
  const split = { training: all(20), validation: all(0), test: all(3) };
  expect(fingerprintOf({ examples: opened, splits: split })).toEqual(fingerprintOf({ examples, splits: split }));
  expect(await imageOf(opened)).toEqual(readFileSync(file));
  closeRows(partsOf(opened).file!);
  expect(readFileSync(file).length).toBe(packExamples(examples).length);
});

it('rows that overlap are all in the file, or none', async () => {
  const opened = await openPacked(await stored('text', overlappingExamples(30)), 1);
  expect(partsOf(opened).file).toMatchObject({ first: 0 });
  expect(partsOf(opened).features).toHaveLength(0);
  closeRows(partsOf(opened).file!);
});

it('every value and every size has a part in the fingerprint, and so have weights', async () => {
  const examples = weightedExamples(23);
  const parts = partsOf(examples);
  const { weights, features, targets, ...plain } = parts;
  const first = await examplesFingerprint(examples);
  const others = [
    { ...plain, features, targets },
    { ...parts, weights: weights!.map((x, i) => (i === 22 ? x + 1 : x)) },
    { ...parts, features: features.map((x, i) => (i === 0 ? x + 1 : x)) as Float32Array },
    { ...parts, targets: targets.map((x, i) => (i === 45 ? x + 1 : x)) as Float32Array },
    { ...parts, featureShape: [3, 1] },
    { ...parts, featureScale: 0.5 },
  ].map(examplesOf);
  const [input, ...columns] = examples.columns;
  others.push({ count: examples.count, columns: [{ ...input, name: 'other' }, ...columns] });
  const hashes = await Promise.all(others.map(examplesFingerprint));
  expect(new Set([first, ...hashes]).size).toBe(8);
});

it('a file of another size, or whose first line is not in order, is refused', async () => {
  const good = await imageOf(byteExamples(41));
  const text = good.toString('latin1');
  const edits = [
    text.slice(0, -1),
    `${text}x`,
    '',
    'no image\n',
    text.replace('"count":41', '"count":50'),
    text.replace('"count":41', '"count":-1'),
    text.replace('"count":41', '"count":1e9'),
    text.replace('"count":41', '"count":41.5'),
    text.replace('"shape":[5,3,1]', '"shape":[3,5,1],"x":1'),
    text.replace('uint8', 'int16'),
    text.replace('"role":"target"', '"role":"weight"'),
    text.replace('lockstep-examples 2', 'lockstep-examples 1'),
    text.replace('{"count":41,', '{ "count":41,'),
  ];
  for (const [i, edit] of edits.entries()) {
    const file = join(folder, `bad-${i}`);
    writeFileSync(file, edit, 'latin1');
    await expect(openPacked(file, 1e9), edit.slice(0, 60)).rejects.toThrow(WireError);
  }
});

it('damage of the first line is refused, and nothing else is thrown', async () => {
  const good = await imageOf(byteExamples(3));
  const random = lcg(5);
  const file = join(folder, 'mutated');
  let refused = 0;
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(good);
    bytes[Math.floor(random() * 200)] ^= 1 << Math.floor(random() * 8);
    writeFileSync(file, bytes);
    try {
      await openPacked(file, 1e9);
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(150);
});
