/** Every file that is read, damaged in every way: one mistake of the user's with file and remedy, never a stack trace. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openInputs } from '../../coordinator/inference/input-batches.js';
import { openModel, readEncoding } from '../../coordinator/inference/saved-model.js';
import { readAddress } from '../../coordinator/world/address.js';
import { parseResult } from '../../scripts/bench/result.js';
import { newestCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { LockstepError } from '../../src/errors.js';
import { sha256 } from '../../src/ground/checksum.js';
import { layersModelFiles } from '../../src/model/files/save.js';
import { LogFile } from '../../src/report/log-file.js';
import { saysEnded } from '../../src/report/metrics-log.js';
import { parseReport } from '../../src/scale/record.js';
import { newFolders } from '../support/folder.js';

import tfl = require('@tensorflow/tfjs-layers');

const newFolder = newFolders();

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What is no object, and no JSON. */
const damages: Record<string, string> = {
  empty: '',
  spaces: ' \n',
  text: 'hello',
  null: 'null',
  list: '[]',
  number: '5',
  string: '"x"',
  object: '{}',
  binary: '\0\x01\x02',
  'not UTF-8': '\xff',
  'deep lists': '['.repeat(100_000),
  'two values': '{}{}',
};
const wrong: Json[] = [null, -1.5, 'x', [], { x: 1 }];

/** Copies of a value, each with one of its parts replaced by something else. */
function* mutations(value: Json, path = ''): Generator<{ path: string; to: string; value: Json }> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    const put = (other: Json) =>
      Array.isArray(value) ? value.map((item, i) => (String(i) === key ? other : item)) : { ...value, [key]: other };
    for (const other of wrong) yield { path: at, to: JSON.stringify(other), value: put(other) };
    for (const deeper of mutations(inner, at)) yield { ...deeper, value: put(deeper.value) };
  }
}

/** @returns what was refused; what is no mistake of the user's is thrown on */
async function outcome(act: () => unknown): Promise<LockstepError | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

const encodings: Record<string, Json> = {
  numbers: { classes: ['a', 'b'], input: { kind: 'numbers', scale: 1 }, targets: ['y'] },
  image: { input: { kind: 'image', height: 4, width: 4, channels: 1, fit: 'fill', greyscale: 'bt601' } },
  text: { input: { kind: 'text', window: 3, targets: 'last', vocabulary: ['a', 'b'] } },
  table: {
    input: {
      kind: 'table',
      columns: [
        { name: 'x', fill: 0, mean: 0, scale: 1 },
        { name: 'c', categories: ['a'], missing: false },
      ],
      csv: { header: true, delimiter: ',', missingValues: [''] },
      missing: 'error',
    },
  },
};

let model: Json;
let weights: Uint8Array;

beforeAll(async () => {
  const input = tfl.input({ shape: [2] });
  const made = tfl.model({ inputs: input, outputs: tfl.layers.dense({ units: 1 }).apply(input) as tfl.SymbolicTensor });
  const files = await layersModelFiles(made, undefined);
  model = JSON.parse(files['model.json'] as string) as Json;
  weights = Buffer.concat(files['weights.bin'] as Uint8Array[]);
});

/** Reads a file with this content. */
type Reader = (content: string | Buffer) => unknown;
const inFolder =
  (name: string, read: (folder: string, file: string) => unknown): Reader =>
  (content) => {
    const folder = newFolder();
    writeFileSync(join(folder, 'weights.bin'), weights);
    if (content === 'a folder') mkdirSync(join(folder, name));
    else writeFileSync(join(folder, name), content);
    return read(folder, join(folder, name));
  };

const readers: Record<string, Reader> = {
  'config.yaml': inFolder('config.yaml', (_, file) => loadRunConfig(file, [])),
  'model.json': inFolder('model.json', (path) => openModel({ path, name: 'x' })),
  'encoding.json': inFolder('encoding.json', (path) => readEncoding(path)),
  'coordinator.json': inFolder('coordinator.json', (path) => readAddress(path)),
  'examples.json': inFolder('x.json', (_, file) =>
    openInputs(file, [{ name: 'input', shape: [2], isNamed: false }], undefined),
  ),
  'scale.json': (content) => parseReport('scale.json', String(content)),
  'bench.json': (content) => parseResult(String(content), 'bench.json'),
};

describe.each(Object.entries(readers))('%s', (name, read) => {
  it.each(Object.entries(damages))('that is %s', async (_, text) => {
    const refusal = await outcome(() => read(Buffer.from(text, 'latin1')));
    expect(refusal).toBeDefined();
    expect(refusal!.exitCode).toBe(2);
    expect(refusal!.message).toContain(name === 'examples.json' ? 'x.json' : name);
    expect(refusal!.remedy).not.toBe('');
  });

  // The others are given what a file holds.
  if (!/^(scale|bench)/.test(name)) {
    it('that is a folder', async () => {
      expect((await outcome(() => read('a folder')))?.exitCode).toBe(2);
    });
  }
});

