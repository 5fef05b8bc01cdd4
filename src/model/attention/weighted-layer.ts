/** What our own layers have in common: weights by names, each with a random start of its own, and dropout that a step repeats. */
import '../tfjs/core-gaps.js';

import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

export type Args = Readonly<Record<string, unknown>>;
export interface CallOptions {
  readonly training?: boolean;
  /** 1 where a place that is attended to counts, [batch, places]. */
  readonly mask?: tf.Tensor | null;
}

/** A variable that a layer trains. */
type AddedWeight = ReturnType<tfl.layers.Layer['addWeight']>;

export abstract class WeightedLayer extends tfl.layers.Layer {
  /** Takes the place of tfjs's dropout in a step of Lockstep (tfjs/hooks.ts). */
  dropoutFunc?: (x: tf.Tensor, rate: number) => tf.Tensor = undefined;
  readonly #weights = new Map<string, AddedWeight>();

  constructor(args: Args = {}) {
    super(args as never);
    this.supportsMasking = true;
  }

  /** How many inputs it reads. */
  protected get mostInputs(): number {
    return 1;
  }

  /** @throws Misuse where it is given inputs that it would not read */
  override apply(...given: Parameters<tfl.layers.Layer['apply']>): ReturnType<tfl.layers.Layer['apply']> {
    const count = [given[0]].flat().length;
    if (count <= this.mostInputs) return super.apply(...given);
    const most = this.mostInputs === 1 ? 'one input' : `${this.mostInputs} inputs at most`;
    throw new Misuse(`${this.getClassName()} reads ${most}, and is given ${count}`, 'name as many under from');
  }

  /** @param fans rows and columns of the matrix that the weight is in a product (Glorot and Bengio 2010) */
  protected matrix(name: string, shape: number[], fans: readonly [number, number]): void {
    const limit = Math.sqrt(6 / (fans[0] + fans[1]));
    this.weight(name, shape, tfl.initializers.randomUniform({ minval: -limit, maxval: limit }));
  }

  protected weight(name: string, shape: number[], initializer: ReturnType<typeof tfl.initializers.zeros>): void {
    this.#weights.set(name, this.addWeight(name, shape, 'float32', initializer));
  }

  /** The weight of that name, which `build` has made. */
  protected read(name: string): tf.Tensor {
    return this.#weights.get(name)!.read();
  }

  protected has(name: string): boolean {
    return this.#weights.has(name);
  }

  /** x with a share `rate` of its numbers dropped, while the layer is trained. */
  protected dropped(x: tf.Tensor, rate: number, { training }: CallOptions): tf.Tensor {
    if (!training || rate === 0) return x;
    return this.dropoutFunc ? this.dropoutFunc(x, rate) : tf.dropout(x, rate);
  }
}

/** A layer that is used as it cannot be, and what to do about it. */
export class Misuse extends Error {
  constructor(
    problem: string,
    readonly remedy: string,
  ) {
    super(problem);
  }
}

/** A whole number of at least 1. */
export function positive(layer: string, name: string, value: unknown): number {
  if (Number.isInteger(value) && (value as number) > 0) return value as number;
  if (value === undefined) throw new Error(`${layer} needs ${name}, a whole number of at least 1`);
  throw new Error(`${layer}: ${name} is ${JSON.stringify(value)}, and must be a whole number of at least 1`);
}

/** One of some words. */
export function word<const Word extends string>(
  layer: string,
  name: string,
  value: unknown,
  words: readonly Word[],
): Word {
  const found = words.find((each) => each === value);
  if (found !== undefined) return found;
  throw new Error(`${layer}: ${name} is ${JSON.stringify(value)}, and must be ${words.join(' or ')}`);
}

/** Of each input of a layer. */
export const shapesOf = (shape: tfl.Shape | tfl.Shape[]): tfl.Shape[] =>
  (Array.isArray(shape[0]) ? shape : [shape]) as tfl.Shape[];

/** Of the first. */
export const singleShape = (shape: tfl.Shape | tfl.Shape[]): tfl.Shape => shapesOf(shape)[0]!;
