/**
 * The layers that Lockstep has beside those of tfjs, by the names of Keras 3 in camel case. Importing this module registers
 * them, so that plain tfjs opens models that were saved with them.
 */
import tf = require('@tensorflow/tfjs-core');
import type tfl = require('@tensorflow/tfjs-layers');

import { GroupedQueryAttention, MultiHeadAttention } from './attention-layers.js';
import { DocumentIds } from './document-ids.js';
import { RMSNormalization } from './normalizations.js';
import { PositionEmbedding } from './position-embedding.js';
import { Swiglu } from './swiglu.js';
import { TiedLogits } from './tied-logits.js';
import { TransformerDecoder, TransformerEncoder } from './transformer-layers.js';
import type { Args } from './weighted-layer.js';

const classes = {
  documentIds: DocumentIds,
  groupedQueryAttention: GroupedQueryAttention,
  multiHeadAttention: MultiHeadAttention,
  positionEmbedding: PositionEmbedding,
  rmsNormalization: RMSNormalization,
  swiglu: Swiglu,
  tiedLogits: TiedLogits,
  transformerDecoder: TransformerDecoder,
  transformerEncoder: TransformerEncoder,
};

for (const Class of Object.values(classes)) tf.serialization.registerClass(Class as never);

/** Functions that make them, as tf.layers has them for its own. */
export const ownLayers = Object.fromEntries(
  Object.entries(classes).map(([name, Class]) => [
    name,
    (args: Args = {}) => new (Class as new (args: Args) => tfl.layers.Layer)(args),
  ]),
);
