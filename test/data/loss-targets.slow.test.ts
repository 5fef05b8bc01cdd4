/**
 * Every loss on every kind of target: the loss that Keras computes, or an error that names the row and a remedy that works.
 * Expected values: Keras 3.15.1, by scripts/peers/losses_and_metrics.py.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { LockstepError } from '../../src/errors.js';
import { metricsOf } from '../support/evaluated.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { trained } from '../support/runs.js';
import { npyFile } from '../support/tables.js';
import { configOf, configWith, golden, lossOf, prepared, type Row } from '../support/targets.js';

const folder = temporaryFolder();
const losses = Object.keys(golden.losses);
const kinds = Object.keys(golden.targets);
const numbers = kinds.filter((kind) => !kind.startsWith('classes'));

/** What each loss takes; all else is refused. */
const takes: Readonly<Record<string, readonly string[]>> = {
  meanSquaredError: numbers,
  meanAbsoluteError: numbers,
  huber: numbers,
  binaryCrossentropy: ['zeroOne', 'soft', 'oneHot', 'multiHot', 'softRows', 'offRows', 'classes2'],
  categoricalCrossentropy: ['oneHot', 'softRows', 'classes2', 'classes3'],
  sparseCategoricalCrossentropy: ['classes2', 'classes3'],
  hinge: ['zeroOne', 'signs', 'oneHot', 'multiHot', 'classes2'],
};
/** The first row that is out of the range of the loss, and what it holds. */
const wrong: Readonly<Record<string, Readonly<Record<string, [row: number, holds: string]>>>> = {
  binaryCrossentropy: {
    signs: [1, '-1'],
    oneTwo: [0, '2'],
    hundred: [0, '100'],
    real: [0, '3.5'],
    counts: [0, '3'],
    threeSigns: [1, '-1'],
    realRows: [0, '-2'],
  },
  categoricalCrossentropy: {
    multiHot: [0, '[1, 1, 0]'],
    offRows: [0, '[0.5, 0.5, 0.25]'],
    realRows: [0, '[0.5, -2, 3]'],
  },
  hinge: {
    oneTwo: [0, '2'],
    hundred: [0, '100'],
    soft: [0, '0.9'],
    real: [0, '3.5'],
    counts: [0, '3'],
    threeSigns: [2, '0'],
    softRows: [0, '0.5'],
    offRows: [0, '0.5'],
    realRows: [0, '0.5'],
  },
};

const failureOf = (config: RunConfig): Promise<LockstepError> =>
  prepared(config).then(
    () => {
      throw new Error('was accepted');
    },
    (error) => {
      expect(error).toBeInstanceOf(LockstepError);
      expect(error.exitCode).toBe(2);
      return error;
    },
  );

describe.each(losses)('%s', (loss) => {
  it.each(takes[loss])('takes %s as Keras does', async (kind) => {
    const expected = golden.losses[loss][kind]!;
    const actual = await lossOf(configOf(loss, kind, golden.targets[kind]));
    expect(Math.abs(actual - expected)).toBeLessThan(2e-6 * Math.max(1, expected));
  });

  it.each(kinds.filter((kind) => !takes[loss].includes(kind)))('refuses %s, with a remedy that works', async (kind) => {
    const targets = golden.targets[kind];
    const error = await failureOf(configOf(loss, kind, targets));
    const [row, value] = wrong[loss]?.[kind] ?? [];
    if (row === undefined) expect(error.problem).toMatch(/class|takes/);
    else expect(error.problem).toMatch(`data.targets.${row} holds ${value}, and loss ${loss} takes`);
    await followed(error.remedy, loss, kind, targets);
  });
});

/** Does what a remedy says, word for word, until the loss takes the targets. */
async function followed(remedy: string, loss: string, kind: string, targets: Row[], left = 3): Promise<void> {
  const two = /^write 0 for (\S+) and 1 for (\S+)$|^number them (0) and (1)/.exec(remedy);
  const other = /\buse (\w+)/.exec(remedy);
  let next = { loss, kind, targets };
  if (two?.[1])
    next = { ...next, targets: targets.map((row) => [row].flat().map((v) => Number(v === Number(two[2])))) };
  else if (two) throw new Error(`no kind of target here is for ${remedy}`);
  else if (remedy === 'divide each row by its sum') {
    const sum = (row: number[]) => row.reduce((a, b) => a + b, 0);
    next = { ...next, targets: targets.map((row) => [row].flat().map((v, _, all) => v / sum(all))) };
  } else if (/^set data.classes: (\d+)$/.test(remedy)) {
    next = { ...next, kind: `classes${remedy.split(': ')[1]}`, targets: targets.map((row) => [row].flat()[0]) };
  } else if (other) next = { ...next, loss: other[1] };
  else throw new Error(`cannot be followed: ${remedy}`);
  try {
    await lossOf(configOf(next.loss, next.kind, next.targets));
  } catch (error) {
    if (!(error instanceof LockstepError) || left === 0) throw error;
    await followed(error.remedy, next.loss, next.kind, next.targets, left - 1);
  }
}

