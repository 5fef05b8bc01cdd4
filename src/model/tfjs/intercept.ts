/**
 * What Lockstep does to layers while a model is built, whoever makes them: their random initial weights get seeds, they get
 * their hooks, and those without a name get one that does not depend on what the process has built before.
 */
import './core-gaps.js';
import { AsyncLocalStorage } from 'node:async_hooks';

import tfl = require('@tensorflow/tfjs-layers');

import { hash } from '../build/seeds.js';
import { type HookSlot, installHooks } from './hooks.js';

interface Building {
  readonly seed: number;
  readonly hooks: HookSlot;
  /** Whether the run's seed replaces those that initializers have. */
  readonly reseed: boolean;
  /** Weights made so far, and numbers drawn for them. */
  weights: number;
  /** Layers of each class that were made without a name so far. */
  readonly unnamed: Map<string, number>;
}

type Layer = tfl.layers.Layer;
type Initializer = { seed?: number | null } | null | undefined;
type Method = (this: Layer, ...rest: unknown[]) => unknown;

const current = new AsyncLocalStorage<Building>();
const prototype = tfl.layers.Layer.prototype as unknown as { apply: Method; addWeight: Method; getClassName: Method };
const { apply, addWeight, getClassName } = prototype;

prototype.getClassName = function intercepted() {
  const className = getClassName.call(this) as string;
  const building = current.getStore();
  // A constructor that was given no name makes one of its class and a number, which tfjs counts up as long as it lives.
  if (building && this.name === undefined) {
    const number = (building.unnamed.get(className) ?? 0) + 1;
    building.unnamed.set(className, number);
    const shared = { configurable: true, enumerable: true };
    const set = (name: string) => {
      const value = name?.replace(/\d+$/, String(number));
      Object.defineProperty(this, 'name', { ...shared, value, writable: true });
    };
    Object.defineProperty(this, 'name', { ...shared, get: () => undefined, set });
  }
  return className;
};

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

/** A seed for numbers that are drawn while a model is built; undefined where none is. */
export function nextSeed(): number | undefined {
  const building = current.getStore();
  return building && hash(`${building.seed}/${building.weights++}/drawn`);
}

/** Runs `make` with every layer that it builds seeded, hooked and named. */
export function intercepting<T>(
  seed: number,
  hooks: HookSlot,
  { reseed }: Pick<Building, 'reseed'>,
  make: () => T | Promise<T>,
): Promise<T> {
  return current.run({ seed, hooks, reseed, weights: 0, unnamed: new Map() }, async () => make());
}
