/** Every kernel beyond those of layers: the compiled engine computes what tfjs's backend `cpu` does, and the same gradients. */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { elements } from '../../src/ground/elements.js';
import { lcg, relativeError } from '../support/engines.js';
import { compiled, eager, type Found, type Given } from '../support/traced.js';

type Body = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** Numbers in [-2, 2), or those that are given. */
const floats = (shape: number[], values?: number[]): Given => {
  const random = lcg(elements(shape) + shape.length);
  const data = Float32Array.from({ length: elements(shape) }, (_, i) => values?.[i] ?? random() * 4 - 2);
  return { shape, type: 'float32', data };
};
const integers = (shape: number[], values: number[]): Given => ({
  shape,
  type: 'int32',
  data: Int32Array.from(values),
});
const bools = (x: tf.Tensor) => tf.cast(x, 'bool');

beforeAll(() => loadBackend('cpu'));

function compare(actual: Found[], expected: Found[]): void {
  expect(actual.map(({ shape, type }) => ({ shape, type }))).toEqual(
    expected.map(({ shape, type }) => ({ shape, type })),
  );
  actual.forEach(({ data }, i) => {
    const wanted = expected[i].data;
    expect(data.map(Number.isFinite)).toEqual(wanted.map(Number.isFinite));
    data.forEach((value, at) => {
      if (!Number.isFinite(value)) expect(value).toBe(wanted[at]);
    });
    expect(relativeError(data.filter(Number.isFinite), wanted.filter(Number.isFinite))).toBeLessThan(1e-5);
  });
}

/** The sum of all results, each number with a weight of its own. */
const weighed = (results: tf.Tensor | tf.Tensor[]): tf.Tensor =>
  [results].flat().reduce((total, y) => {
    const weights = Float32Array.from({ length: y.size }, (_, i) => ((i * 7) % 11) - 4.5);
    return tf.add(total, tf.sum(tf.mul(y, tf.tensor(weights, y.shape))));
  }, tf.scalar(0) as tf.Tensor);

/** The results, and the gradients of their weighed sum. */
function withGradients(body: Body): (...inputs: tf.Tensor[]) => tf.Tensor[] {
  return (...inputs) => {
    const isFloat = inputs.map(({ dtype }) => dtype === 'float32');
    const sum = (...some: tf.Tensor[]) => {
      const left = some.values();
      return weighed(body(...inputs.map((x, i) => (isFloat[i] ? left.next().value! : x))));
    };
    return [body(...inputs), tf.grads(sum)(inputs.filter((_, i) => isFloat[i]))].flat();
  };
}

/** The gradients tell how the sum changes when all floats move a little, each its own way. */
function compareWithDifferences(body: Body, inputs: Given[], gradients: Found[]): void {
  const floating = inputs.filter(({ type }) => type === 'float32');
  const direction = (i: number, at: number) => ((at * 5 + i) % 7) - 3;
  const sumAt = (step: number): number => {
    const moved = inputs.map((given): Given => {
      const i = floating.indexOf(given);
      return i < 0 ? given : { ...given, data: given.data.map((x, at) => x + step * direction(i, at)) };
    });
    return eager((...xs) => [weighed(body(...xs))], moved)[0].data[0];
  };
  const products = gradients.flatMap(({ data }, i) => data.map((value, at) => value * direction(i, at)));
  const slope = (sumAt(0.004) - sumAt(-0.004)) / 0.008;
  const size = Math.hypot(...products) + 1;
  expect(Math.abs(products.reduce((a, b) => a + b, 0) - slope) / size).toBeLessThan(0.02);
}

const computes = (name: string, body: Body, ...inputs: Given[]) =>
  it(name, () => {
    const all = (...xs: tf.Tensor[]) => [body(...xs)].flat();
    compare(compiled(all, inputs), eager(all, inputs));
  });
const trains = (name: string, body: Body, ...inputs: Given[]) =>
  it(name, () => {
    const all = withGradients(body);
    const expected = eager(all, inputs);
    compare(compiled(all, inputs), expected);
    const count = inputs.filter(({ type }) => type === 'float32').length;
    compareWithDifferences(body, inputs, expected.slice(-count));
  });

describe('what is taken apart, into one piece too', () => {
  for (const axis of [0, 1, 2]) {
    for (const count of [1, 3]) {
      const shape = [2, 2, 2].map((size, i) => (i === axis ? count : size));
      const joined = (parts: tf.Tensor[]) => parts.map((part, i) => tf.mul(part, i + 2)).reduce((a, b) => tf.add(a, b));
      trains(`unstack ${count} of axis ${axis}`, (x) => tf.square(joined(tf.unstack(x, axis))), floats(shape));
      trains(`split ${count} of axis ${axis}`, (x) => tf.square(joined(tf.split(x, count, axis))), floats(shape));
    }
  }
});

