/** How the state region of the gradient slab is cut into the pieces that travel each by itself. */
import type { SlabLayout } from '../model/slab.js';
import { NORM_BLOCK } from './norm.js';
import type { WirePrecision } from './plan.js';

/** The regions of a slab that an exchange has to do with. */
export type ExchangeLayout = Pick<SlabLayout, 'trainable' | 'state'>;

/** Floats of a segment: 256 KiB fit the processor's cache, and whole blocks of the norm keep its bits. */
export const SEGMENT = 16 * NORM_BLOCK;

/** A piece of the slab: the floats [start, start + floats). */
export interface Segment {
  readonly number: number;
  readonly start: number;
  /** A multiple of 16. */
  readonly floats: number;
  /** Whether it holds nothing but gradients. State that a step computes, such as moving means, always travels as it is. */
  readonly gradients: boolean;
}

export function segmentsOf({ trainable, state }: ExchangeLayout): Segment[] {
  return Array.from({ length: Math.ceil(state / SEGMENT) }, (_, number) => {
    const start = number * SEGMENT;
    const floats = Math.min(SEGMENT, state - start);
    return { number, start, floats, gradients: start + floats <= trainable };
  });
}

export const bytesPerFloat = (precision: WirePrecision): number => (precision === 'float32' ? 4 : 2);
