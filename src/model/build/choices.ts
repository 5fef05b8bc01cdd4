/** Options of layers that take one of a closed set of names: what a wrong one was meant to be. */
import tf = require('@tensorflow/tfjs-core');

import { ModelError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** Of each kind, a class that tfjs registers, from which the others are known, and how configs write their names. */
const kinds = {
  activation: { known: 'relu', write: (name: string) => name },
  initializer: { known: 'Zeros', write: lowerFirst },
  regularizer: { known: 'L1L2', write: (name: string) => name.toLowerCase() },
};
type ChoiceKind = keyof typeof kinds;

/** Activations that tfjs has by other names than Keras 3: models that are saved with them open in plain tfjs. */
const renamed: Readonly<Record<string, string | undefined>> = { silu: 'swish', geluTanh: 'gelu_new' };

/** An option's value as tfjs knows it. */
export const knownActivation = (key: string, value: unknown): unknown =>
  isActivation(key) && typeof value === 'string' ? (renamed[value] ?? value) : value;

const isActivation = (key: string): boolean => /^(recurrentA|a)ctivation$/.test(key);

/** Names of all activations, initializers or regularizers that are registered. */
function namesOf(kind: ChoiceKind): string[] {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const { known, write } = kinds[kind];
  const base = Object.getPrototypeOf(classNameMap[known][0]) as { readonly prototype: object };
  return Object.keys(classNameMap)
    .filter((name) => classNameMap[name][0].prototype instanceof (base as never))
    .map(write);
}

/** @throws ModelError when an option that is to name an activation does not: tfjs takes the name of a layer too */
export function checkActivation(key: string, value: unknown, where: string): void {
  if (!isActivation(key) || typeof value !== 'string') return;
  const names = namesOf('activation');
  if (names.includes(value)) return;
  if (value === 'swiglu') {
    throw new ModelError(
      `${where}: ${key}: swiglu halves the numbers that it is given, which no activation does`,
      'leave it out, and put the layer swiglu after this one',
    );
  }
  throw new ModelError(`${where}: ${key}: there is no activation ${JSON.stringify(value)}`, oneOf(value, names));
}

/** What to do about a name that tfjs does not know; undefined where the error is about something else. */
export function remedyForName(error: unknown): string | undefined {
  const { message } = error as Error;
  const unknown = /^Unknown (activation|initializer|regularizer): (\S+?)\.? /.exec(message);
  if (unknown) return oneOf(unknown[2], namesOf(unknown[1] as ChoiceKind));
  const choice = /^(\S+) is not a valid \w+\.\s+Valid values are (\S+) or/.exec(message);
  return choice ? oneOf(choice[1], choice[2].split(',')) : undefined;
}