describe('running sums and products', () => {
  for (const axis of [0, 1, 2]) {
    for (const [exclusive, reverse] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      const how = `axis ${axis}${exclusive ? ' exclusive' : ''}${reverse ? ' reverse' : ''}`;
      trains(`cumsum ${how}`, (x) => tf.cumsum(x, axis, exclusive, reverse), floats([2, 5, 3]));
      computes(`cumprod ${how}`, (x) => tf.cumprod(x, axis, exclusive, reverse), floats([2, 5, 3]));
    }
  }
  trains('cumsum of a square', (x) => tf.cumsum(x, 0), floats([4, 4]));
  computes('cumsum of integers', (x) => tf.cumsum(x, 1), integers([2, 3], [1, -2, 3, 4, 5, 6]));
  computes('cumsum of booleans', (x) => tf.cumsum(bools(x), 0), integers([4], [1, 0, 1, 1]));
  computes('cumprod of integers', (x) => tf.cumprod(x, 0), integers([4], [3, -2, 5, 2]));
  trains('prod', (x) => tf.prod(x, 1), floats([3, 4]));
  trains('prod over two axes', (x) => tf.prod(x, [0, 2]), floats([3, 2, 4]));
  trains('prod of all', (x) => tf.prod(x), floats([5]));
});

describe('ranges', () => {
  trains('range', (x) => tf.mul(x, tf.range(0, 5)), floats([2, 5]));
  computes('range of integers, downwards', (x) => tf.add(x, tf.range(9, 0, -3, 'int32')), integers([3], [1, 2, 3]));
  trains('linspace', (x) => tf.mul(x, tf.linspace(-1, 1, 7)), floats([7]));
});

describe('tests', () => {
  const odd = floats([6], [1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -3]);
  computes('isNaN, isInf, isFinite', (x) => [tf.isNaN(x), tf.isInf(x), tf.isFinite(x)], odd);
  computes('of integers', (x) => [tf.isNaN(x), tf.isInf(x), tf.isFinite(x)], integers([2], [0, 3]));
  const some = integers([2, 3, 2], [1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
  for (const axis of [undefined, 0, 1, -1, [0, 2]]) {
    computes(`all and any along ${axis}`, (x) => [tf.all(bools(x), axis), tf.any(bools(x), axis)], some);
    computes(
      `all and any along ${axis}, kept`,
      (x) => [tf.all(bools(x), axis, true), tf.any(bools(x), axis, true)],
      some,
    );
  }
  computes(
    'logicalXor',
    (x, y) => tf.logicalXor(bools(x), bools(y)),
    integers([4], [0, 0, 1, 1]),
    integers([4], [0, 1, 0, 1]),
  );
});

describe('angles and hyperbolic functions', () => {
  trains('atan2', (y, x) => tf.atan2(y, x), floats([4, 5]), floats([4, 5], [1, 2]));
  trains('atan2, broadcast', (y, x) => tf.atan2(y, x), floats([4, 1]), floats([5]));
  const [zero, inf] = [0, Number.POSITIVE_INFINITY];
  computes(
    'atan2 at the ends',
    (y, x) => tf.atan2(y, x),
    floats([12], [zero, -zero, zero, -zero, inf, -inf, inf, -inf, 1, 1, Number.NaN, 0]),
    floats([12], [zero, zero, -zero, -zero, inf, inf, -inf, -inf, 0, -0, 1, -5]),
  );
  trains('acosh', (x) => tf.acosh(x), floats([4], [1.5, 2, 3, 40]));
  trains('asinh', (x) => tf.asinh(x), floats([3, 3]));
  trains('atanh', (x) => tf.atanh(x), floats([4], [0.5, -0.5, 0.9, 0]));
  computes('of integers', (x) => tf.asinh(x), integers([3], [0, 2, -20]));
});

describe('one-hot', () => {
  const ids = integers([2, 3], [0, 3, -1, 7, 2, 1]);
  computes('with values', (x) => tf.oneHot(tf.cast(x, 'int32'), 4, 0.9, 0.025, 'float32'), ids);
  computes('of integers with values', (x) => tf.oneHot(tf.cast(x, 'int32'), 4, 5, -3), ids);
  trains(
    'label smoothing',
    (x) => tf.mul(x, tf.oneHot(tf.tensor1d([0, 2], 'int32'), 3, 0.9, 0.05, 'float32')),
    floats([2, 3]),
  );
});

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
