/** Tensors between subgraphs share memory where they are not needed at the same time, and never where they are. */
import { expect, it } from 'vitest';
import { memoryPlan, requireRoom } from '../../src/engine/onnx/memory-plan.js';
import type { CutGraph, Subgraph } from '../../src/engine/onnx/subgraphs.js';
import { lcg } from '../support/engines.js';

const part = (inputs: string[], outputs: string[]): Subgraph => ({
  ...{ kind: 'session', bytes: new Uint8Array(), inputs, outputs },
});
const tensor = (name: string, length: number) => ({ name, type: 'float32' as const, shape: [length] });

it('gives a place again once its tensor has been read', () => {
  const graph: CutGraph = {
    subgraphs: [part([], ['a']), part(['a'], ['b']), part(['b'], ['c', 'gradient0']), part(['c'], ['loss'])],
    written: ['a', 'b', 'c', 'gradient0', 'loss'].map((name) => tensor(name, 16)),
  };
  const { bytes, places } = memoryPlan(graph, (name) => name === 'gradient0');
  expect(Object.fromEntries(places)).toEqual({ a: 0, b: 64, c: 0, loss: 64 });
  expect(bytes).toBe(128);
});

it('lets a kernel write where it has read, and nobody reads after it', () => {
  const kernel = (inputs: string[], outputs: string[]): Subgraph => ({
    ...{ kind: 'kernel', kernel: 'crossEntropyGradient', inputs, outputs, numbers: [4, 4] },
  });
  const given = ['x', 'targets', 'greatest', 'sums', 'dy'];
  const graphOf = (...last: Subgraph[]): CutGraph => ({
    subgraphs: [part([], given), kernel(given, ['dx']), ...last],
    written: [...given, 'dx', 'y', 'z'].map((name) => tensor(name, 16)),
  });
  const once = memoryPlan(graphOf(part(['dx'], ['y']), part(['y'], ['z'])), () => false).places;
  expect(once.get('dx')).toBe(once.get('x'));
  expect(once.get('y')).not.toBe(once.get('dx'));
  const twice = memoryPlan(graphOf(part(['dx'], ['y']), part(['y', 'x'], ['z'])), () => false).places;
  expect([...given, 'y'].map((name) => twice.get(name))).not.toContain(twice.get('dx'));
});

it('never puts two tensors into one place at a time, and begins each at a multiple of 64 bytes', () => {
  const random = lcg(5);
  const pick = (n: number) => Math.floor(random() * n);
  const names = Array.from({ length: 40 }, (_, i) => `t${i}`);
  const subgraphs = names.map((name, i) => part(i === 0 ? [] : [`t${pick(i)}`, `t${i - 1}`], [name]));
  const written = names.map((name) => tensor(name, 1 + pick(100)));
  const { bytes, places } = memoryPlan({ subgraphs, written }, () => false);
  const lastRead = (name: string) => subgraphs.findLastIndex(({ inputs }) => inputs.includes(name));
  names.forEach((a, i) => {
    expect(places.get(a)! % 64).toBe(0);
    const [start, size] = [places.get(a)!, written[i].shape[0] * 4];
    expect(start + size).toBeLessThanOrEqual(bytes);
    names.slice(i + 1).forEach((b, k) => {
      const isApart = lastRead(a) >= 0 && lastRead(a) < i + 1 + k;
      const other = places.get(b)!;
      const isBeside = start + size <= other || other + written[i + 1 + k].shape[0] * 4 <= start;
      expect(isApart || isBeside).toBe(true);
    });
  });
  expect(bytes).toBeLessThan(written.reduce((sum, { shape }) => sum + 64 * Math.ceil(shape[0] / 16), 0));
});

it('refuses what kernels cannot reach', () => {
  const parts = (rows: number): CutGraph =>
    ({
      subgraphs: [
        { kind: 'session', inputs: [], outputs: ['a'] },
        { kind: 'session', inputs: ['a'], outputs: ['gradient0'] },
      ],
      written: ['a', 'gradient0'].map((name) => ({ name, type: 'float32', shape: [rows, 1024] })),
    }) as unknown as CutGraph;
  expect(() => requireRoom(parts(2 ** 20), 1, 'a shard', 'use more')).not.toThrow();
  expect(() => requireRoom(parts(2 ** 20 + 1), 1, 'a shard', 'use more')).toThrow(
    /^a shard has 4\.\d* GB of numbers between the parts of its graph, which can be 4\.\d* GB at most/,
  );
});
