/** Looks before a run whether ONNX Runtime takes a graph, so that what it refuses is said by the name of the kernel. */

import { UnsupportedModelError } from '../../errors.js';
import { sha256 } from '../../ground/checksum.js';
import type { StepGraph } from './graph.js';
import { checkModel } from './runtime.js';
import { type CutGraph, cutGraph } from './subgraphs.js';

/** Hashes of what the library took: looking costs as much as a session, and sweeps train the same graphs again and again. */
const known = new Set<string>();

/** The graph in stages, of which the library takes each. @throws UnsupportedModelError naming the kernel that it refuses */
export function accepted(graph: StepGraph): CutGraph {
  const staged = cutGraph(graph);
  const check = ({ stages }: CutGraph) => {
    for (const stage of stages) {
      if (stage.kind !== 'session') continue;
      const hash = sha256(stage.bytes);
      if (known.has(hash)) continue;
      checkModel(stage.bytes);
      known.add(hash);
    }
  };
  try {
    check(staged);
    return staged;
  } catch (error) {
    throw refusal(graph, error as Error, check);
  }
}

/** Again with names of kernels in the place of no names: what the library says then says which it is. */
function refusal(graph: StepGraph, first: Error, check: (staged: CutGraph) => void): Error {
  let { message } = first;
  try {
    check(cutGraph(graph, true));
  } catch (error) {
    message = (error as Error).message;
  }
  const [, one, other] = /node \((\w+)\)|Name:\s?'(\w+)'/i.exec(message) ?? [];
  const [reason] = message.split('\n');
  return new UnsupportedModelError(
    `ONNX Runtime refuses the tfjs kernel ${one ?? other ?? 'of one of the layers'} (${reason})`,
    'use --engine tfjs, or change the layer that needs it',
  );
}
