/** Lowerings of what reads windows: channels, batches, windows and volumes. */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { computes, floats, trains, withGradients } from '../support/lowered.js';

beforeAll(() => loadBackend('cpu'));

describe('space, channels and batch', () => {
  computes('depthToSpace', (x) => tf.depthToSpace(x as tf.Tensor4D, 2, 'NHWC'), floats([2, 2, 3, 8]));
  trains(
    'spaceToBatchND',
    (x) =>
      tf.spaceToBatchND(
        x,
        [2, 3],
        [
          [0, 1],
          [1, 1],
        ],
      ),
    floats([2, 3, 4, 2]),
  );
  trains(
    'batchToSpaceND',
    (x) =>
      tf.batchToSpaceND(
        x,
        [2, 3],
        [
          [0, 1],
          [1, 0],
        ],
      ),
    floats([12, 2, 2, 2]),
  );
  trains('dilated pooling', (x) => tf.pool(x as tf.Tensor4D, 2, 'max', 'valid', 2, 1), floats([2, 6, 7, 2]));
  trains(
    'local response normalization',
    (x) => tf.localResponseNormalization(x as tf.Tensor4D, 2, 1.5, 0.3, 0.7),
    floats([2, 3, 2, 6]),
  );
});

describe('channels-first', () => {
  const filter = floats([3, 2, 3, 4]);
  trains(
    'conv2d with explicit padding',
    (x, w) =>
      tf.conv2d(
        x as tf.Tensor4D,
        w as tf.Tensor4D,
        1,
        [
          [0, 0],
          [0, 0],
          [1, 2],
          [0, 1],
        ] as never,
        'NCHW',
      ),
    floats([2, 3, 6, 7]),
    filter,
  );
  computes(
    'fused with PReLU',
    (x, w, slopes) =>
      tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter: w as tf.Tensor4D,
        strides: 1,
        pad: 'same',
        dataFormat: 'NCHW',
        activation: 'prelu',
        preluActivationWeights: slopes,
      }),
    floats([2, 3, 6, 7]),
    // As many outputs as inputs: tfjs takes one for the other when it checks the slopes.
    floats([3, 2, 3, 3]),
    floats([3, 1, 1]),
  );
  for (const pad of ['same', 'valid'] as const) {
    for (const strides of [1, 2] as const) {
      trains(
        `conv2d ${pad}, strides ${strides}`,
        (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad, 'NCHW'),
        floats([2, 3, 6, 7]),
        filter,
      );
    }
  }
});

describe('windows', () => {
  // Far enough apart to stay in their order when they move a little.
  const apart = floats(
    [2, 6, 7, 2],
    Array.from({ length: 168 }, (_, i) => ((i * 55) % 168) * 0.1 - 8),
  );
  const heights = floats([2, 3, 2], [0, 0.03, -0.04, 0.01, 0.02, 0, 0.04, -0.01, 0.02, 0.03, 0, 0.01]);
  for (const pad of ['same', 'valid'] as const) {
    for (const [strides, dilations] of [
      [1, 1],
      [2, 1],
      [1, 2],
    ]) {
      trains(
        `dilation2d ${pad}, strides ${strides}, dilations ${dilations}`,
        (x, w) => tf.dilation2d(x as tf.Tensor4D, w as tf.Tensor3D, strides, pad, dilations),
        apart,
        heights,
      );
    }
    for (const all of [true, false]) {
      computes(
        `maxPoolWithArgmax ${pad}${all ? ' in the batch' : ''}`,
        (x) => Object.values(tf.maxPoolWithArgmax(x as tf.Tensor4D, [2, 3], 2, pad, all)),
        apart,
      );
    }
  }
});

describe('three dimensions', () => {
  const volume = floats([2, 4, 5, 6, 3]);
  // Far enough apart to stay in their order when they move a little.
  const apart = floats(
    [2, 4, 5, 6, 3],
    Array.from({ length: 720 }, (_, i) => ((i * 247) % 720) * 0.05 - 18),
  );
  for (const pad of ['same', 'valid'] as const) {
    for (const strides of [1, [2, 1, 2]] as (number | [number, number, number])[]) {
      const how = `${pad}, strides ${strides}`;
      trains(
        `conv3d ${how}`,
        (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, strides, pad),
        volume,
        floats([2, 3, 2, 3, 4]),
      );
      trains(`maxPool3d ${how}`, (x) => tf.maxPool3d(x as tf.Tensor5D, [2, 3, 2], strides, pad), apart);
      trains(`avgPool3d ${how}`, (x) => tf.avgPool3d(x as tf.Tensor5D, [2, 3, 2], strides, pad), volume);
    }
  }
  computes(
    'maxPool3d with ties, and its gradient',
    withGradients((x) => tf.maxPool3d(tf.round(tf.mul(x, 0.5)) as tf.Tensor5D, [2, 3, 2], 1, 'same')),
    volume,
  );
  trains(
    'conv3dTranspose',
    (x, w) => tf.conv3dTranspose(x as tf.Tensor5D, w as tf.Tensor5D, [2, 5, 6, 6, 2], [1, 2, 1], 'valid'),
    floats([2, 4, 2, 6, 4]),
    floats([2, 3, 1, 2, 4]),
  );
});
