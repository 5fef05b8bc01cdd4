/** The gradient of the input, compiled: for every layer of tfjs the one that tfjs's own autograd gives eagerly. */
import '../../src/model/tfjs/flat-gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../src/errors.js';
import { createSlopes } from '../../src/explain/slopes.js';
import { elements } from '../../src/ground/elements.js';
import { dilatedLayers } from '../../src/model/tfjs/hooks.js';
import { lcg, relativeError } from '../support/engines.js';
import { explained } from '../support/explained.js';
import { layerCases } from '../support/layer-cases.js';

/** Layers that read their inputs as ids or classes, so that nothing has a slope. */
const flat = ['categoryEncoding', 'centerCrop'];

describe('the slope of a point through', () => {
  it.each(Object.entries(layerCases))('%s', async (name, { layers, input, feature = (x) => 2 * x - 1 }) => {
    const target = await explained([...layers, { dense: { units: 2 } }], input);
    const random = lcg(5);
    const draw = (length: number, value: (x: number) => number) => Float32Array.from({ length }, () => value(random()));
    const x = draw(elements(input), feature);
    const seed = draw(elements(target.outputShape), (value) => value - 0.5);
    const warnings: string[] = [];
    const slopes = createSlopes(target, true, (message) => warnings.push(message));
    if (flat.includes(name)) {
      await expect(slopes).rejects.toThrow(ModelError);
      return;
    }
    const run = await slopes;
    const vectors = target.lookups.map(({ shape }) => draw(elements(shape), (value) => value));
    const [{ outputs, gradients }] = await run([[x, ...vectors]], seed);
    expect(outputs.length).toBe(seed.length);
    expect(warnings).toEqual([]);
    if (target.lookups.length > 0) {
      expect(gradients[1].some((value) => value !== 0)).toBe(true);
      return;
    }
    const { model } = target;
    // Where nothing compiles, another backend has been tried.
    tf.setBackend('cpu');
    const expected = tf.tidy(() =>
      dilatedLayers(model, () =>
        tf
          .grad((point) =>
            tf.sum(tf.mul(model.apply(point) as tf.Tensor, tf.tensor(seed, [1, ...target.outputShape]))),
          )(tf.tensor(x, [1, ...input]))
          .dataSync(),
      ),
    );
    expect(relativeError(gradients[0], expected)).toBeLessThan(1e-5);
  });
});
