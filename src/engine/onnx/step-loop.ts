/**
 * Loops of a graph over the steps of a sequence: in each step, sessions and kernels of ours read and write the slots of that step
 * where they lie. A graph with a loop has as many nodes for long sequences as for short ones, and no number is copied from step to
 * step, as ONNX's own Scan and Loop do.
 */
import { elements } from '../../ground/elements.js';

/**
 * Numbers of a tensor that has `slots` parts, `stride` floats apart: in step k those of slot (first + k * step) mod slots. The first
 * slot begins `at` so many floats. A tensor of one slot is the same in every step.
 */
export interface LoopView {
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly slots: number;
  readonly first: number;
  readonly step: number;
  readonly at: number;
  readonly stride: number;
}

/** A view, by the name of the input or output that is tied to it. */
type TiedPort = readonly [name: string, view: LoopView];

interface LoopSession {
  readonly kind: 'session';
  readonly inputs: readonly TiedPort[];
  readonly outputs: readonly TiedPort[];
}

/** What runs in each step. @typeParam Body what a session computes: a model, or its nodes while the graph is made (proto.ts) */
export type LoopPart<Body = { readonly bytes: Uint8Array }> =
  | (LoopSession & Body)
  | {
      readonly kind: 'kernel';
      readonly kernel: 'lstmGates';
      readonly views: readonly LoopView[];
      /** Arguments after the addresses of views. */
      readonly numbers: readonly number[];
    };

export interface Loop<Body = { readonly bytes: Uint8Array }> {
  readonly steps: number;
  /** What views hold before step 0: another tensor, or zeros. */
  readonly begins: readonly { readonly view: LoopView; readonly from?: string }[];
  /** What is done in each step, in this order. */
  readonly parts: readonly LoopPart<Body>[];
}

/** The loop on tensors of other names. */
export function renamedLoop<Body>({ steps, begins, parts }: Loop<Body>, rename: (name: string) => string): Loop<Body> {
  const moved = (view: LoopView): LoopView => ({ ...view, tensor: rename(view.tensor) });
  const tied = (ports: readonly TiedPort[]) => ports.map(([name, view]): TiedPort => [name, moved(view)]);
  return {
    steps,
    begins: begins.map(({ view, from }) => ({ view: moved(view), from: from === undefined ? from : rename(from) })),
    parts: parts.map((part) =>
      part.kind === 'session'
        ? { ...part, inputs: tied(part.inputs), outputs: tied(part.outputs) }
        : { ...part, views: part.views.map(moved) },
    ),
  };
}

/** What has models of its own. */
type WithModels =
  | { readonly kind: 'session'; readonly bytes: Uint8Array }
  | { readonly kind: 'loop'; readonly parts: readonly LoopPart[] }
  | { readonly kind: 'kernel' };

/** The models of the sessions in a subgraph, in the order in which they are made. */
export function modelsOf(subgraph: WithModels): Uint8Array[] {
  if (subgraph.kind === 'loop') return subgraph.parts.flatMap(modelsOf);
  return subgraph.kind === 'session' ? [subgraph.bytes] : [];
}

/** A tensor as it is in every step. */
export const inEveryStep = (tensor: string, shape: readonly number[]): LoopView => ({
  tensor,
  shape,
  slots: 1,
  first: 0,
  step: 0,
  at: 0,
  stride: 0,
});

/** One slot a step, of a tensor [slots, ...shape]; after the last comes the first. */
export const eachSlot = (
  tensor: string,
  slots: number,
  shape: readonly number[],
  first = 0,
  step: 1 | -1 = 1,
): LoopView => ({ tensor, shape, slots, first, step, at: 0, stride: elements(shape) });

/** Place of a view's first number in its tensor, in floats. */
export function placeOf({ slots, first, step, at, stride }: LoopView, k: number): number {
  const slot = (((first + k * step) % slots) + slots) % slots;
  return at + slot * stride;
}

/** Whether a view lies inside its tensor in every step. @param length of the tensor */
export const isInside = ({ shape, slots, at, stride }: LoopView, length: number): boolean =>
  at + (slots - 1) * stride + elements(shape) <= length;