describe('every part', () => {
  it.each(Object.entries(encodings))('of an encoding of %s is checked', async (_, encoding) => {
    expect(await outcome(() => readers['encoding.json'](JSON.stringify(encoding)))).toBeUndefined();
    let refused = 0;
    for (const { path, to, value } of mutations(encoding)) {
      const refusal = await outcome(() => readers['encoding.json'](JSON.stringify(value)));
      if (refusal) refused++;
      // Of another kind than what belongs there, whatever that is.
      if (to === '{"x":1}') expect(refusal?.message, path).toMatch(/encoding\.json: is not/);
    }
    expect(refused).toBeGreaterThan(10);
  });

  it('of a model.json is refused or read, never a crash', async () => {
    expect(await outcome(() => readers['model.json'](JSON.stringify(model)))).toBeUndefined();
    let refused = 0;
    for (const { value } of mutations(model)) {
      if (await outcome(() => readers['model.json'](JSON.stringify(value)))) refused++;
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('of a checkpoint.json is refused even where its checksum was made anew', async () => {
    const folder = newFolder();
    const progress = {
      step: 1,
      epoch: 0,
      position: 1,
      losses: [0.5],
      best: { value: 1, epoch: 1 },
      stopped: false,
      monitor: { scale: 1, best: null, stale: 0, cooldown: 0, stopBest: null, stopStale: 0 },
    };
    const data = { examples: 4, featureShape: [2], classes: 2, training: 4, validation: 0, test: 0, sha256: 'x' };
    const state = { format: 1, progress, config: {}, data, graph: null } as never;
    const path = await writeCheckpoint(folder, state, [], 1);
    const { checkpoint } = await newestCheckpoint(folder);
    expect(checkpoint?.state).toMatchObject({ progress, data });
    const { path: _, ...whole } = { path, ...checkpoint!.state } as unknown as { path: string; [key: string]: Json };
    for (const { path: at, to, value } of mutations(whole)) {
      const text = JSON.stringify(value);
      writeFileSync(join(path, 'checkpoint.json'), `{"sha256":"${sha256(text)}","state":${text}}\n`);
      const { checkpoint: read, skipped } = await newestCheckpoint(folder);
      if (to === '{"x":1}' && at !== 'config') expect({ at, read }).toEqual({ at, read: undefined });
      if (!read) expect(skipped[0].reason, at).toMatch(/^(checkpoint\.json|tensors\.safetensors|it has format)/);
    }
    for (const text of Object.values(damages)) {
      writeFileSync(join(path, 'checkpoint.json'), text, 'latin1');
      expect((await newestCheckpoint(folder)).skipped).toHaveLength(1);
    }
    rmSync(join(path, 'checkpoint.json'));
    mkdirSync(join(path, 'checkpoint.json'));
    expect((await newestCheckpoint(folder)).skipped).toHaveLength(1);
  });
});

it('logs are cut off before the first line that is none', async () => {
  const file = join(newFolder(), 'log.jsonl');
  for (const text of Object.values(damages)) {
    writeFileSync(file, `{"step":1}\n${text}\n{"step":2}\n`, 'latin1');
    const log = new LogFile(file, (entry) => typeof entry.step === 'number');
    expect(log.empty).toBe(false);
    log.close();
    expect(saysEnded(file)).toBe(false);
  }
  const folder = newFolder();
  expect(saysEnded(folder)).toBe(false);
  expect((await outcome(() => new LogFile(folder, () => true)))?.exitCode).toBe(2);
});

describe('YAML', () => {
  const bomb = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${i === 0 ? '1' : `*a${i - 1}, `.repeat(9)}]`);
  const texts: Record<string, string> = {
    'an alias inside of what it stands for': 'model: &x\n  layers: *x\n',
    'an alias inside of a list': 'model: &x [*x]\n',
    'aliases of aliases': bomb.join('\n'),
    'lists without end': `model: ${'['.repeat(20_000)}`,
    'mappings without end': Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    'keys that are lists': '? [a, b]\n: 1\n',
    'a key of prototypes': '__proto__: { x: 1 }\nconstructor: 1\n',
  };

  it.each(Object.entries(texts))('of %s', async (_, text) => {
    const refusal = await outcome(() => readers['config.yaml'](text));
    expect(refusal?.exitCode).toBe(2);
    expect(refusal!.message).not.toMatch(/\n +at /);
  });

  it('on the command line', async () => {
    const file = join(newFolder(), 'x.yaml');
    writeFileSync(file, 'seed: 1');
    const refusal = await outcome(() => loadRunConfig(file, ['model=&x [*x]']));
    expect(refusal?.message).toContain('--set model=&x [*x]: is nested more than 64 levels deep');
  });
});
