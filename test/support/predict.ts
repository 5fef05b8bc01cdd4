/**
 * A program that knows nothing of Lockstep: loads a model as any tfjs program does and prints its outputs as JSON.
 * Arguments: the model's URL, a file of float32 features, and their shape.
 */
import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';

const [url, file, shape] = process.argv.slice(2);
const bytes = readFileSync(file);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
// No greeting of the backend, so that stderr holds complaints alone.
tf.enableProdMode();
const model = await loadLayersModel(url);
const outputs = model.predict(tf.tensor(values, shape.split(',').map(Number))) as tf.Tensor;
process.stdout.write(JSON.stringify(await outputs.array()));
