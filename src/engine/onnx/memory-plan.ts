/** Where tensors between subgraphs lie: those that are not needed at the same time share a place. */

import { ModelError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { bytesText } from '../../ground/units.js';
import { alignment } from '../private-memory.js';
import { placeOfInput } from './kernel-calls.js';
import { gradientName } from './names.js';
import type { CutGraph } from './subgraphs.js';

export interface MemoryPlan {
  readonly bytes: number;
  /** Of each tensor that subgraphs write: where its first byte lies. */
  readonly places: ReadonlyMap<string, number>;
}

interface Life {
  readonly name: string;
  readonly bytes: number;
  readonly from: number;
  /** The last subgraph that reads it; of a result none is. */
  to: number;
}

/**
 * @param graph tensors of sessions that no subgraph reads are results, and keep their place
 * @param apart tensors that lie elsewhere
 */
export function memoryPlan({ subgraphs, written }: CutGraph, apart: (name: string) => boolean): MemoryPlan {
  const sizes = new Map(
    written.map(({ name, shape }) => [name, Math.ceil((elements(shape) * 4) / alignment) * alignment]),
  );
  const lives = new Map<string, Life>();
  subgraphs.forEach(({ kind, inputs, outputs }, at) => {
    // Results come from sessions: what a kernel writes and nobody reads is needed by none.
    const to = kind === 'session' ? Number.POSITIVE_INFINITY : at;
    for (const name of outputs) {
      if (!apart(name)) lives.set(name, { name, bytes: sizes.get(name)!, from: at, to });
    }
    for (const name of inputs) {
      const life = lives.get(name);
      if (life) life.to = at;
    }
  });
  takeOver(subgraphs, lives);
  const placed: (Life & { readonly place: number })[] = [];
  // Large ones first, each at the lowest place that is free all its life.
  for (const life of [...new Set(lives.values())].toSorted((a, b) => b.bytes - a.bytes)) {
    const beside = placed
      .filter(({ from, to }) => from <= life.to && life.from <= to)
      .toSorted((a, b) => a.place - b.place);
    let place = 0;
    for (const other of beside) {
      if (place + life.bytes <= other.place) break;
      place = Math.max(place, other.place + other.bytes);
    }
    placed.push({ ...life, place });
  }
  const bytes = placed.reduce((most, { place, bytes: size }) => Math.max(most, place + size), 0);
  const places = new Map(placed.map(({ name, place }) => [name, place]));
  return { bytes, places: new Map([...lives].map(([name, life]) => [name, places.get(life.name)!])) };
}

/** A kernel writes where it reads what nobody reads after it, if it can: the two tensors are one life. */
function takeOver(subgraphs: CutGraph['subgraphs'], lives: Map<string, Life>): void {
  subgraphs.forEach((subgraph, at) => {
    const input = subgraph.kind === 'kernel' ? placeOfInput(subgraph.kernel) : undefined;
    if (input === undefined) return;
    const [read, written] = [subgraph.inputs[input]!, subgraph.outputs[0]!].map((name) => lives.get(name));
    if (!read || !written || read.to !== at || read.bytes !== written.bytes) return;
    read.to = written.to;
    lives.set(subgraph.outputs[0]!, read);
  });
}

/** Bytes of the memory that kernels reach: of addresses of 32 bits. */
const mostBytes = 2 ** 32;

/**
 * @param gradients tensors of the slab, which lie elsewhere
 * @param what the graph computes, e.g. `a shard of 64 examples` @param remedy how it computes less
 * @throws ModelError where what its subgraphs hand on to one another does not fit into their memory
 */
export function requireRoom(graph: CutGraph, gradients: number, what: string, remedy: string): void {
  const inSlab = new Set(Array.from({ length: gradients }, (_, i) => gradientName(i)));
  const { bytes } = memoryPlan(graph, (name) => inSlab.has(name));
  if (bytes <= mostBytes) return;
  throw new ModelError(
    `${what} has ${bytesText(bytes)} of numbers between the parts of its graph, which can be ${bytesText(mostBytes)} at most`,
    remedy,
  );
}