/** Tables and arrays, which a remedy can tell to take targets as classes. */
const written = (source: string, targets: readonly Row[], name: string): object => {
  const rows = targets.map((row) => [row].flat());
  const width = rows[0].length;
  if (source === 'csv') {
    const names = width === 1 ? ['y'] : rows[0].map((_, i) => `y${i}`);
    const lines = rows.map((row, i) => `${golden.features[1][i]},${row.join()}`);
    writeFileSync(join(folder, `${name}.csv`), `x,${names.join()}\n${lines.join('\n')}\n`);
    return { source, file: join(folder, `${name}.csv`), target: width === 1 ? 'y' : names, validation: 0, test: 0 };
  }
  const features = Float32Array.from(golden.features[1].flat());
  const isWhole = rows.flat().every((value) => Number.isInteger(value));
  const values = isWhole ? Int8Array.from(rows.flat()) : Float32Array.from(rows.flat());
  const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer);
  writeFileSync(join(folder, `${name}.x.npy`), npyFile('<f4', [rows.length, 1], bytes(features)));
  writeFileSync(
    join(folder, `${name}.npy`),
    npyFile(isWhole ? '|i1' : '<f4', width === 1 ? [rows.length] : [rows.length, width], bytes(values)),
  );
  const files = { features: join(folder, `${name}.x.npy`), targets: join(folder, `${name}.npy`) };
  return { source, ...files, validation: 0, test: 0 };
};

describe.each(['csv', 'npy'])('targets in %s', (source) => {
  const twoValued = ['oneTwo', 'hundred', 'signs', 'zeroOne'];
  it.each(['binaryCrossentropy', 'hinge'])(
    'that are two numbers fit %s as they are, or by the remedy',
    async (loss) => {
      for (const kind of twoValued) {
        const name = `${loss}-${kind}`;
        const data = written(source, golden.targets[kind], name);
        const config = configWith(data, loss, 1);
        const fits = kind === 'zeroOne' || (kind === 'signs' && loss === 'hinge');
        const actual = fits ? await lossOf(config) : await lossOf(await remedied(config, data, source, kind, name));
        // Whatever codes the two classes, the loss is that of 0 and 1.
        const standardized = source === 'csv' ? standard(golden.features[1].flat()) : golden.features[1].flat();
        expect(actual).toBeCloseTo(plainTwo(loss, standardized, golden.targets.zeroOne.flat()), 5);
      }
    },
  );

  async function remedied(config: RunConfig, data: object, source: string, kind: string, name: string) {
    const { problem, remedy } = await failureOf(config);
    if (source === 'csv') {
      expect(problem).toContain(`${name}.csv, line `);
      expect(problem).toContain(': column y holds ');
      expect(remedy).toBe('set data.targetType: class');
      return configWith({ ...data, targetType: 'class' }, config.loss as string, 1);
    }
    // numpy.unique(y, return_inverse=True)[1], or (y == high).astype('u1')
    expect(remedy).toMatch(/^(number them 0 and 1, e.g. by numpy.unique|save 0 for \S+ and 1 for \S+, e.g. \(y == )/);
    const high = Math.max(...golden.targets[kind].flat());
    const coded = golden.targets[kind].map((row) => Number([row].flat()[0] === high));
    return configWith(written(source, coded, `${name}-coded`), config.loss as string, 1);
  }

  it('that are integers are what the loss makes of them', async () => {
    const cases: [loss: string, kind: string, units: number, classes: number | undefined][] = [
      ['sparseCategoricalCrossentropy', 'counts', source === 'csv' ? 5 : 8, source === 'csv' ? 5 : 8],
      ['binaryCrossentropy', 'multiHot', 3, undefined],
      ['categoricalCrossentropy', 'oneHot', 3, undefined],
      ['hinge', 'multiHot', 3, undefined],
      ['meanSquaredError', 'counts', 1, undefined],
      ['meanAbsoluteError', 'multiHot', 3, undefined],
      ['huber', 'signs', 1, undefined],
    ];
    for (const [loss, kind, units, classes] of cases) {
      const config = configWith(written(source, golden.targets[kind], `${loss}-${kind}-int`), loss, units, 'ones');
      const { dataset } = await prepared(config);
      expect([loss, partsOf(dataset.examples).classes]).toEqual([loss, classes]);
      expect(await lossOf(config)).toBeGreaterThan(0);
    }
  });

  it('that are rows of one 1 get the loss that they are for', async () => {
    const data = written(source, golden.targets.oneHot, 'one-hot-sparse');
    const { remedy } = await failureOf(configWith(data, 'sparseCategoricalCrossentropy', 3, 'ones'));
    expect(remedy).toContain('categoricalCrossentropy');
    await lossOf(configWith(data, 'categoricalCrossentropy', 3, 'ones'));
  });
});

const standard = (values: number[]) => {
  const mean = values.reduce((a, b) => a + b) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (value - mean) / deviation);
};
/** The definitions, on plain numbers. */
function plainTwo(loss: string, outputs: readonly number[], targets: readonly number[]): number {
  const each = outputs.map((x, i) =>
    loss === 'hinge'
      ? Math.max(0, 1 - x * (2 * targets[i] - 1))
      : -Math.log(targets[i] === 1 ? 1 / (1 + Math.exp(-x)) : 1 - 1 / (1 + Math.exp(-x))),
  );
  return each.reduce((a, b) => a + b) / each.length;
}

