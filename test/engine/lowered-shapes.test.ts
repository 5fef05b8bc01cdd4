/** Lowerings of what moves values: slices, indices, einsum and resizing. */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { computes, floats, integers, trains } from '../support/lowered.js';

beforeAll(() => loadBackend('cpu'));

describe('slices and indices', () => {
  const x = floats([4, 5, 3]);
  computes('stridedSlice', (t) => tf.stridedSlice(t, [0, 1, 0], [4, 5, 3], [2, 2, 1]), x);
  computes('stridedSlice backwards', (t) => tf.stridedSlice(t, [3, 4, 2], [0, 0, 0], [-1, -2, -1]), x);
  computes(
    'stridedSlice backwards to the start',
    (t) => tf.stridedSlice(t, [3, 0, 2], [0, 5, 0], [-1, 1, -1], 0, 5),
    x,
  );
  computes('stridedSlice with masks', (t) => tf.stridedSlice(t, [1, 1, 0], [3, 3, 1], [1, 1, 1], 1, 2, 0, 0, 4), x);
  computes(
    'stridedSlice with new axis and ellipsis',
    (t) => tf.stridedSlice(t, [0, 0, 1], [0, 0, 2], [1, 1, 1], 0, 0, 2, 1),
    x,
  );
  computes('stridedSlice of nothing', (t) => tf.add(tf.sum(tf.stridedSlice(t, [2], [2], [1])), tf.sum(t)), x);
  trains(
    'gather with batch dimensions',
    (t, i) => tf.gather(t, tf.cast(i, 'int32'), 1, 1),
    floats([3, 4, 2]),
    integers([3, 2], [0, 3, 1, 1, 2, 0]),
  );
  trains(
    'gather with a batch dimension, further in',
    (t, i) => tf.gather(t, tf.cast(i, 'int32'), 2, 1),
    floats([2, 3, 4, 2]),
    integers([2, 3], [0, 3, 1, 1, 2, 0]),
  );
  trains(
    'gather with two batch dimensions',
    (t, i) => tf.gather(t, tf.cast(i, 'int32'), 2, 2),
    floats([2, 2, 4]),
    integers([2, 2, 2], [0, 3, 1, 1, 2, 0, 3, 3]),
  );
  computes(
    'gatherND of elements',
    (t, i) => tf.gatherND(t, tf.cast(i, 'int32')),
    floats([3, 4]),
    integers([2, 2], [0, 3, 2, 1]),
  );
  computes(
    'gatherND of slices',
    (t, i) => tf.gatherND(t, tf.cast(i, 'int32')),
    floats([3, 4, 2]),
    integers([2, 1, 1], [2, 0]),
  );
  computes(
    'scatterND adds',
    (i, t) => tf.scatterND(tf.cast(i, 'int32'), t, [5, 2]),
    integers([3, 1], [4, 0, 4]),
    floats([3, 2]),
  );
  computes(
    'scatterND of integers',
    (i, t) => tf.scatterND(tf.cast(i, 'int32'), t, [3, 3]),
    integers([2, 2], [0, 1, 2, 2]),
    integers([2], [5, -7]),
  );
  computes(
    'tensorScatterUpdate',
    (t, i, u) => tf.tensorScatterUpdate(t, tf.cast(i, 'int32'), u),
    floats([5, 2]),
    integers([2, 1], [4, 1]),
    floats([2, 2]),
  );
  computes(
    'topk',
    (t) => {
      const { values, indices } = tf.topk(t, 3);
      return [values, indices];
    },
    floats([4, 6], [1, 3, 3, 2, 3, 0]),
  );
  computes(
    'topk of integers',
    (t) => {
      const { values, indices } = tf.topk(t, 2);
      return [values, indices];
    },
    integers([5], [2, 9, -1, 9, 4]),
  );
  computes(
    'lower and upper bound',
    (s, v) => [tf.lowerBound(s, v), tf.upperBound(s, v)],
    floats([2, 4], [0, 1, 1, 5, -2, -1, 0, 3]),
    floats([2, 3], [1, 7, -4, 0, 3, 2]),
  );
  computes(
    'bincount',
    (t, w) => [
      tf.bincount(tf.cast(t, 'int32') as tf.Tensor1D, w as tf.Tensor1D, 4),
      tf.denseBincount(tf.cast(t, 'int32') as tf.Tensor1D, tf.tensor1d([]), 4),
    ],
    integers([5], [0, 3, 3, 9, 1]),
    floats([5]),
  );
  computes(
    'denseBincount of rows',
    (t) => tf.denseBincount(tf.cast(t, 'int32') as tf.Tensor1D, tf.tensor1d([]), 4, true),
    integers([2, 3], [0, 3, 3, 9, 1, 1]),
  );
  computes(
    'sparseToDense',
    (i, v) => tf.sparseToDense(tf.cast(i, 'int32'), v, [4, 3], 7),
    integers([2, 2], [0, 2, 3, 1]),
    floats([2]),
  );
  computes(
    'topk of all, in their order',
    (t) => {
      const { values, indices } = tf.topk(t, 4, false);
      return [values, indices];
    },
    floats([2, 4]),
  );
  trains(
    'gather with batch dimensions counted from the end',
    (t, i) => tf.gather(t, tf.cast(i, 'int32'), 1, -1),
    floats([3, 4, 2]),
    integers([3, 2], [0, 3, 1, 1, 2, 0]),
  );
  computes('diag', (t) => tf.diag(t), floats([2, 2]));
  trains('reverse', (t) => tf.reverse(t, [0, 2]), x);
  for (const mode of ['reflect', 'symmetric'] as const) {
    trains(
      `mirrorPad ${mode}`,
      (t) =>
        tf.mirrorPad(
          t,
          [
            [1, 2],
            [0, 0],
            [2, 1],
          ],
          mode,
        ),
      floats([4, 2, 3]),
    );
  }
});

