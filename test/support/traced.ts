/** A function of tensors, compiled as a step is and run by ONNX Runtime. */
import tf = require('@tensorflow/tfjs-core');

import { boundGraph } from '../../src/engine/onnx/bound-graph.js';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import type { OnnxValue } from '../../src/engine/onnx/proto.js';
import { createSession } from '../../src/engine/onnx/runtime.js';
import type { SessionTensor } from '../../src/engine/onnx/session-tensor.js';
import { modelsOf } from '../../src/engine/onnx/step-loop.js';
import { type CutGraph, cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { PrivateMemory } from '../../src/engine/private-memory.js';
import { elements } from '../../src/ground/elements.js';

export interface Given {
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32';
  readonly data: Float32Array | Int32Array;
}
export interface Found {
  readonly shape: readonly number[];
  readonly type: string;
  readonly data: number[];
}

/** What `body` gives on backend `cpu`. */
export const eager = (body: (...inputs: tf.Tensor[]) => tf.Tensor[], inputs: readonly Given[]): Found[] =>
  tf.tidy(() =>
    body(...inputs.map(({ data, shape, type }) => tf.tensor(data, [...shape], type))).map((tensor) => ({
      shape: tensor.shape,
      type: tensor.dtype,
      data: [...tensor.dataSync()],
    })),
  );

/** How a function is compiled and run. */
interface Way {
  /** Whether as a step of ours, which may have loops, or as other programs are given it. */
  readonly isOurs?: boolean;
  /** That share one operator. */
  readonly threads?: number;
}

/** What `body` gives when it is compiled; its inputs are known only when it runs. */
export function compiled(
  body: (...inputs: tf.Tensor[]) => tf.Tensor[],
  inputs: readonly Given[],
  { isOurs = true, threads = 1 }: Way = {},
): Found[] {
  let outputs: { shape: readonly number[]; type: string }[] = [];
  const graph = trace(({ input, output }) => {
    const results = body(...inputs.map(({ shape, type }, i) => input(`x${i}`, shape, type)));
    outputs = results.map(({ shape, dtype }) => ({ shape, type: dtype }));
    results.forEach((result, i) => {
      output(`y${i}`, result, true);
    });
  }, isOurs);
  const found = ran(
    cutGraph(graph),
    inputs,
    outputs.map((_, i) => ({ name: `y${i}` })),
    { isOurs, threads },
  );
  return outputs.map(({ shape, type }, i) => ({ shape, type, data: found[i] }));
}

/** What a graph gives for its inputs `x0`, `x1`, ... */
export function ran(
  cut: CutGraph,
  inputs: readonly Given[],
  outputs: readonly { readonly name: string }[],
  { isOurs = true, threads = 1 }: Way = {},
): number[][] {
  const given = inputs.map(({ shape, type }, i): OnnxValue => ({ name: `x${i}`, shape, type }));
  const ports = [...given, ...cut.written];
  const memory = new PrivateMemory(ports.map(({ shape }) => elements(shape) * 4));
  const room = { float32: 'float32', int32: 'int32', bool: 'uint8', uint8: 'uint8', int64: 'uint8' } as const;
  const tensors = Object.fromEntries(
    ports.map(({ name, type, shape }): [string, SessionTensor] => {
      return [name, { type, shape, data: memory.values(room[type], elements(shape)) }];
    }),
  );
  inputs.forEach(({ data }, i) => {
    tensors[`x${i}`].data.set(data);
  });
  // Whatever the compiler writes, a worker that is sent it lets pass.
  if (isOurs) for (const model of cut.subgraphs.flatMap(modelsOf)) inspectModel(model);
  const sessions = cut.subgraphs.map((subgraph) => modelsOf(subgraph).map((model) => createSession(model, threads)));
  boundGraph(cut, sessions, tensors, memory.memory)();
  for (const session of sessions.flat()) session.release();
  return outputs.map(({ name }) => [...tensors[name].data]);
}
