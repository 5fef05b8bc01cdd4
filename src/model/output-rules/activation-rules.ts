/** What activation functions make of logits and of probabilities. */
import {
  isProbability,
  type Known,
  type LayerRule,
  lastOf,
  logits,
  type Shape,
  sigmoid,
  softmaxAlong,
  undecided,
} from './known.js';

/** What an activation function makes of an input; `bounded` means between bounds that are not those of a probability. */
type ActivationEffect = 'identity' | 'keepsPositive' | 'logits' | 'bounded' | 'sigmoid' | 'softmax';
const activations: Readonly<Record<string, ActivationEffect | undefined>> = {
  linear: 'identity',
  sigmoid: 'sigmoid',
  hardSigmoid: 'sigmoid',
  softmax: 'softmax',
  // The softmax of log probabilities is the probabilities.
  logSoftmax: 'logits',
  relu: 'keepsPositive',
  elu: 'keepsPositive',
  selu: 'logits',
  swish: 'logits',
  mish: 'logits',
  gelu: 'logits',
  gelu_new: 'logits',
  relu6: 'bounded',
  // Functions of tfjs/activations.ts.
  exponential: 'bounded',
  leakyRelu: 'keepsPositive',
  kerasHardSigmoid: 'sigmoid',
  sparseSigmoid: 'sigmoid',
  hardSilu: 'logits',
  hardTanh: 'bounded',
  logSigmoid: 'bounded',
  softShrink: 'logits',
  hardShrink: 'logits',
  tanhShrink: 'logits',
  squareplus: 'bounded',
  sparsePlus: 'bounded',
  softplus: 'bounded',
  softsign: 'bounded',
  tanh: 'bounded',
};

/** What is known of the outputs of an activation function. @param where the layer that has it, for messages */
export function activated(name: unknown, input: Known, shape: Shape, where: string): Known {
  const of = activations[String(name)];
  switch (of) {
    case 'identity':
      return input;
    case 'sigmoid':
      return sigmoid;
    case 'softmax':
      return softmaxAlong(lastOf(shape));
    case 'keepsPositive':
      return input;
    case 'logits':
      return isProbability(input) ? undecided(`${where} changes probabilities by ${name}`) : logits;
    default:
      // Probabilities stay below the 6 at which relu6 cuts.
      if (name === 'relu6' && isProbability(input)) return input;
      return undecided(`${where} ends in ${name}, whose outputs may be meant as either`);
  }
}

/** Weighs inputs anew and ends in an activation. */
export const weighs: LayerRule = ({ config, shape, where }) =>
  activated(config.activation ?? 'linear', logits, shape, where);
