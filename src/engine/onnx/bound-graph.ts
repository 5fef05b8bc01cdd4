/** A cut graph made ready to run: its subgraphs one after the other, on tensors where they lie. */
import { loadPoolingKernels } from '../../kernels/load-kernels.js';
import { createSession, type Session, type SessionTensors } from './runtime.js';
import type { CutGraph } from './subgraphs.js';

/** One for each subgraph that ONNX Runtime computes, in their order. */
export const sessionsOf = ({ subgraphs }: Pick<CutGraph, 'subgraphs'>): Session[] =>
  subgraphs.flatMap((subgraph) => (subgraph.kind === 'session' ? [createSession(subgraph.bytes)] : []));

/**
 * @param tensors all that subgraphs read and write
 * @param memory holds what they write, where kernels can reach it
 * @returns runs all subgraphs in this thread
 */
export function boundGraph(
  { subgraphs }: Pick<CutGraph, 'subgraphs'>,
  sessions: readonly Session[],
  tensors: SessionTensors,
  memory: WebAssembly.Memory,
): () => void {
  const pick = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, tensors[name]]));
  const left = sessions.values();
  const parts = subgraphs.map((subgraph) => {
    if (subgraph.kind === 'session') return left.next().value!.bind(pick(subgraph.inputs), pick(subgraph.outputs));
    const kernels = loadPoolingKernels(memory) as unknown as Record<string, (...numbers: number[]) => void>;
    const addresses = [...subgraph.inputs, subgraph.output].map((name) => tensors[name].data.byteOffset);
    return () => kernels[subgraph.kernel](...addresses, ...subgraph.numbers);
  });
  return () => {
    for (const part of parts) part();
  };
}
