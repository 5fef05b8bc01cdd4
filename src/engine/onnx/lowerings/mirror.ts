/** Lowerings that show pixels elsewhere: mirrored, turned, or repeated around the edge. */
import tf = require('@tensorflow/tfjs-core');

import type { Lowering, Lowerings } from './lowering.js';
import { seenAs, taken } from './pieces.js';

const flip: Lowering = (graph, call) => {
  const x = call.input('image');
  const [start, end, axis] = [x.shape[2]! - 1, -x.shape[2]! - 1, 2].map((at) => graph.int64([at]));
  const name = graph.node('Slice', [graph.rows(x), start!, end!, axis!, graph.int64([-1])]);
  return graph.value(name, x.shape, x.storage.type);
};

/** Each pixel shows the one that a rotation about the centre brings there, or the fill value. */
const rotate: Lowering = (graph, call) => {
  const x = call.input('image');
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  const [radians, fill] = [call.attribute<number>('radians'), call.attribute<number | number[]>('fillValue')];
  const center = tf.backend_util.getImageCenter(call.attribute<number | [number, number]>('center'), height, width);
  const [centerX, centerY] = center as [number, number];
  const [sin, cos] = [Math.sin(radians), Math.cos(radians)];
  const sources = Array.from({ length: height * width }, (_, i) => {
    const [right, down] = [(i % width) - centerX, Math.floor(i / width) - centerY];
    const [column, row] = [
      Math.round(right * cos - down * sin + centerX),
      Math.round(right * sin + down * cos + centerY),
    ];
    const isInside = column >= 0 && column < width && row >= 0 && row < height;
    return isInside ? row * width + column : -1;
  });
  // A fourth channel is opacity.
  const fills = Array.from({ length: channels }, (_, i) =>
    typeof fill === 'number' ? fill : i === 3 ? 255 : fill[i]!,
  );
  const { type } = x.storage;
  const filler = graph.tensor(type === 'int32' ? Int32Array.from(fills) : Float32Array.from(fills), [channels], type);
  const shown = taken(
    graph,
    graph.rows(x, [n, height * width, channels]),
    1,
    sources.map((at) => Math.max(0, at)),
  );
  const isShown = graph.tensor(
    Uint8Array.from(sources, (at) => Number(at >= 0)),
    [height * width, 1],
    'bool',
  );
  const name = graph.node('Where', [isShown, shown, filler]);
  return seenAs(graph.value(name, [n, height * width, channels], type), x.shape);
};

/** Puts around each axis what lies at its ends, mirrored, with or without the outermost element itself. */
const mirrorPad: Lowering = (graph, call) => {
  const x = call.input('x');
  const paddings = call.attribute<[number, number][]>('paddings');
  const skip = call.attribute<string>('mode') === 'reflect' ? 1 : 0;
  const name = paddings.reduce((current, [before, after], axis) => {
    if (before + after === 0) return current;
    const size = x.shape[axis]!;
    const indices = Array.from({ length: before + size + after }, (_, i) => {
      const at = i - before;
      if (at < 0) return -at - 1 + skip;
      return at < size ? at : 2 * size - 1 - at - skip;
    });
    return graph.node('Gather', [current, graph.int64(indices)], { axis });
  }, graph.rows(x));
  const shape = x.shape.map((size, i) => size + paddings[i]![0] + paddings[i]![1]);
  return graph.value(name, shape, x.storage.type);
};

export const mirrorLowerings: Lowerings = {
  FlipLeftRight: flip,
  MirrorPad: mirrorPad,
  RotateWithOffset: rotate,
};
