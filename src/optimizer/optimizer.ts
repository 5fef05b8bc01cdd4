/** What an optimizer is: the state that it keeps, and the pieces of the slabs that it changes. The arithmetic is in kernels/. */
import type { UpdateKernels } from '../kernels/load-kernels.js';
import type { SlabLayout, SlabTensor } from '../model/slab.js';

/** A slab of state, with its tensors as checkpoints name them. */
export interface OptimizerSlot {
  readonly name: string;
  /** One value everywhere, or those of the parameters. */
  readonly initial: number | 'parameters';
  readonly tensors: readonly SlabTensor[];
  /** Floats, a multiple of 16. */
  readonly length: number;
}

/** What one call of a rule changes: a range of the parameters and what belongs to it in the other slabs. */
export interface SlabRegion {
  /** Byte offsets, multiples of 64. */
  readonly parameters: number;
  readonly gradients: number;
  /** Of its state, in the order of the piece. */
  readonly slots: readonly number[];
  /** Floats, a multiple of 16. */
  readonly length: number;
}

export interface OptimizerStep {
  /** 1 for the first step of the run. */
  readonly number: number;
  readonly learningRate: number;
  /** Multiplies the gradients first: 1 / divisor, times the clipping factor. */
  readonly gradientScale: number;
}

/** How one step changes a region. @param workspace of the thread, in the memory of the slabs: `Optimizer.workspace` floats */
export type UpdateRule = (
  kernels: UpdateKernels,
  region: SlabRegion,
  step: OptimizerStep,
  workspace: Float32Array,
) => void;

/** Where the state of a piece begins. */
interface SlotPlace {
  /** Which of the optimizer's slots. */
  readonly slot: number;
  /** Float of its slab, a multiple of 16. */
  readonly start: number;
}

/** A range of the trainable parameters with one rule. */
export interface SlabPiece {
  /** Floats of the slab, multiples of 16. */
  readonly from: number;
  readonly to: number;
  readonly slots: readonly SlotPlace[];
  readonly rule: UpdateRule;
  /** What one thread must do as a whole, as compared with the others of that kind; all else may be cut between regions of 16 floats. */
  readonly cost?: number;
}

export interface Optimizer {
  readonly slots: readonly OptimizerSlot[];
  /** All trainable parameters, in order. */
  readonly pieces: readonly SlabPiece[];
  /** Floats that a thread needs for itself while it updates. */
  readonly workspace?: number;
}

/** A slot as long as the trainable parameters, with a number for each of them. */
export function slotLike(layout: SlabLayout, name: string, initial: OptimizerSlot['initial'] = 0): OptimizerSlot {
  return { name, initial, tensors: trainableIn(layout), length: layout.trainable };
}

export const trainableIn = ({ tensors, trainable }: SlabLayout): SlabTensor[] =>
  tensors.filter(({ offset }) => offset < trainable);

/** One rule for all parameters. @param slots each as long as they */
export function uniformOptimizer(layout: SlabLayout, slots: readonly OptimizerSlot[], rule: UpdateRule): Optimizer {
  return {
    slots,
    pieces: [{ from: 0, to: layout.trainable, slots: slots.map((_, slot) => ({ slot, start: 0 })), rule }],
  };
}

/** Clears subnormals from the slots, which slow the processor down: too seldom to cost anything by itself. */
export function flushSometimes(kernels: UpdateKernels, region: SlabRegion, step: OptimizerStep): void {
  if (step.number % 64 !== 0) return;
  for (const slot of region.slots) kernels.flushSubnormals(slot, region.length);
}
