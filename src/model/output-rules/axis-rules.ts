/** What layers that pool, cut, move or resize do to the axis along which probabilities add up to one. */
import { type Call, type LayerRule, lastOf, type Shape, softmaxAlong, undecided } from './known.js';

/** Layers that leave numbers along some axes out, or blend them. @param convex whether a softmax over another axis stays one */
const alongAxes =
  (how: string, axes: (call: Call) => readonly number[], convex: boolean): LayerRule =>
  (call) => {
    const [input] = call.inputs;
    if (input.kind !== 'softmax') return input;
    const { axis } = input;
    const touched = axes(call);
    if (!convex || touched.includes(axis)) return undecided(`${call.where} takes the ${how} of a softmax`);
    // The axes behind one that the layer removes move up.
    const gone = call.shapes[0].length > call.shape.length ? touched.filter((other) => other < axis).length : 0;
    return softmaxAlong(axis - gone);
  };

/** Axes of positions: all but the batch and the channels. */
const positions = ({ config, shapes: [shape] }: Call): number[] => {
  const first = (config.dataFormat ?? config.data_format) === 'channelsFirst';
  return shape.map((_, i) => i).filter((i) => i > 0 && i !== (first ? 1 : lastOf(shape)));
};
export const average = alongAxes('average', positions, true);
export const greatest = alongAxes('maximum', positions, false);
export const interpolation = alongAxes('interpolation', positions, true);
export const crop = alongAxes('part', positions, true);

/** The axis with the same size and the same distance between its numbers. */
export const reshape: LayerRule = ({ inputs: [input], shapes: [from], shape: to, where }) => {
  if (input.kind !== 'softmax') return input;
  const places = (shape: Shape, axis: number) =>
    shape.slice(axis + 1).reduce<number>((n, size) => n * (size ?? Number.NaN), 1);
  const wanted = places(from, input.axis);
  const axis = to.findLastIndex((size, i) => i > 0 && size === from[input.axis] && places(to, i) === wanted);
  return axis > 0 ? softmaxAlong(axis) : undecided(`${where} mixes the classes of a softmax with its places`);
};

export const permute: LayerRule = ({ inputs: [input], config }) => {
  if (input.kind !== 'softmax') return input;
  const dims = [0, ...(config.dims as number[])];
  return softmaxAlong(dims.indexOf(input.axis));
};
