/** A cut graph made ready to run: its subgraphs one after the other, on tensors where they lie. */

import { elements } from '../../ground/elements.js';
import { type GraphKernels, loadGraphKernels } from '../../kernels/load-kernels.js';
import { createSession, type Session } from './runtime.js';
import type { SessionTensors } from './session-tensor.js';
import { type Loop, type LoopView, modelsOf, placeOf } from './step-loop.js';
import type { CutGraph, Subgraph } from './subgraphs.js';

type BoundRun = () => void;
type Subgraphs = Pick<CutGraph, 'subgraphs'>;

/** Those of each subgraph, in the order of their models. */
export const sessionsOf = ({ subgraphs }: Subgraphs): Session[][] =>
  subgraphs.map((subgraph) => modelsOf(subgraph).map((model) => createSession(model)));

/**
 * The loops of a graph bound to tensors, by their subgraphs: binding each of their steps takes long, and they touch only what
 * subgraphs write.
 */
export function boundLoops(
  { subgraphs }: Subgraphs,
  sessions: readonly (readonly Session[])[],
  tensors: SessionTensors,
  memory: WebAssembly.Memory,
): Map<Subgraph, BoundRun> {
  const loops = subgraphs.flatMap((subgraph, i): [Subgraph, BoundRun][] =>
    subgraph.kind === 'loop' ? [[subgraph, boundLoop(subgraph, sessions[i], tensors, memory)]] : [],
  );
  return new Map(loops);
}

/**
 * @param tensors all that subgraphs read and write
 * @param memory holds what they write, where kernels can reach it
 * @returns runs all subgraphs in this thread
 */
export function boundGraph(
  graph: Subgraphs,
  sessions: readonly (readonly Session[])[],
  tensors: SessionTensors,
  memory: WebAssembly.Memory,
  loops = boundLoops(graph, sessions, tensors, memory),
): BoundRun {
  const pick = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, tensors[name]]));
  let kernels: GraphKernels | undefined;
  const parts = graph.subgraphs.map((subgraph, i) => {
    if (subgraph.kind === 'loop') return loops.get(subgraph)!;
    if (subgraph.kind === 'session') return sessions[i][0].bind(pick(subgraph.inputs), pick(subgraph.outputs));
    kernels ??= loadGraphKernels(memory);
    const run = kernels[subgraph.kernel as keyof GraphKernels];
    const addresses = [...subgraph.inputs, ...subgraph.outputs].map((name) => tensors[name].data.byteOffset);
    const numbers = [...addresses, ...subgraph.numbers];
    return () => run(...numbers);
  });
  return () => {
    for (const part of parts) part();
  };
}

function boundLoop(
  { steps, begins, parts }: Loop,
  sessions: readonly Session[],
  tensors: SessionTensors,
  memory: WebAssembly.Memory,
): BoundRun {
  const numbersIn = (view: LoopView, k: number): Float32Array => {
    const place = placeOf(view, k);
    return (tensors[view.tensor].data as Float32Array).subarray(place, place + elements(view.shape));
  };
  const left = sessions.values();
  const bound = parts.map((part): ((k: number) => BoundRun) => {
    if (part.kind === 'kernel') {
      const kernels = loadGraphKernels(memory);
      return (k) => {
        const addresses = part.views.map((view) => numbersIn(view, k).byteOffset);
        return () => kernels[part.kernel](...addresses, ...part.numbers);
      };
    }
    const session = left.next().value!;
    const known = new Map<string, BoundRun>();
    const ports = (views: typeof part.inputs, k: number): SessionTensors =>
      Object.fromEntries(
        views.map(([port, view]) => [port, { type: 'float32', shape: view.shape, data: numbersIn(view, k) }]),
      );
    return (k) => {
      const [inputs, outputs] = [ports(part.inputs, k), ports(part.outputs, k)];
      const places = [...Object.values(inputs), ...Object.values(outputs)].map(({ data }) => data.byteOffset).join();
      const run = known.get(places) ?? session.bind(inputs, outputs);
      known.set(places, run);
      return run;
    };
  });
  const runs = Array.from({ length: steps }, (_, k) => bound.map((run) => run(k))).flat();
  const starts = begins.map(({ view, from }): BoundRun => {
    const numbers = numbersIn(view, 0);
    return from === undefined ? () => numbers.fill(0) : () => numbers.set(tensors[from].data);
  });
  return () => {
    for (const start of starts) start();
    for (const run of runs) run();
  };
}
