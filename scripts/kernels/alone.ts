/** Runs one kernel call of tfjs by itself: lowered to a graph of its own, compiled, and computed by ONNX Runtime. */
import { sha256 } from '../../src/data/checksum.js';
import { elements } from '../../src/data/field.js';
import { PrivateMemory } from '../../src/engine/memory.js';
import { GraphBuilder, type Value } from '../../src/engine/onnx/graph.js';
import { inspectModel } from '../../src/engine/onnx/inspect.js';
import type { ElementType } from '../../src/engine/onnx/proto.js';
import { createSession, type Tensor, type Tensors } from '../../src/engine/onnx/runtime.js';
import { type StagedGraph, stageGraph } from '../../src/engine/onnx/stages.js';
import { lower } from '../../src/engine/onnx/tracer.js';
import { loadPoolKernels } from '../../src/kernels/load.js';

/** How a call's inputs enter its graph: from outside, as data known at trace time, or channels-first as convolutions leave them. */
export const modes = ['inputs', 'constants', 'turned'] as const;
export type Mode = (typeof modes)[number];

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

interface Compiled {
  readonly staged: StagedGraph;
  readonly fed: ReadonlyMap<string, Numbers>;
  readonly outputs: readonly string[];
}

/** @throws UnsupportedModelError when the call has no lowering */
function compile({ kernel, inputs, attributes }: Call, mode: Mode): Compiled {
  const graph = new GraphBuilder(true);
  const fed = new Map<string, Numbers>();
  const feed = (numbers: Numbers): Value => {
    const name = `x${fed.size}`;
    fed.set(name, numbers);
    return graph.input(name, numbers.shape, numbers.type);
  };
  const values = Object.entries(inputs).map(([name, numbers]): [string, Value] => {
    const { type, shape, data } = numbers;
    if (mode === 'constants') return [name, graph.constant(data, shape, type)];
    if (mode === 'inputs' || shape.length !== 4) return [name, feed(numbers)];
    const turned = feed(channelsFirst(numbers));
    return [name, graph.channelsFirstValue(graph.rows(turned), shape, type)];
  });
  const results = [lower(graph, kernel, Object.fromEntries(values), attributes as never)].flat();
  const outputs = results.map((value, i) => {
    graph.output(`y${i}`, value, true);
    return `y${i}`;
  });
  return { staged: stageGraph(graph.build()), fed, outputs };
}

interface Prepared {
  readonly tensors: Tensors;
  readonly run: () => void;
}

/** Compiled calls by what they are compiled to: tests repeat themselves. */
const known = new Map<string, Prepared>();

function prepare({ staged, fed }: Compiled): Prepared {
  const parts = staged.stages.map((stage) => (stage.kind === 'session' ? stage.bytes : JSON.stringify(stage)));
  const key = sha256(...parts);
  const found = known.get(key);
  if (found) return found;
  const read = new Set(staged.stages.flatMap(({ inputs }) => inputs));
  const ports = [
    ...staged.written,
    ...[...fed].filter(([name]) => read.has(name)).map(([name, { type, shape }]) => ({ name, type, shape })),
  ];
  const memory = new PrivateMemory(ports.map(({ shape }) => elements(shape) * 4));
  const take = (type: ElementType, length: number) =>
    memory.values(type === 'float32' || type === 'int32' ? type : 'uint8', length);
  const tensors = Object.fromEntries(
    ports.map(({ name, type, shape }): [string, Tensor] => [name, { type, shape, data: take(type, elements(shape)) }]),
  );
  const pick = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, tensors[name]]));
  const runs = staged.stages.map((stage) => {
    if (stage.kind === 'session') {
      // Whatever the compiler writes, a worker that is sent it lets pass.
      inspectModel(stage.bytes);
      return createSession(stage.bytes).bind(pick(stage.inputs), pick(stage.outputs));
    }
    const kernels = loadPoolKernels(memory.memory) as unknown as Record<string, (...numbers: number[]) => void>;
    const addresses = [...stage.inputs, stage.output].map((name) => tensors[name].data.byteOffset);
    return () => kernels[stage.kernel](...addresses, ...stage.numbers);
  });
  // Each has a memory of its own, and a process has room for so many.
  if (known.size >= 1000) known.clear();
  const prepared = { tensors, run: () => runs.forEach((run) => void run()) };
  known.set(key, prepared);
  return prepared;
}

/**
 * @throws UnsupportedModelError when the call has no lowering; anything else that is thrown is a fault of the compiled engine
 */
export function runAlone(call: Call, mode: Mode): Numbers[] {
  const compiled = compile(call, mode);
  const { tensors, run } = prepare(compiled);
  for (const [name, { data }] of compiled.fed) tensors[name]?.data.set(data);
  run();
  return compiled.outputs.map((name) => {
    const { type, shape, data } = tensors[name];
    return { type, shape, data: data.slice() as TypedArray };
  });
}
