/**
 * The blocks of a model whose activations a step can compute again for the gradient instead of keeping them: what goes from block to
 * block is kept.
 */
import type { layers } from '@tensorflow/tfjs-layers';
import { innerLayers } from './layer-tree.js';

type Layer = layers.Layer;

/** Inside, they make many times as much as they pass on. */
const wide = ['TransformerDecoder', 'TransformerEncoder', 'MultiHeadAttention', 'GroupedQueryAttention'];
const isBlock = (layer: Layer): boolean => wide.includes(layer.getClassName()) || innerLayers(layer).length > 0;

/**
 * Numbers of blocks, from 0 upwards. A layer with parts is a block by itself. Of n others, those that follow one another are blocks of
 * the root of n: then about as much is kept as is there at a time (Chen et al. 2016).
 * @param layers as they are applied, one after the other
 */
export function layerBlocks(layers: readonly Layer[]): number[] {
  const most = Math.ceil(Math.sqrt(layers.filter((layer) => !isBlock(layer)).length));
  let block = -1;
  let left = 0;
  return layers.map((layer) => {
    if (isBlock(layer)) {
      left = 0;
      block += 1;
    } else if (left > 0) {
      left -= 1;
    } else {
      left = most - 1;
      block += 1;
    }
    return block;
  });
}
