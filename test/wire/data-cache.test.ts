/** A worker's cache of data sets: whole files or none, checked before use, within its size, shared by processes. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import type { Examples } from '../../src/data/examples.js';
import { examplesFingerprint } from '../../src/data/fingerprint.js';
import { packExamples } from '../../src/data/packed.js';
import { closeRows } from '../../src/data/row-writer.js';
import { OutputError, WireError } from '../../src/errors.js';
import { cacheFolder } from '../../src/ground/cache-folder.js';
import { DataCache } from '../../src/wire/data-cache.js';
import { byteExamples } from '../support/examples.js';
import { newPaths } from '../support/folder.js';
import { compiled } from '../support/package.js';
import { partsOf } from '../support/parts.js';

const run = promisify(execFile);
const newPath = newPaths();
const caches: DataCache[] = [];
afterAll(() => {
  for (const cache of caches) cache.close();
});

function open(folder = newPath(), limit = 1e6) {
  const warnings: string[] = [];
  const cache = new DataCache({ folder, limit, warn: (message) => warnings.push(message) });
  caches.push(cache);
  return { cache, folder, warnings };
}

async function put(cache: DataCache, examples: Examples): Promise<string> {
  const source = packExamples(examples);
  const fingerprint = await examplesFingerprint(examples);
  const sink = cache.receive(fingerprint, source.length);
  for (let offset = 0; offset < source.length; offset += 100) {
    sink.write(offset, await source.read(offset, Math.min(100, source.length - offset)));
  }
  sink.finish();
  return fingerprint;
}

const filesIn = (folder: string): string[] => readdirSync(folder).filter((name) => !name.includes('.use-'));

it('a name that is a path leads nowhere', async () => {
  const { cache, folder } = open(join(newPath(), 'inner'));
  await put(cache, byteExamples(5));
  const others = join(folder, '..', 'others.data');
  writeFileSync(others, 'not ours');
  expect(await cache.open('../others', 1e6)).toBe(undefined);
  expect(readFileSync(others, 'utf8')).toBe('not ours');
  expect(readdirSync(join(folder, '..')).sort()).toEqual(['inner', 'others.data']);
});

it('gives back what was received, to another process too', async () => {
  const { cache, folder } = open();
  expect(cache.list()).toEqual([]);
  const examples = byteExamples(50);
  const fingerprint = await put(cache, examples);
  expect(filesIn(folder)).toEqual([`${fingerprint}.data`]);
  for (const other of [cache, open(folder).cache]) {
    expect(other.list()).toEqual([fingerprint]);
    const opened = await other.open(fingerprint, 1e6);
    expect(partsOf(opened!).features).toEqual(partsOf(examples).features);
    expect(partsOf(opened!).targets).toEqual(partsOf(examples).targets);
  }
  const partly = await cache.open(fingerprint, 150);
  expect(partsOf(partly!).file?.first).toBe(10);
  closeRows(partsOf(partly!).file!);
  expect(cache.list()).toEqual([fingerprint]);
  expect(await cache.open('0'.repeat(64), 1e6)).toBeUndefined();
});

it('two that fetch the same set at once both end right', async () => {
  const { cache, folder } = open();
  const { cache: second } = open(folder);
  const examples = byteExamples(50);
  const source = packExamples(examples);
  const fingerprint = await examplesFingerprint(examples);
  const bytes = await source.read(0, source.length);
  const sinks = [cache.receive(fingerprint, bytes.length), second.receive(fingerprint, bytes.length)];
  for (const sink of sinks) sink.write(0, bytes.subarray(0, 200));
  expect(cache.list()).toEqual([]);
  for (const sink of sinks) {
    sink.write(200, bytes.subarray(200));
    sink.finish();
    expect(filesIn(folder)).toEqual(
      sink === sinks[0] ? expect.arrayContaining([`${fingerprint}.data`]) : [`${fingerprint}.data`],
    );
  }
  expect(partsOf((await second.open(fingerprint, 1e6))!).features).toEqual(partsOf(examples).features);
});

it('what is not what was announced leaves nothing', async () => {
  const { cache, folder } = open();
  const source = packExamples(byteExamples(50));
  const bytes = await source.read(0, source.length);
  const fingerprint = await examplesFingerprint(byteExamples(50));
  const wrong = cache.receive(fingerprint, bytes.length);
  expect(() => {
    wrong.write(
      0,
      bytes.map((byte, i) => (i === 300 ? byte ^ 1 : byte)),
    );
    wrong.finish();
  }).toThrow(/SHA-256/);
  const short = cache.receive(fingerprint, bytes.length);
  short.write(0, bytes.subarray(0, 100));
  expect(() => short.finish()).toThrow(WireError);
  const given = cache.receive(fingerprint, bytes.length);
  given.write(0, bytes);
  given.abort();
  expect(() => cache.receive('../../x', 100)).toThrow(WireError);
  expect(readdirSync(folder)).toEqual([]);
});

it('bytes of the announced hash that are no data set are refused', async () => {
  const { cache, folder } = open();
  const text = new TextEncoder().encode('hello');
  const sink = cache.receive('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', 5);
  sink.write(0, text);
  expect(() => sink.finish()).toThrow(/no data set/);
  expect(readdirSync(folder)).toEqual([]);
});

it('what was damaged on the disk is removed, with a reason', async () => {
  const { cache, folder } = open();
  const [short, changed] = [await put(cache, byteExamples(50)), await put(cache, byteExamples(60))];
  truncateSync(join(folder, `${short}.data`), 400);
  const file = join(folder, `${changed}.data`);
  const bytes = readFileSync(file);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(file, bytes);
  const { cache: later, warnings } = open(folder);
  // By its first line and size alone, the second one looks whole.
  expect(later.list()).toEqual([changed]);
  expect(warnings).toEqual([expect.stringMatching(/has 400 bytes.*removed from the cache/)]);
  expect(await later.open(changed, 1e6)).toBeUndefined();
  expect(warnings[1]).toMatch(/SHA-256/);
  expect(filesIn(folder)).toEqual([]);
});

it('makes room by removing what was used least recently, and nothing that is in use', async () => {
  const size = packExamples(byteExamples(50)).length;
  const { cache, folder } = open(newPath(), 3 * size + 10);
  const names: string[] = [];
  for (const seed of [1, 2, 3]) names.push(await put(cache, byteExamples(50, seed)));
  names.forEach((name, i) => {
    utimesSync(join(folder, `${name}.data`), 1000 + i, 1000 + i);
  });
  // Opening makes the oldest the newest.
  await cache.open(names[0], 1e6);
  cache.release(names[0]);
  const fourth = await put(cache, byteExamples(50, 4));
  expect(new Set(cache.list())).toEqual(new Set([names[0], names[2], fourth]));

  // A process that is there (this one's parent) and one that is not.
  const parent = join(folder, `${names[2]}.use-${process.ppid}-${hostname()}`);
  const gone = join(folder, `${names[0]}.use-999999999-${hostname()}`);
  for (const mark of [parent, gone]) writeFileSync(mark, '');
  utimesSync(join(folder, `${names[2]}.data`), 1, 1);
  const fifth = await put(cache, byteExamples(50, 5));
  const sixth = await put(cache, byteExamples(50, 6));
  expect(new Set(cache.list())).toEqual(new Set([names[2], fifth, sixth]));
  expect([existsSync(parent), existsSync(gone)]).toEqual([true, false]);

  for (const name of [fifth, sixth]) await cache.open(name, 1e6);
  await expect(put(cache, byteExamples(50, 7))).rejects.toThrow(OutputError);
  expect(new Set(cache.list())).toEqual(new Set([names[2], fifth, sixth]));
});

it('what a killed process left of a transfer is removed', async () => {
  const { cache, folder } = open();
  await put(cache, byteExamples(50));
  const left = join(folder, `.partial-${'a'.repeat(64)}-0-999999999-${hostname()}`);
  const foreign = join(folder, `.partial-${'a'.repeat(64)}-0-999999999-another.host`);
  for (const file of [left, foreign]) writeFileSync(file, 'half');
  await put(cache, byteExamples(51));
  expect([existsSync(left), existsSync(foreign)]).toEqual([false, true]);
  utimesSync(foreign, 1000, 1000);
  await put(cache, byteExamples(52));
  expect(existsSync(foreign)).toBe(false);
});

it('holds for processes that fetch the same set at once', async () => {
  const { cache, folder } = open();
  const url = (path: string) => JSON.stringify(compiled(path).href);
  const script = `
    import { DataCache } from ${url('src/wire/data-cache.js')};
    import { packExamples } from ${url('src/data/packed.js')};
    import { examplesFingerprint } from ${url('src/data/fingerprint.js')};
    import { byteExamples } from ${url('test/support/examples.js')};
    const cache = new DataCache({ folder: ${JSON.stringify(folder)}, limit: 1e8, warn: console.log });
    const examples = byteExamples(20000);
    const source = packExamples(examples);
    const fingerprint = await examplesFingerprint(examples);
    for (let round = 0; round < 5; round++) {
      const sink = cache.receive(fingerprint, source.length);
      for (let offset = 0; offset < source.length; offset += 4096) {
        sink.write(offset, await source.read(offset, Math.min(4096, source.length - offset)));
      }
      sink.finish();
      const opened = await cache.open(fingerprint, 1e4);
      if (opened?.columns[0].file === undefined) throw new Error('not there');
    }
    cache.close();`;
  const args = ['--input-type=module', '-e', script];
  const outputs = await Promise.all([run(execPath, args), run(execPath, args)]);
  expect(outputs.map(({ stdout, stderr }) => stdout + stderr)).toEqual(['', '']);
  expect(cache.list()).toEqual([await examplesFingerprint(byteExamples(20000))]);
  expect(readdirSync(folder).length).toBe(1);
});

it('is where the system keeps caches, for this user alone', async () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/x' }, 'linux')).toBe(join('/x', 'lockstep'));
  expect(cacheFolder({}, 'linux')).toBe(join(homedir(), '.cache', 'lockstep'));
  expect(cacheFolder({}, 'darwin')).toBe(join(homedir(), 'Library', 'Caches', 'lockstep'));
  expect(cacheFolder({ LOCALAPPDATA: '/local' }, 'win32')).toBe(join('/local', 'lockstep', 'cache'));
  const { cache, folder } = open();
  const fingerprint = await put(cache, byteExamples(3));
  if (process.platform !== 'win32') expect(statSync(join(folder, `${fingerprint}.data`)).mode & 0o77).toBe(0);
});
