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
import { smallProducts } from './rewrites/small-products.js';
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
  /** The same for a device that this processor is without, and workers may have. */
  readonly device?: CutGraph;
}

export interface AcceptOptions {
  /** Of products. */
  readonly precision?: Precision;
  /** Makes of a graph what is run. */
  readonly changed?: (graph: StepGraph) => StepGraph;
  /** Whether workers may have a device where this machine computes on its processor. */
  readonly mixed?: boolean;
}

/** A graph for a device. @param native as halfProducts has it */
function forDevice(traced: StepGraph, precision: Precision, native: boolean): StepGraph {
  const composed = rewritten(traced, deviceRules);
  // Products inside of loops stay in float32, as on processors.
  const products = precision === 'float32' ? composed : halfProducts(composed, native);
  return rewritten(products, [unrolledLoops, smallProducts]);
}

/** A graph for the chosen provider. */
function provided(traced: StepGraph, precision: Precision): StepGraph {
  if (!chosenProvider().inPlace) return forDevice(traced, precision, true);
  return precision === 'float32' ? inBlocks(traced) : halfProducts(traced, false);
}

/**
 * The graph as subgraphs, each of which ONNX Runtime takes.
 * @throws UnsupportedModelError naming the kernel that it refuses, EngineError where there is nothing to run it
 */
export function accepted(
  traced: StepGraph,
  { precision = 'float32', changed = (graph) => graph, mixed = false }: AcceptOptions = {},
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
    // Whether a device that is not here takes it, the worker finds that has it; in float16 not every one would.
    const hasOther = mixed && chosenProvider().inPlace;
    return {
      ...cut,
      ...(!isPortable && { portable: cutGraph(changed(traced)) }),
      ...(hasOther && { device: cutGraph(changed(forDevice(traced, precision, false))) }),
    };
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
