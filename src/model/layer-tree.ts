/** The layers of a model with those inside them: nested models, wrappers and recurrent cells. */
import type { layers } from '@tensorflow/tfjs-layers';

type Layer = layers.Layer;

/** Where tfjs layers keep the layers inside them. */
interface Inner {
  readonly layers?: readonly Layer[];
  readonly cell?: Layer;
  readonly cells?: readonly Layer[];
  readonly layer?: Layer;
  readonly forwardLayer?: Layer;
  readonly backwardLayer?: Layer;
}

/** The layers right inside a layer. */
export function innerLayers(layer: Layer): Layer[] {
  const { layers = [], cell, cells = [], layer: wrapped, forwardLayer, backwardLayer } = layer as Inner;
  // A bidirectional layer works with copies of the one that it was given.
  const single = forwardLayer ? [forwardLayer, backwardLayer] : [cell, wrapped];
  return [...single, ...cells, ...layers].filter((part) => part !== undefined);
}

/** The layer and every layer inside it, each once, outer ones first. */
export function everyLayer(layer: Layer, seen = new Set<Layer>()): Set<Layer> {
  if (seen.has(layer)) return seen;
  seen.add(layer);
  for (const part of innerLayers(layer)) everyLayer(part, seen);
  return seen;
}
