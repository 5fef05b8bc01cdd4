/** What is known of the numbers of a tensor, and what a rule says a layer makes of them. */
import type { layers } from '@tensorflow/tfjs-layers';

export type Layer = layers.Layer;
export type Shape = readonly (number | null)[];

/** What is known of the numbers of a tensor. */
export type Known =
  | { readonly kind: 'logits' }
  /** Each number is a probability by itself. */
  | { readonly kind: 'sigmoid' }
  /** The numbers along the axis are probabilities that add up to one. */
  | { readonly kind: 'softmax'; readonly axis: number }
  | Undecided;
export interface Undecided {
  readonly kind: 'undecided';
  /** Why logits and probabilities cannot be told apart. */
  readonly why: string;
}

/** One application of a layer. */
export interface Call {
  readonly layer: Layer;
  readonly config: Readonly<Record<string, unknown>>;
  /** The layer's name and class, for messages. */
  readonly where: string;
  /** What is known of the layer's inputs. All shapes hold the batch. */
  readonly inputs: readonly Known[];
  readonly shapes: readonly Shape[];
  readonly shape: Shape;
  /** What a layer inside this one makes of an input. */
  readonly inside: (layer: Layer, input: Known, shape: Shape, output: Shape) => Known;
}
/** What a layer makes of what is known of its inputs. */
export type LayerRule = (call: Call) => Known;

export const logits: Known = { kind: 'logits' };
export const sigmoid: Known = { kind: 'sigmoid' };
export const softmaxAlong = (axis: number): Known => ({ kind: 'softmax', axis });
export const undecided = (why: string): Undecided => ({ kind: 'undecided', why });

export const isProbability = ({ kind }: Known): boolean => kind === 'sigmoid' || kind === 'softmax';
export const lastOf = (shape: Shape): number => shape.length - 1;
export const axisIn = (axis: number, shape: Shape): number => (axis < 0 ? axis + shape.length : axis);
