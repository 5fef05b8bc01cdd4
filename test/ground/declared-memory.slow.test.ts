/** What files and configs declare is compared with the memory before any of it is allocated. */
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { budgetBytes, RowWriter } from '../../src/data/row-writer.js';
import { compileGradients } from '../../src/engine/onnx/compile.js';
import { createStepModel } from '../../src/engine/step.js';
import { DataError, ModelError } from '../../src/errors.js';
import { memoryLimit, requireMemory } from '../../src/ground/memory.js';
import { createModel } from '../../src/model/build/create.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/model/files/safetensors.js';
import { specOf } from '../support/engines.js';
import { newFolders } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import { skipIf } from '../support/skip-if.js';

const newFolder = newFolders();
/** More numbers than any machine has memory for, and a product that is exact. */
const giant = 2 ** 46;

it('the limit is the smallest of what machine, container and system give; the default budget half of it', () => {
  const constrained = process.constrainedMemory();
  expect(memoryLimit()).toBeLessThanOrEqual(totalmem());
  if (constrained) expect(memoryLimit()).toBeLessThanOrEqual(constrained);
  expect(budgetBytes(undefined)).toBe(memoryLimit() / 2);
  expect(() => requireMemory('x', 2e9, DataError, 'less', 1e9)).toThrow(
    'x, which takes 2 GB of memory, and there are 1 GB',
  );
  expect(() => requireMemory('x', 1e9, DataError, 'less', 1e9)).not.toThrow();
});

describe('a safetensors file', () => {
  /** With this header, and so many bytes of data; the length may be claimed to be another. */
  function file(header: unknown, data: number, length?: number): Uint8Array {
    const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(BigInt(length ?? text.length));
    return Buffer.concat([start, text, Buffer.alloc(data)]);
  }
  const tensor = (from: number, to: number, shape: unknown = [(to - from) / 4], dtype: unknown = 'F32') => ({
    dtype,
    shape,
    data_offsets: [from, to],
  });
  const a = tensor(0, 8);

  // By scripts/peers/safetensors_rules.py, safetensors 0.8.0 of Python: most have a mistake.
  const fixture = join(packageRoot, 'test/fixtures/safetensors-rules.json');
  const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as {
    cases: { name: string; file: string; refusal: string | null }[];
  };
  // In JavaScript 2.0 is 2.
  it.each(cases.filter(({ name }) => name !== 'a size that is a fraction'))(
    'is read or refused as the reference does: $name',
    ({ file, refusal }) => {
      const read = () => decodeSafetensors(Buffer.from(file, 'base64'));
      if (refusal === null) expect(read).not.toThrow();
      else expect(read).toThrow(/^(?:it |its |tensor )/);
    },
  );

  it.each([
    ['a header of 2^60 bytes', file({ a }, 8, 2 ** 60), /the most that the format allows/],
    ['a header beyond the file', file({ a }, 8, 5000), /cut off/],
    ['an overlap', file({ a, b: tensor(4, 12) }, 12), /b overlaps the tensor before it/],
    ['the same bytes twice', file({ a, b: a }, 8), /overlaps/],
    ['a gap', file({ a, b: tensor(12, 20) }, 20), /b leaves a gap of 4 bytes/],
    ['a gap at the start', file({ a: tensor(4, 12) }, 12), /a leaves a gap of 4 bytes/],
    ['a rest', file({ a }, 9), /1 bytes behind its last tensor/],
    ['too few bytes', file({ a }, 7), /cut off at 7 bytes/],
    ['a giant', file({ a: tensor(0, giant * 4, [giant]) }, 8), /cut off at 8 bytes/],
    ['a product that overflows', file({ a: tensor(0, 8, [2 ** 40, 2 ** 40]) }, 8), /takes 8 bytes/],
    ['a negative size', file({ a: tensor(0, 8, [-2]) }, 8), /shape.0/],
    ['a negative offset', file({ a: tensor(-8, 0, [2]) }, 8), /data_offsets.0/],
    ['offsets in reverse', file({ a: tensor(8, 0, [2]) }, 8), /takes -8 bytes/],
    ['a fraction', file({ a: tensor(0, 8, [1.5]) }, 8), /shape.0/],
    ['another length than its shape', file({ a: tensor(0, 8, [3]) }, 8), /takes 8 bytes, its shape 12/],
    ['another dtype', file({ a: tensor(0, 8, [4], 'F16') }, 8), /dtype F16/],
    ['no dtype', file({ a: { shape: [2], data_offsets: [0, 8] } }, 8), /a.dtype/],
    ['metadata that are no texts', file({ __metadata__: { x: 1 }, a }, 8), /__metadata__/],
    ['a list', file([], 0), /no list of tensors/],
    ['no JSON', file('{"a"', 0), /no JSON/],
  ])('that is refused: %s', (_, bytes, rule) => {
    expect(() => decodeSafetensors(bytes)).toThrow(rule);
  });

  it('of our own is read', () => {
    const tensors = [{ name: 'a', shape: [2], values: Float32Array.of(1, 2) }];
    expect(decodeSafetensors(Buffer.concat(encodeSafetensors(tensors))).tensors).toEqual(tensors);
  });
});