describe('a number that is none', () => {
  it.each(['nan', 'inf', '-inf'])('%s is refused with its row by every source', async (text) => {
    const value = Number(text.replace('inf', 'Infinity').replace('nan', 'NaN'));
    writeFileSync(join(folder, 'odd.csv'), `x,y\n1,0.5\n2,${text}\n`);
    const csv = { source: 'csv', file: join(folder, 'odd.csv'), target: 'y', missingValues: [], targetType: 'number' };
    writeFileSync(
      join(folder, 'odd.mjs'),
      `export default [1, ${value}].map((target) => ({ features: [1], target }));\n`,
    );
    const float = (values: number[]) => npyFile('<f4', [2], new Uint8Array(Float32Array.from(values).buffer));
    writeFileSync(join(folder, 'odd.npy'), float([0.5, value]));
    writeFileSync(join(folder, 'even.npy'), float([0.5, 1]));
    const npy = { source: 'npy', features: join(folder, 'even.npy'), targets: join(folder, 'odd.npy') };
    const module = { source: 'module', file: join(folder, 'odd.mjs') };
    const places = { csv: 'line 3', npy: 'row 1', module: 'example 1' };
    for (const [name, data] of Object.entries({ csv, npy, module })) {
      for (const loss of ['meanSquaredError', 'binaryCrossentropy', 'hinge']) {
        const config = configWith({ ...data, validation: 0, test: 0 }, loss, 1);
        expect((await failureOf(config)).problem).toContain(places[name as keyof typeof places]);
      }
    }
  });
});

describe('a whole run', () => {
  const data = (rows: readonly Row[], name: string) => written('csv', rows, name);
  const plain = (loss: string, from: object) => ({
    data: { ...from, validation: 0.5 },
    model: { layers: [{ dense: { units: 1 } }] },
    loss,
    training: { epochs: 1, batchSize: 'all' },
  });

  it('that would train on targets out of range writes nothing', async () => {
    const out = join(folder, 'out');
    const file = writeConfig(folder, 'off', plain('binaryCrossentropy', data(golden.targets.oneTwo, 'off')));
    const before = snapshot(folder);
    await expect(trained(file, [], out)).rejects.toThrow(/takes numbers from 0 to 1: set data.targetType: class/);
    expect(snapshot(folder)).toEqual(before);
  });

  it('reads 0 and 1 under hinge by the whole data set, in training and in every evaluation', async () => {
    // All targets of some split and of the other file are 1: by themselves they would be -1 and 1 as well.
    const file = writeConfig(folder, 'hinge', plain('hinge', data(golden.targets.zeroOne, 'hinge')));
    const signs = writeConfig(folder, 'signs', plain('hinge', data(golden.targets.signs, 'signs')));
    const run = await trained(file, [], join(folder, 'hinge-runs'));
    const other = await trained(signs, [], join(folder, 'hinge-runs'));
    expect(run.end.validation!.loss).toBe(other.end.validation!.loss);
    expect(run.end.sha256).toBe(other.end.sha256);
    writeFileSync(join(folder, 'ones.csv'), 'x,y\n0.5,1\n-1,1\n');
    writeFileSync(join(folder, 'zeros.csv'), 'x,y\n0.5,0\n-1,0\n');
    const lossAt = async (place: string, split: string) =>
      (await metricsOf(run.start.folder, { data: join(folder, `${split}.csv`), model: place as never })).loss;
    const [ones, zeros] = [await lossAt('final', 'ones'), await lossAt('final', 'zeros')];
    // max(0, 1 - x) of outputs x and of -x
    expect(ones + zeros).toBeGreaterThanOrEqual(2);
    expect(ones).not.toBe(zeros);
    await expect(evaluate(run.start.folder, { data: join(folder, 'off.csv') })).rejects.toThrow(
      'line 2: column y holds 2',
    );
  });
});
