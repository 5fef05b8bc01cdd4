/**
 * What Lockstep does to layers that others make, while a saved model or a user's module builds them: their random initial
 * weights get seeds, and they get their hooks, both before it is too late.
 */
import './tfjs-gaps.js';
import { AsyncLocalStorage } from 'node:async_hooks';
import * as tfl from '@tensorflow/tfjs-layers';
import { hash } from './build.js';
import { type HookSlot, installHooks } from './hooks.js';

interface Building {
  readonly seed: number;
  readonly hooks: HookSlot;
  /** Whether the run's seed replaces those that initializers have. */
  readonly reseed: boolean;
  /** Weights made so far. */
  weights: number;
}

type Layer = tfl.layers.Layer;
type Initializer = { seed?: number | null } | null | undefined;
type Method = (this: Layer, ...rest: unknown[]) => unknown;

const current = new AsyncLocalStorage<Building>();
const prototype = tfl.layers.Layer.prototype as unknown as { apply: Method; addWeight: Method };
const { apply, addWeight } = prototype;

prototype.apply = function intercepted(...rest) {
  const building = current.getStore();
  if (building) installHooks(this, building.hooks);
  return apply.call(this, ...rest);
};

prototype.addWeight = function intercepted(...rest) {
  const building = current.getStore();
  const [name, , , initializer] = rest as [string, unknown, unknown, Initializer];
  const index = building ? building.weights++ : 0;
  const random = initializer && 'seed' in initializer && (building?.reseed || initializer.seed == null);
  if (!building || !random) return addWeight.call(this, ...rest);
  const { seed } = initializer;
  initializer.seed = hash(`${building.seed}/${index}/${name}`);
  try {
    return addWeight.call(this, ...rest);
  } finally {
    // Several layers may share one initializer, and a saved model is to have the seeds that its author gave.
    initializer.seed = seed;
  }
};

/** Runs `make` with every layer that it builds seeded and hooked. */
export function intercepting<T>(
  seed: number,
  hooks: HookSlot,
  { reseed }: Pick<Building, 'reseed'>,
  make: () => T | Promise<T>,
): Promise<T> {
  return current.run({ seed, hooks, reseed, weights: 0 }, async () => make());
}
