/** From a saved topology to a model of tfjs. */
import '../tfjs/activations.js';

import tfl = require('@tensorflow/tfjs-layers');

import { ModelError } from '../../errors.js';

/**
 * @param topology as `readTopology` gives it
 * @param where the file, for messages
 * @param remedy where tfjs lacks a layer
 * @throws ModelError when tfjs cannot build it
 */
export async function modelOfTopology(topology: object, where: string, remedy: string): Promise<tfl.LayersModel> {
  try {
    const model = await tfl.models.modelFromJSON(topology as Parameters<typeof tfl.models.modelFromJSON>[0]);
    // Sequential models put this off.
    if (!model.built) model.build(model.inputs?.[0]?.shape);
    return model;
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const [reason] = (error as Error).message.split(/\.?(?: This may be due to|\n|$)/);
    throw new ModelError(`${where}: tfjs cannot build it: ${reason}`, remedy);
  }
}
