/** The rules that every traced graph goes through, in their order. */

import { biasOfProduct } from './bias.js';
import { composedAttention } from './composed-attention.js';
import { composedNormalizationGradient } from './composed-gradients.js';
import { logSoftmax } from './log-softmax.js';
import type { Rule } from './rewrite.js';
import { biasOfActivation, composedActivation } from './share-activations.js';
import { reluOfPooling, stepOfRelu } from './steps.js';

export const rewriteRules: readonly Rule[] = [
  logSoftmax,
  biasOfProduct,
  stepOfRelu,
  reluOfPooling,
  composedActivation,
  biasOfActivation,
  composedNormalizationGradient,
  composedAttention,
];
