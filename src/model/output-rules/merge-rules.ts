/** What layers of several inputs make of them: sums, products, means, and rows behind each other. */
import { axisIn, type Known, type LayerRule, logits, sigmoid, undecided } from './known.js';

/** Mixes what is alike into the same: `convex` where the result lies between the inputs and has their sum. */
export const mixes =
  (how: string, convex: boolean): LayerRule =>
  ({ inputs, where }) => {
    const [first] = inputs;
    const alike = inputs.every((input) => input.kind === first.kind && axisOf(input) === axisOf(first));
    const found = inputs.find(({ kind }) => kind === 'undecided');
    if (found) return found;
    if (!alike)
      return undecided(`${where} takes the ${how} of unlike numbers: ${inputs.map(({ kind }) => kind).join(', ')}`);
    if (first.kind === 'softmax' && !convex) {
      return undecided(`${where} takes the ${how} of softmaxes, which does not add up to one`);
    }
    return first;
  };
const axisOf = (known: Known): number | undefined => (known.kind === 'softmax' ? known.axis : undefined);

export const multiply: LayerRule = ({ inputs, where }) => {
  const found = inputs.find(({ kind }) => kind === 'undecided');
  if (found) return found;
  // A gate: numbers of any size stay such.
  if (inputs.some(({ kind }) => kind === 'logits')) return logits;
  if (inputs.every(({ kind }) => kind === 'sigmoid')) return sigmoid;
  return undecided(`${where} multiplies softmaxes, which does not add up to one`);
};

/** Adds up inputs, or products of them. @param how for messages */
export const sums =
  (how: string): LayerRule =>
  ({ inputs, where }) => {
    const found = inputs.find(({ kind }) => kind === 'undecided');
    if (found) return found;
    return inputs.some(({ kind }) => kind === 'logits') ? logits : undecided(`${where} ${how} probabilities`);
  };

export const concatenate: LayerRule = (call) => {
  const known = mixes('concatenation', true)(call);
  const axis = axisIn((call.config.axis as number | undefined) ?? -1, call.shape);
  if (known.kind !== 'softmax' || known.axis !== axis || call.inputs.length === 1) return known;
  return undecided(`${call.where} joins several softmaxes into one row`);
};
