/** ONNX Runtime by its C API: it reads and writes where the numbers are, refuses what does not fit, and frees what it held. */
import { execFile } from 'node:child_process';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { encodeModel, type OnnxNode } from '../../src/engine/onnx/proto.js';
import { createSession, runtimeVersion } from '../../src/engine/onnx/runtime.js';
import type { SessionTensor } from '../../src/engine/onnx/session-tensor.js';
import { compiled } from '../support/package.js';

const port = (name: string, shape: number[]) => ({ name, shape, type: 'float32' as const });
const product: OnnxNode = { op: 'MatMul', inputs: ['a', 'b'], outputs: ['c'], attributes: {} };

/** c = a b for a [m, k], b [k, n]. */
const model = (m: number, k: number, n: number, nodes = [product]) =>
  encodeModel({
    nodes,
    inputs: [port('a', [m, k]), port('b', [k, n])],
    outputs: [port('c', [m, n])],
    constants: [],
  });

const tensor = (shape: number[], data: Float32Array): SessionTensor => ({ type: 'float32', shape, data });
const filled = (shape: number[], values: number[]) => tensor(shape, Float32Array.from(values));

it('is the pinned version', () => {
  expect(runtimeVersion()).toBe('1.30.0');
});

it('computes in memory that threads share, again and again, and sees what changes there', () => {
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const [a, b, c] = [0, 256, 512].map((offset) => new Float32Array(buffer, offset, 4));
  a.set([1, 2, 3, 4]);
  b.set([1, 0, 0, 1]);
  const session = createSession(model(2, 2, 2));
  const run = session.bind({ a: tensor([2, 2], a), b: tensor([2, 2], b) }, { c: tensor([2, 2], c) });
  run();
  expect([...c]).toEqual([1, 2, 3, 4]);
  b.set([0, 1, 1, 0]);
  run();
  expect([...c]).toEqual([2, 1, 4, 3]);
  // A second set of tensors leaves the first as it is.
  const other = new Float32Array(buffer, 1024, 4);
  session.bind({ a: tensor([2, 2], b), b: tensor([2, 2], b) }, { c: tensor([2, 2], other) })();
  expect([...other]).toEqual([1, 0, 0, 1]);
  a.set([5, 6, 7, 8]);
  run();
  expect([...c]).toEqual([6, 5, 8, 7]);
  session.release();
  session.release();
});

it('refuses tensors that are not those of the model', () => {
  const session = createSession(model(2, 2, 2));
  const four = () => filled([2, 2], [1, 2, 3, 4]);
  expect(() => session.bind({ a: four(), b: filled([2, 2], [1]) }, { c: four() })).toThrow(
    'tensor b of shape [2, 2] was given 1 numbers',
  );
  expect(() => session.bind({ a: four(), other: four() }, { c: four() })).toThrow(/other/);
  expect(() => session.bind({ a: four() }, { c: four() })).toThrow('has 2 inputs or outputs where these are given: a');
  expect(() => session.bind({ a: four(), b: four() }, {})).toThrow('has 1 inputs or outputs');
  // The rest shows in the first run.
  expect(session.bind({ a: four(), b: four() }, { d: four() })).toThrow(/d/);
  expect(session.bind({ a: four(), b: filled([1, 4], [1, 2, 3, 4]) }, { c: four() })).toThrow(/b.*\n.*Got: 1/s);
  expect(session.bind({ a: four(), b: four() }, { c: filled([2, 1], [1, 2]) })).toThrow(/output: c/);
  const bytes: SessionTensor = { type: 'uint8', shape: [2, 2], data: new Uint8Array(4) };
  expect(session.bind({ a: four(), b: bytes }, { c: four() })).toThrow(/uint8/);
  // And is none the worse for it.
  const c = four();
  session.bind({ a: four(), b: four() }, { c })();
  expect([...c.data]).toEqual([7, 10, 15, 22]);
  session.release();
});

