/** A function of tensors, compiled as a step is and run by ONNX Runtime. */
import tf = require('@tensorflow/tfjs-core');

import { inspectModel } from '../../src/engine/onnx/inspect.js';
import type { OnnxValue } from '../../src/engine/onnx/proto.js';
import { createSession, type SessionTensor } from '../../src/engine/onnx/runtime.js';
import { cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { PrivateMemory } from '../../src/engine/private-memory.js';
import { elements } from '../../src/ground/elements.js';
import { loadPoolingKernels } from '../../src/kernels/load-kernels.js';

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

/** What `body` gives when it is compiled; its inputs are known only when it runs. */
export function compiled(body: (...inputs: tf.Tensor[]) => tf.Tensor[], inputs: readonly Given[]): Found[] {
  let outputs: { shape: readonly number[]; type: string }[] = [];
  const graph = trace(({ input, output }) => {
    const results = body(...inputs.map(({ shape, type }, i) => input(`x${i}`, shape, type)));
    outputs = results.map(({ shape, dtype }) => ({ shape, type: dtype }));
    results.forEach((result, i) => {
      output(`y${i}`, result, true);
    });
  }, true);
  const { subgraphs, written } = cutGraph(graph);
  const given = inputs.map(({ shape, type }, i): OnnxValue => ({ name: `x${i}`, shape, type }));
  const ports = [...given, ...written];
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
  const pick = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, tensors[name]]));
  for (const subgraph of subgraphs) {
    if (subgraph.kind === 'session') {
      // Whatever the compiler writes, a worker that is sent it lets pass.
      inspectModel(subgraph.bytes);
      const session = createSession(subgraph.bytes);
      session.bind(pick(subgraph.inputs), pick(subgraph.outputs))();
      session.release();
    } else {
      const kernels = loadPoolingKernels(memory.memory) as unknown as Record<string, (...numbers: number[]) => void>;
      kernels[subgraph.kernel](
        ...[...subgraph.inputs, subgraph.output].map((name) => tensors[name].data.byteOffset),
        ...subgraph.numbers,
      );
    }
  }
  return outputs.map(({ shape, type }, i) => ({ shape, type, data: [...tensors[`y${i}`].data] }));
}
