/**
 * A program that knows nothing of Lockstep: loads models as any tfjs program does and prints their outputs as JSON.
 * Arguments: a file of float32 features, their shape, and the URLs of models.
 */
import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';

const [file, shape, ...urls] = process.argv.slice(2);
const bytes = readFileSync(file);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
// No greeting of the backend, so that stderr holds complaints alone.
tf.enableProdMode();
const features = tf.tensor(values, shape.split(',').map(Number));
const all: unknown[] = [];
for (const url of urls) {
  const model = await loadLayersModel(url);
  all.push(await (model.predict(features) as tf.Tensor).array());
}
process.stdout.write(JSON.stringify(all));
