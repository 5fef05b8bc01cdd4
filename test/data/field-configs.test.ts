import { describe, expect, it } from 'vitest';
import { dataConfigOf } from '../../coordinator/prepare/specs.js';
import { dataSchema } from '../../src/config/data.js';
import { defineConfig } from '../../src/config/define.js';

const base = { source: 'csv', file: 'a.csv' };
it.each([
  [{ inputs: { a: 'x' }, features: ['x'], target: 'y' }, 'features: stands beside data.inputs'],
  [{ targets: { a: 'x' }, target: 'y' }, 'target: stands beside data.targets'],
  [{ targets: { a: 'x' }, targetType: 'class' }, 'targetType: stands beside data.targets'],
  [{ targets: { a: 'x' }, standardizeTargets: true }, 'standardizeTargets: stands beside data.targets'],
  [{}, 'target: is missing'],
  [{ inputs: {}, target: 'y' }, 'inputs: names no field'],
  [{ inputs: { a: 'x' }, targets: { a: 'y' } }, 'targets.a: is the name of an input too'],
])('refuses %j', (data, text) => {
  const issues = dataSchema.safeParse({ ...base, ...data }).error?.issues ?? [];
  expect(issues.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([expect.stringContaining(text)]);
});

it.each(['1st', 'a-b', 'a b', '', 'a'.repeat(49), 'features', 'weights'])(
  'refuses %j as the name of a field',
  (name) => {
    const given = { model: { layers: ['flatten'] }, loss: 'meanSquaredError', training: { epochs: 1, batchSize: 1 } };
    const config = { ...given, data: { ...base, target: 'y', inputs: { [name]: 'x' } } } as Parameters<
      typeof defineConfig
    >[0];
    expect(() => defineConfig(config)).toThrow(/data\.inputs.*: ".*" is (?:no name of a field|what fields are called)/);
  },
);

describe('a loss decides what its target is', () => {
  const config = (targets: object, loss: object | string) =>
    defineConfig({
      data: { ...base, inputs: { a: 'x' }, targets },
      model: { layers: ['flatten'] },
      loss,
      training: { epochs: 1, batchSize: 1 },
    } as Parameters<typeof defineConfig>[0]);

  it('classes where it takes nothing else, by the name of the target', () => {
    const loss = { a1: 'meanSquaredError', b1: 'sparseCategoricalCrossentropy', c1: 'categoricalCrossentropy' };
    const defined = config({ a1: 'p', b1: 'q', c1: ['r', 's'] }, loss);
    expect(defined.data).toMatchObject({ targets: { a1: 'p', b1: { column: 'q', type: 'class' }, c1: ['r', 's'] } });
    expect(defineConfig(defined as Parameters<typeof defineConfig>[0])).toEqual(defined);
    const one = config({ b1: 'q' }, 'sparseCategoricalCrossentropy');
    expect(one.data).toMatchObject({ targets: { b1: { column: 'q', type: 'class' } } });
  });

  it('and whether it may be standardized', () => {
    const asked = { y: { column: 'q', standardize: true } };
    expect(() => config(asked, { y: 'binaryCrossentropy' })).toThrow(
      /data.targets.y: its loss is binaryCrossentropy, which takes no standardized targets/,
    );
    expect(() => config({ y: { ...asked.y, type: 'class' } }, { y: 'huber' })).toThrow(/classes, which have no mean/);
    expect(config(asked, { y: 'huber' }).data).toMatchObject({ targets: asked });
  });
});

describe('a list of layers', () => {
  const config = (layers: object[], data: object = {}) =>
    defineConfig({
      data: { ...base, targets: { y: 'y' }, ...data },
      model: { layers },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 1 },
    } as Parameters<typeof defineConfig>[0]);
  const embedding = (from: string, inputDim: unknown) => ({ embedding: { from, inputDim, outputDim: 2 } });

  it('has the column coded that its embedding reads with inputDim: categories', () => {
    const inputs = { user: 'userId', film: { index: 'film' }, rest: ['a', 'b'], other: 'c' };
    const layers = [embedding('user', 'categories'), embedding('film', 'categories'), embedding('other', 10)];
    expect(dataConfigOf(config(layers, { inputs }))).toMatchObject({
      inputs: {
        user: { index: 'userId' },
        film: { index: 'film' },
        rest: ['a', 'b'],
        other: { columns: 'c', standardize: false },
      },
    });
  });

  it('refuses to fill ids with their mean', () => {
    const inputs = { other: 'c' };
    expect(() => dataConfigOf(config([embedding('other', 10)], { inputs, missing: 'mean' }))).toThrow(
      'ids have no mean',
    );
    const coded = dataConfigOf(config([embedding('other', 'categories')], { inputs, missing: 'mean' }));
    expect(coded).toMatchObject({ inputs: { other: { index: 'c' } } });
  });
});
