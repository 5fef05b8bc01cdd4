/** Every layer, with options that are not its defaults: what is trained, saved and opened again is the same model. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { beforeEach, describe, expect, it } from 'vitest';
import { openModel } from '../../coordinator/inference/saved-model.js';
import type { LayerConfig } from '../../src/config/model.js';
import { loadBackend } from '../../src/engine/backends.js';
import { createPredictor } from '../../src/export/predictor.js';
import { createModel } from '../../src/model/build/create.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import { modelWeights } from '../../src/model/build/layer-weights.js';
import { buildModel } from '../../src/model/build/layers.js';
import { saveModel } from '../../src/model/files/save.js';
import { slabLayout } from '../../src/model/slab.js';
import { lcg, relativeError } from '../support/engines.js';
import { newPaths } from '../support/folder.js';
import { layerCases } from '../support/layer-cases.js';
import { randomFloats } from '../support/slabs.js';

const newPath = newPaths();
const count = 3;

/** Functions of tf.layers that make what a list of layers may name. */
const functions = Object.keys(tfl.layers).filter((name) => /^[a-z]/.test(name) && !/^input(Layer)?$/.test(name));
/** Other names of the same functions; cells stand inside `rnn`. */
const aliases = functions.filter((name) => /^(avgPool|avgPooling|maxPool|globalMaxPool)\dd$/.test(name));
const inside = functions.filter((name) => name.endsWith('Cell'));
const refused = ['randomWidth'];
/** They look at values while they run, or cut boxes: engine tfjs computes them. */
const uncompiled = ['categoryEncoding', 'centerCrop'];

it('has a case for every layer', () => {
  const named = new Set(Object.keys(layerCases).map((name) => name.split(' ')[0]));
  expect(functions.filter((name) => !named.has(name)).toSorted()).toEqual(
    [...aliases, ...inside, ...refused].toSorted(),
  );
});

it.each(refused)('refuses %s, which no seed repeats', (name) => {
  const options = { factor: 0.2 };
  const build = () => buildModel({ layers: [{ [name]: options }] }, plainShape([4, 4, 1]), 1);
  expect(build).toThrow(/is random without a seed: use `augment`/);
});

beforeEach(() => loadBackend('cpu'));

function plainModel(folder: string): Promise<tfl.LayersModel> {
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
  const weightData = new Uint8Array(readFileSync(join(folder, 'weights.bin'))).buffer;
  return tfl.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs: weightsManifest[0].weights, weightData }));
}

const predicted = (model: tfl.LayersModel, features: tf.Tensor): Float32Array =>
  (model.predict(features) as tf.Tensor).dataSync() as Float32Array;

/** What a folder says of its layers. */
const topologyIn = (folder: string): object[] =>
  // Cells inside a stack are numbered anew in each process.
  JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8').replace(/_StackedRNNCells\d+/g, '')).modelTopology.config
    .layers;

describe.each(Object.keys(layerCases))('%s', (name) => {
  const { layers, input, feature } = layerCases[name];
  // Something to train, before the layer where it takes numbers and after it where it takes ids.
  const dense: LayerConfig = { dense: { units: feature ? 2 : input.at(-1)! } };
  const list = feature ? [...layers, dense] : [dense, ...layers];

  it('is saved, opened, predicted by both, and saved again as it was', async () => {
    const { model } = buildModel({ layers: list.map((layer) => structuredClone(layer)) }, plainShape(input), 7);
    const all = modelWeights(model);
    const weights = [...all.trainable, ...all.state, ...all.frozen];
    const layout = slabLayout(all.trainable, all.state, all.frozen);
    const slab = randomFloats(3, layout.length);
    for (const { name: weight, offset, size } of layout.tensors) {
      if (weight.endsWith('variance')) for (let i = offset; i < offset + size; i++) slab[i] = Math.abs(slab[i]);
    }
    const folder = newPath();
    const encoding = { input: { kind: 'numbers', scale: 1 }, output: {} } as never;
    await saveModel(model, weights, layout, slab, folder, encoding);

    const random = lcg(9);
    const rows = Float32Array.from({ length: count * input.reduce((a, b) => a * b, 1) }, () =>
      feature ? feature(random()) : 2 * random() - 1,
    );
    const features = tf.tensor(rows, [count, ...input]);
    const wanted = predicted(model, features);

    expect(relativeError(predicted(await plainModel(folder), features), wanted)).toBe(0);
    const opened = await openModel({ path: folder, name });
    expect(relativeError(predicted(opened.model, features), wanted)).toBe(0);
    const warnings: string[] = [];
    const predict = await createPredictor(opened, (message) => warnings.push(message));
    expect(relativeError((await predict([rows], count))[0], wanted)).toBeLessThan(1e-5);
    expect(warnings).toHaveLength(uncompiled.includes(name) ? 1 : 0);
    await loadBackend('wasm');
    expect(relativeError(predicted(model, features), wanted)).toBeLessThan(1e-5);
    await loadBackend('cpu');

    const data = plainShape(input);
    const again = await createModel({ file: folder }, data, 1, true);
    const copy = newPath();
    const { trainable, state, frozen } = modelWeights(again.model);
    await saveModel(again.model, [...trainable, ...state, ...frozen], layout, slab, copy, encoding);
    expect(topologyIn(copy)).toMatchObject(topologyIn(folder));
    expect(relativeError(predicted(again.model, features), wanted)).toBe(0);
  });
});
