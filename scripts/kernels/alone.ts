/** Runs one kernel call of tfjs by itself: lowered to a graph of its own, compiled, and computed by ONNX Runtime. */
import { inspect } from 'node:util';
import { boundGraph, sessionsOf } from '../../src/engine/onnx/bound-graph.js';
import { GraphBuilder } from '../../src/engine/onnx/graph.js';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import type { ElementType } from '../../src/engine/onnx/proto.js';
import type { SessionTensor, SessionTensors } from '../../src/engine/onnx/session-tensor.js';
import { modelsOf } from '../../src/engine/onnx/step-loop.js';
import type { StoredValue } from '../../src/engine/onnx/storage.js';
import { type CutGraph, cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { lower } from '../../src/engine/onnx/tracer.js';
import { PrivateMemory } from '../../src/engine/private-memory.js';
import { elements } from '../../src/ground/elements.js';

/** How a call's inputs enter its graph: from outside, as data known at trace time, or channels-first as convolutions leave them. */
export const modes = ['inputs', 'constants', 'turned'] as const;
export type Mode = (typeof modes)[number];

const arrays = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };
export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** Numbers of a tensor, row-major. */
export interface Numbers {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export interface Call {
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, Numbers>>;
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
}

/** [N, H, W, C] as [N, C, H, W]. */
function channelsFirst({ type, shape, data }: Numbers): Numbers {
  const [n, h, w, c] = shape as [number, number, number, number];
  const turned = data.slice();
  for (let i = 0; i < data.length; i++) {
    const [channel, pixel] = [i % c, Math.floor(i / c)];
    turned[(Math.floor(pixel / (h * w)) * c + channel) * h * w + (pixel % (h * w))] = data[i];
  }
  return { type, shape: [n, c, h, w], data: turned };
}

/** An input of a call on its way into the graph. */
interface Feed {
  readonly name: string;
  readonly input: string;
  readonly turned: boolean;
}

interface Compiled {
  readonly cut: CutGraph;
  readonly feeds: readonly (Feed & Pick<Numbers, 'type' | 'shape'>)[];
  readonly outputs: readonly string[];
}

/** @throws UnsupportedModelError when the call has no lowering */
function compile({ kernel, inputs, attributes }: Call, mode: Mode): Compiled {
  const graph = new GraphBuilder(true);
  const feeds: Compiled['feeds'][number][] = [];
  const feed = (input: string, { type, shape }: Numbers, turned = false): StoredValue => {
    const name = `x${feeds.length}`;
    feeds.push({ name, input, turned, type, shape });
    return graph.input(name, shape, type);
  };
  const values = Object.entries(inputs).map(([name, numbers]): [string, StoredValue] => {
    const { type, shape, data } = numbers;
    if (mode === 'constants') return [name, graph.constant(data, shape, type)];
    if (mode === 'inputs' || shape.length !== 4) return [name, feed(name, numbers)];
    const [n, h, w, c] = shape;
    const turned = feed(name, { ...numbers, shape: [n, c, h, w] }, true);
    return [name, graph.channelsFirstValue(graph.rows(turned), shape, type)];
  });
  const results = [lower(graph, kernel, Object.fromEntries(values), attributes as never)].flat();
  const outputs = results.map((value, i) => {
    graph.output(`y${i}`, value, true);
    return `y${i}`;
  });
  return { cut: cutGraph(graph.build()), feeds, outputs };
}

interface Prepared {
  readonly feeds: readonly Feed[];
  readonly tensors: SessionTensors;
  readonly outputs: readonly string[];
  readonly run: () => void;
}

function prepare({ cut, feeds, outputs }: Compiled): Prepared {
  const read = new Set(cut.subgraphs.flatMap(({ inputs }) => inputs));
  const ports = [...cut.written, ...feeds.filter(({ name }) => read.has(name))];
  // A memory of WebAssembly reserves addresses, of which a process has so many: only for those that need one.
  const takesKernels = cut.subgraphs.some(({ kind }) => kind !== 'session');
  const memory = takesKernels ? new PrivateMemory(ports.map(({ shape }) => elements(shape) * 4)) : undefined;
  const take = (type: ElementType, length: number): TypedArray => {
    const kind = type === 'float32' || type === 'int32' ? type : 'uint8';
    return memory ? memory.values(kind, length) : new arrays[kind](length);
  };
  const tensors = Object.fromEntries(
    ports.map(({ name, type, shape }): [string, SessionTensor] => [
      name,
      { type, shape, data: take(type, elements(shape)) },
    ]),
  );
  // Whatever the compiler writes, a worker that is sent it lets pass.
  for (const model of cut.subgraphs.flatMap(modelsOf)) inspectModel(model);
  const run = boundGraph(cut, sessionsOf(cut), tensors, memory?.memory as WebAssembly.Memory);
  return { feeds, tensors, outputs, run };
}

/** What the graph of a call depends on, as text. */
function signature({ kernel, inputs, attributes }: Call, mode: Mode): string {
  const known = Object.entries(inputs).map(([name, { type, shape, data }]) => [
    ...[name, type, shape],
    // Data that are known at trace time are part of the graph.
    mode === 'constants' && Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  ]);
  // JSON has neither NaN nor infinities nor -0.
  const exact = (_: string, value: unknown) => (typeof value === 'number' ? inspect(value) : value);
  return JSON.stringify([kernel, mode, known, attributes], exact);
}

/** Calls by their signatures, the latest last: tests repeat themselves, and mostly soon. */
const prepared = new Map<string, Prepared>();
const most = 6000;

function preparedOf(call: Call, mode: Mode): Prepared {
  const key = signature(call, mode);
  const found = prepared.get(key) ?? prepare(compile(call, mode));
  prepared.delete(key);
  prepared.set(key, found);
  if (prepared.size > most) prepared.delete(prepared.keys().next().value!);
  return found;
}

/**
 * @throws UnsupportedModelError when the call has no lowering; anything else that is thrown is a fault of the compiled engine
 */
export function runAlone(call: Call, mode: Mode): Numbers[] {
  const { feeds, tensors, outputs, run } = preparedOf(call, mode);
  for (const { name, input, turned } of feeds) {
    const numbers = call.inputs[input];
    tensors[name]?.data.set((turned ? channelsFirst(numbers) : numbers).data);
  }
  run();
  return outputs.map((name) => {
    const { type, shape, data } = tensors[name];
    return { type, shape, data: data.slice() as TypedArray };
  });
}