it('holds the memory of a run once, however many there are', () => {
  // Eight tensors of 8 MB that are all needed at the end.
  const made = Array.from({ length: 8 }, (_, i) => `t${i}`);
  const nodes = made.map(
    (name, i): OnnxNode => ({ op: 'Sin', inputs: [made[i - 1] ?? 'a'], outputs: [name], attributes: {} }),
  );
  const sum: OnnxNode = { op: 'Concat', inputs: made, outputs: ['all'], attributes: { axis: 0 } };
  const total: OnnxNode = { op: 'ReduceMax', inputs: ['all'], outputs: ['c'], attributes: { keepdims: 0 } };
  const length = 2 ** 21;
  const parts = {
    nodes: [...nodes, sum, total],
    inputs: [port('a', [length])],
    outputs: [port('c', [])],
    constants: [],
  };
  const session = createSession(encodeModel(parts));
  const run = session.bind({ a: tensor([length], new Float32Array(length)) }, { c: tensor([], new Float32Array(1)) });
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 3; i++) run();
  const block = 16 * length * 4;
  expect(process.memoryUsage.rss() - before).toBeGreaterThan(0.8 * block);
  expect(process.memoryUsage.rss() - before).toBeLessThan(1.5 * block);
  session.release();
});

it('writes nothing beyond a tensor, whatever a model that does not say its sizes computes', () => {
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const all = new Float32Array(buffer).fill(7);
  const named = (name: string, ...shape: string[]) => ({ name, shape, type: 'float32' as const });
  const session = createSession(
    encodeModel({
      nodes: [product],
      inputs: [named('a', 'm', 'k'), named('b', 'k', 'n')],
      outputs: [named('c', 'm', 'n')],
      constants: [],
    }),
  );
  const four = filled([4, 4], Array(16).fill(1));
  for (const shape of [[2, 2], [4, 3], [16], [4, 4, 1]]) {
    const c = tensor(
      shape,
      all.subarray(
        0,
        shape.reduce((a, b) => a * b),
      ),
    );
    expect(session.bind({ a: four, b: four }, { c }), `${shape}`).toThrow(/shape|rank|dimension/i);
  }
  expect(all.every((value) => value === 7)).toBe(true);
  session.bind({ a: four, b: four }, { c: tensor([4, 4], all.subarray(0, 16)) })();
  expect([...all.subarray(0, 17)]).toEqual([...Array(16).fill(4), 7]);
  session.release();
});

it('refuses what is no model', () => {
  expect(() => createSession(Uint8Array.of(1, 2, 3))).toThrow(/Protobuf|parse|load/i);
  expect(() => createSession(model(2, 2, 2, [{ ...product, op: 'Multiply' }]))).toThrow(/Multiply/);
});

const runtimeModule = JSON.stringify(compiled('src/engine/onnx/runtime.js').href);
const protoModule = JSON.stringify(compiled('src/engine/onnx/proto.js').href);

/** Megabytes by which a process grows that makes and runs sessions, each of which holds 2 MB at least, and then does `after`. */
async function growth(after: string): Promise<number> {
  const script = `
    import { encodeModel } from ${protoModule};
    import { createSession } from ${runtimeModule};
    // What goes between three steps are two tensors at a time.
    const [side, steps] = [512, 3];
    const data = new Float32Array(side * side);
    const shape = [side, side];
    const square = () => ({ type: 'float32', shape, data });
    const port = (name) => ({ name, shape, type: 'float32' });
    const nodes = Array.from({ length: steps }, (_, i) => {
      const [from, to] = [i === 0 ? 'a' : 't' + i, i === steps - 1 ? 'c' : 't' + (i + 1)];
      return { op: 'MatMul', inputs: [from, 'b'], outputs: [to], attributes: {} };
    });
    const model = encodeModel({ nodes, inputs: [port('a'), port('b')], outputs: [port('c')], constants: [] });
    async function use() {
      const session = createSession(model);
      const run = session.bind({ a: square(), b: square() }, { c: square() });
      run();
      ${after}
    }
    const megabytes = () => process.memoryUsage().rss / 2 ** 20;
    for (let i = 0; i < 10; i++) await use();
    const before = megabytes();
    for (let i = 0; i < 60; i++) await use();
    console.log(megabytes() - before);`;
  const { stdout } = await promisify(execFile)(execPath, ['--expose-gc', '--input-type=module', '-e', script]);
  return Number(stdout);
}

it('frees what sessions held that are released, and those that nobody can run any more', async () => {
  expect(await growth('session.release();')).toBeLessThan(30);
  expect(await growth('await new Promise((done) => setTimeout(done)); gc();')).toBeLessThan(30);
  // Without either it would show.
  expect(await growth('(globalThis.kept ??= []).push(run);')).toBeGreaterThan(60);
});