describe('einsum', () => {
  const [a, b] = [floats([3, 4]), floats([4, 5])];
  computes('ij,jk->ik', (x, y) => tf.einsum('ij,jk->ik', x, y), a, b);
  computes('ij,jk->ki', (x, y) => tf.einsum('ij,jk->ki', x, y), a, b);
  computes('ij->ji', (x) => tf.einsum('ij->ji', x), a);
  computes('ij->', (x) => tf.einsum('ij->', x), a);
  computes('i,j->ij', (x, y) => tf.einsum('i,j->ij', x, y), floats([3]), floats([4]));
  computes('bhid,bhjd->bhij', (x, y) => tf.einsum('bhid,bhjd->bhij', x, y), floats([2, 3, 4, 5]), floats([2, 3, 6, 5]));
  computes('bij,ckj->bki', (x, y) => tf.einsum('bij,ckj->bki', x, y), floats([2, 3, 4]), floats([5, 6, 4]));
  computes('of integers', (x, y) => tf.einsum('ij,j->i', x, y), integers([2, 2], [1, 2, 3, 4]), integers([2], [5, 6]));
});

describe('resizing', () => {
  const images = floats([2, 4, 5, 3]);
  for (const [alignCorners, half] of [
    [false, false],
    [true, false],
    [false, true],
  ]) {
    for (const size of [
      [8, 10],
      [7, 3],
      [3, 9],
      [1, 1],
    ] as [number, number][]) {
      const how = `to ${size.join(' x ')}${alignCorners ? ', corners aligned' : ''}${half ? ', at centres' : ''}`;
      trains(`bilinear ${how}`, (x) => tf.image.resizeBilinear(x as tf.Tensor4D, size, alignCorners, half), images);
      trains(
        `nearest ${how}`,
        (x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, size, alignCorners, half),
        images,
      );
    }
  }
  for (const fill of [3, [1, 2, 3]] as (number | [number, number, number])[]) {
    computes(
      `rotateWithOffset, filled with ${fill}`,
      (x) => tf.image.rotateWithOffset(x as tf.Tensor4D, 0.6, fill, [0.4, 0.5]),
      images,
    );
  }
  computes('flipLeftRight', (x) => tf.image.flipLeftRight(x as tf.Tensor4D), images);
});
