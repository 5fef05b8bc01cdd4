/** The weights of a model, by who updates them. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { everyLayer } from '../layer-tree.js';

/** A layer's weight, as tfjs keeps it: `val` is swapped for the tensors of a step. */
export interface LayerWeight {
  readonly originalName: string;
  readonly shape: number[];
  readonly trainable: boolean;
  val: Tensor;
}

export interface ModelWeights {
  /** Updated by the optimizer. */
  readonly trainable: LayerWeight[];
  /** Updated by the step itself and averaged: moving mean and variance of batch normalization. */
  readonly state: LayerWeight[];
  /** Never updated. */
  readonly frozen: LayerWeight[];
}

/** The model's weights by who updates them; the order is that of the layers. */
export function modelWeights(model: LayersModel): ModelWeights {
  // A layer may belong to several models inside this one.
  const trainable = new Set(model.trainableWeights as unknown as LayerWeight[]);
  const others = new Set(model.nonTrainableWeights as unknown as LayerWeight[]);
  const frozen = new Set([...everyLayer(model)].filter((layer) => !layer.trainable).flatMap((layer) => layer.weights));
  const isState = (weight: LayerWeight) =>
    /\/moving_(mean|variance)$/.test(weight.originalName) && !frozen.has(weight as never);
  return {
    trainable: [...trainable],
    state: [...others].filter(isState),
    frozen: [...others].filter((weight) => !isState(weight)),
  };
}
