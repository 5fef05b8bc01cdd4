/** Dilated convolutions that can be trained: tfjs runs them forward but refuses their gradient. */
import tf = require('@tensorflow/tfjs-core');

type Pair = [number, number];
type Filter = tf.Tensor4D;

/** A convolution's gradients straight from its dilation, where the backend has kernels for that. */
export type DilatedKernels = (
  x: tf.Tensor4D,
  filter: Filter,
  dy: tf.Tensor4D,
  pad: 'valid' | 'same',
  dilations: Pair,
) => [tf.Tensor4D, Filter];

/** The filter with zeros between its taps: convolving with it needs no dilation. */
function spread(filter: Filter, [dh, dw]: Pair): Filter {
  const [h, w, c, f] = filter.shape;
  const gaps = tf.pad(tf.reshape(filter, [h, 1, w, 1, c * f]), [
    [0, 0],
    [0, dh - 1],
    [0, 0],
    [0, dw - 1],
    [0, 0],
  ]);
  const all = tf.reshape(gaps, [h * dh, w * dw, c, f]) as Filter;
  return tf.slice(all, [0, 0, 0, 0], [(h - 1) * dh + 1, (w - 1) * dw + 1, c, f]);
}

/** The taps of a spread filter. */
function taps(spreadFilter: Filter, [h, w]: readonly number[], [dh, dw]: Pair): Filter {
  const [, , c, f] = spreadFilter.shape;
  const rest = [
    [0, h * dh - spreadFilter.shape[0]],
    [0, w * dw - spreadFilter.shape[1]],
    [0, 0],
    [0, 0],
  ] as Pair[];
  const cells = tf.reshape(tf.pad(spreadFilter, rest), [h, dh, w, dw, c * f]);
  return tf.reshape(tf.slice(cells, [0, 0, 0, 0, 0], [h, 1, w, 1, c * f]), [h, w, c, f]);
}

const spreadGradients: DilatedKernels = (x, filter, dy, pad, dilations) => {
  const wide = spread(filter, dilations);
  const attrs = { strides: 1, pad, dataFormat: 'NHWC', dimRoundingMode: undefined };
  const engine = tf.engine();
  const dx = engine.runKernel('Conv2DBackpropInput', { dy, filter: wide }, { ...attrs, inputShape: x.shape } as never);
  const dw = engine.runKernel('Conv2DBackpropFilter', { x, dy }, { ...attrs, filterShape: wide.shape } as never);
  return [dx as tf.Tensor4D, taps(dw as Filter, filter.shape, dilations)];
};

/** tf.conv2d with stride 1, dilation and a gradient. Shapes as there: [n, h, w, c] and [kh, kw, c, filters]. */
export function dilatedConv2d(
  x: tf.Tensor4D,
  filter: Filter,
  pad: 'valid' | 'same',
  dilations: Pair,
  gradients: DilatedKernels = spreadGradients,
): tf.Tensor4D {
  const convolve = tf.customGrad((input, weights, save) => {
    (save as tf.GradSaveFunc)([input as tf.Tensor, weights as tf.Tensor]);
    const value = tf.conv2d(input as tf.Tensor4D, weights as Filter, 1, pad, 'NHWC', dilations);
    return {
      value,
      gradFunc: (dy: tf.Tensor, [savedX, savedFilter]: tf.Tensor[]) =>
        gradients(savedX as tf.Tensor4D, savedFilter as Filter, dy as tf.Tensor4D, pad, dilations),
    };
  });
  return convolve(x, filter) as tf.Tensor4D;
}