describe("a model's weights", () => {
  const topology = { class_name: 'Model', config: { name: 'm', layers: [], input_layers: [], output_layers: [] } };
  function model(paths: unknown[], shape: unknown[], write: (folder: string) => void = () => {}): string {
    const folder = join(newFolder(), 'model');
    mkdirSync(folder);
    const weightsManifest = [{ paths, weights: [{ name: 'w', shape, dtype: 'float32' }] }];
    writeFileSync(join(folder, 'model.json'), JSON.stringify({ modelTopology: topology, weightsManifest }));
    writeFileSync(join(folder, 'w.bin'), Buffer.alloc(8));
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub', 'w.bin'), Buffer.alloc(8));
    writeFileSync(join(folder, '..', 'secret'), Buffer.alloc(8));
    write(folder);
    return folder;
  }
  const refused = async (folder: string) => {
    const error = await readModelFile(folder).catch((reason) => reason);
    expect(error).toBeInstanceOf(ModelError);
    return (error as ModelError).message;
  };

  it('lie in its folder, or below', async () => {
    for (const path of ['w.bin', './w.bin', 'sub/w.bin']) {
      expect((await readModelFile(model([path], [2]))).weights!.get('w')!.shape).toEqual([2]);
    }
    const link = model(['l.bin'], [2], (folder) => symlinkSync('w.bin', join(folder, 'l.bin')));
    expect((await readModelFile(link)).weights!.size).toBe(1);
  });

  it.each(['../secret', 'sub/../../secret', '/etc/hostname', '..', '', '\0', 'sub\\..\\..\\secret'])(
    'are not read from %j',
    async (path) => {
      expect(await refused(model([path], [2]))).toMatch(/is not in the model's folder|no such file/);
    },
  );

  it('are not read through links that leave it, or from folders', async () => {
    const link = model(['l'], [2], (folder) => symlinkSync('../secret', join(folder, 'l')));
    expect(await refused(link)).toContain("is not in the model's folder");
    const linked = model(['l/secret'], [2], (folder) => symlinkSync('..', join(folder, 'l')));
    expect(await refused(linked)).toContain("is not in the model's folder");
    expect(await refused(model(['sub'], [2]))).toContain('is a folder');
  });

  skipIf(process.platform === 'win32' && 'Windows has no /dev/zero').it('are not read from devices', async () => {
    const device = model(['z'], [2], (folder) => symlinkSync('/dev/zero', join(folder, 'z')));
    expect(await refused(device)).toContain("is not in the model's folder");
  });

  it('have the sizes that are declared, or nothing is read', async () => {
    expect(await refused(model(['w.bin'], [giant]))).toContain(`8 bytes, but the weights in it take ${giant * 4}`);
    expect(await refused(model(['w.bin'], [3]))).toContain('8 bytes, but the weights in it take 12');
    expect(await refused(model(['w.bin', 'w.bin'], [3]))).toContain('16 bytes, but the weights in it take 12');
    expect(await refused(model(['w.bin'], [-2]))).toContain('shape');
    // A file with no bytes on the disk, as large as it is declared to be.
    const numbers = 2 ** 40;
    const sparse = model(['s.bin'], [numbers], (folder) => {
      writeFileSync(join(folder, 's.bin'), '');
      truncateSync(join(folder, 's.bin'), numbers * 4);
    });
    expect(await refused(sparse)).toMatch(/declares weights of 4398046511104 bytes, which takes 8.8 TB of memory/);
  });
});

describe('a config', () => {
  const data = plainShape([10], 2);
  const build = (layers: object[]) => createModel({ layers } as never, data, 1, false);

  it.each([
    ['a layer', [{ dense: { units: giant } }]],
    ['a recurrent layer', [{ reshape: { targetShape: [10, 1] } }, { lstm: { units: 2 ** 22 } }]],
    ['an embedding', [{ embedding: { inputDim: giant, outputDim: 4 } }, { flatten: {} }, { dense: { units: 2 } }]],
    ['layers together', Array.from({ length: 64 }, () => ({ dense: { units: 2 ** 17 } }))],
  ])('%s that no memory holds is refused before a weight is made', async (_, layers) => {
    await expect(build(layers)).rejects.toThrow(/which takes .* of memory, and there are/);
    // What was counted of one model is not of the next.
    expect((await build([{ dense: { units: 2 } }])).model.countParams()).toBe(22);
  });

  it('a step whose numbers no memory holds is refused before the engine is asked, by the kernel', async () => {
    // Rows of a shard times places times units, where the weights are few.
    const layers = [{ repeatVector: { n: 2 ** 14 } }, { dense: { units: 1024 } }, { globalAveragePooling1d: {} }];
    const step = await createStepModel(
      specOf({ layers: [...layers, { dense: { units: 1 } }], input: [10], target: [1] } as never),
    );
    expect(() => compileGradients(step, 2 ** 20)).toThrow(
      /of the model makes a tensor of 1048576 x .* numbers for one shard of examples, which takes .* use a smaller training/,
    );
  });

  it('an example that no memory holds is refused, and one is not that goes to disk', () => {
    expect(() => new RowWriter(giant, 'float32', 1e6)).toThrow(
      /an example of 70368744177664 numbers, which takes 281 TB/,
    );
    expect(new RowWriter(1000, 'float32', 1e3).count).toBe(0);
  });
});
