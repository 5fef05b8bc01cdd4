/** `data.documentMask`: layers of attention and positions are given the documents of a text, and no other layer mixes places. */
import type tfl from '@tensorflow/tfjs-layers';

import { ModelError } from '../../errors.js';
import { DocumentIds } from '../attention/document-ids.js';
import { ownLayers } from '../attention/own-layers.js';
import { mixesPlaces } from '../layer-masks.js';
import { everyLayer } from '../layer-tree.js';
import type { LayerOptions } from './expanded-layers.js';

/** What layers call the documents. */
export const documentsName = 'document_ids';

/** Of the tokens that the model reads. */
export const documentsIn = (tokens: tfl.SymbolicTensor, endOfText: number): tfl.SymbolicTensor =>
  ownLayers.documentIds!({ endOfText, name: documentsName }).apply(tokens) as tfl.SymbolicTensor;

const readers = [
  'multiheadattention',
  'groupedqueryattention',
  'transformerdecoder',
  'transformerencoder',
  'positionembedding',
];

/** Whether a layer is given the documents beside what it reads. */
export const readsDocuments = (kind: string, options: LayerOptions): boolean =>
  readers.includes(kind.toLowerCase()) && options.documents === undefined;

/** @throws ModelError where a layer would carry something from one document to the next */
export function checkKeepsPlaces(layer: tfl.layers.Layer, where: string): void {
  if (!mixesPlaces(layer)) return;
  throw new ModelError(
    `${where}: data.documentMask keeps documents apart, and a ${layer.getClassName()} mixes the places of a window`,
    'use transformerDecoder or another layer of attention in its place, or leave data.documentMask out',
  );
}

/** @throws ModelError where a model that is not made of a list of layers does not keep documents apart itself */
export function checkKeepsApart(model: tfl.LayersModel, endOfText: number, where: string): void {
  for (const layer of everyLayer(model)) if (layer instanceof DocumentIds && layer.endOfText === endOfText) return;
  throw new ModelError(
    `${where}: data.documentMask keeps documents apart, and the model has no layer documentIds with endOfText: ${endOfText}`,
    'leave data.documentMask out, or use model.layers, where it is put in',
  );
}
