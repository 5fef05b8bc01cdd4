/** Looks before a run whether ONNX Runtime takes a graph, so that what it refuses is said by the name of the kernel. */

import type { Precision } from '../../config/training.js';
import { EngineError, UnsupportedModelError } from '../../errors.js';
import { sha256 } from '../../ground/checksum.js';
import { blockDomain } from './blocks.js';
import type { StepGraph } from './graph.js';
import { halfProducts } from './half-products.js';
import { chosenProvider } from './providers.js';
import { inBlocks } from './rewrites/blocked-products.js';
import { deviceRules } from './rewrites/device-rules.js';
import { rewritten } from './rewrites/rewrite.js';
import { unrolledLoops } from './rewrites/unrolled-loops.js';
import { checkRuns } from './runtime.js';
import { modelsOf } from './step-loop.js';
import { type CutGraph, cutGraph } from './subgraphs.js';

/** Hashes of subgraphs that ONNX Runtime took: checking one costs as much as making a session, and sweeps train the same graphs again. */
const known = new Set<string>();

/** A graph for this processor. */
export interface AcceptedGraph extends CutGraph {
  /** The same for any processor, where that is another one. */
  readonly portable?: CutGraph;
}

/** A graph for the chosen provider. */
function provided(traced: StepGraph, precision: Precision): StepGraph {
  const { inPlace } = chosenProvider();
  if (precision === 'float32') return inPlace ? inBlocks(traced) : rewritten(traced, [...deviceRules, unrolledLoops]);
  if (inPlace) return halfProducts(traced, false);
  // Products inside of loops stay in float32, as on processors.
  return rewritten(halfProducts(rewritten(traced, deviceRules), true), [unrolledLoops]);
}

/**
 * The graph as subgraphs, each of which ONNX Runtime takes.
 * @param precision of products
 * @param changed makes of it, for this processor and for any, what is run
 * @throws UnsupportedModelError naming the kernel that it refuses, EngineError where there is nothing to run it
 */
export function accepted(
  traced: StepGraph,
  precision: Precision = 'float32',
  changed = (graph: StepGraph) => graph,
): AcceptedGraph {
  const graph = changed(provided(traced, precision));
  const isPortable = graph.nodes.every(({ domain }) => domain !== blockDomain);
  // What a device leaves to the processor is told by these names.
  const cut = cutGraph(graph, !chosenProvider().inPlace);
  const check = ({ subgraphs }: CutGraph) => {
    for (const model of subgraphs.flatMap(modelsOf)) {
      const hash = sha256(model);
      if (known.has(hash)) continue;
      checkRuns(model);
      known.add(hash);
    }
  };
  try {
    check(cut);
    return isPortable ? cut : { ...cut, portable: cutGraph(changed(traced)) };
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw refusal(graph, error as Error, check);
  }
}

/** Checks the graph again with each node named after its tfjs kernel, so that ONNX Runtime's message names the kernel. */
function refusal(graph: StepGraph, first: Error, check: (cut: CutGraph) => void): Error {
  let { message } = first;
  try {
    check(cutGraph(graph, true));
  } catch (error) {
    message = (error as Error).message;
  }
  const [, one, other] = /node \((\w+?)(?:__\w+)?\)|Name:\s?'(\w+?)(?:__\w+)?'/i.exec(message) ?? [];
  const [reason] = message.split('\n');
  return new UnsupportedModelError(
    `ONNX Runtime refuses the tfjs kernel ${one ?? other ?? 'of one of the layers'} (${reason})`,
    'use --engine tfjs, or change the layer that needs it',
  );
}
