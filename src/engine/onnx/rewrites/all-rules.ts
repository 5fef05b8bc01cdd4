/** The rules that every traced graph goes through, in their order. */

import { composedNormalizationGradient } from './composed-gradients.js';
import type { Rule } from './rewrite.js';
import { biasOfActivation, composedActivation } from './share-activations.js';

export const rewriteRules: readonly Rule[] = [composedActivation, biasOfActivation, composedNormalizationGradient];
