/**
 * What layers of tfjs 4.22 leave out of their configs, so that a saved model could not be opened again, and shapes that they
 * change in place. Imported for its effect by whoever builds a model.
 */
import tfl = require('@tensorflow/tfjs-layers');

interface LayerClass {
  getConfig(this: Record<string, unknown>): Record<string, unknown>;
  computeOutputShape(shape: unknown): unknown;
  call(inputs: unknown, kwargs: unknown): unknown;
}

type Make = (options: Record<string, unknown>) => object;
const classOf = (name: string, options: Record<string, unknown>): LayerClass =>
  Object.getPrototypeOf((tfl.layers as unknown as Record<string, Make>)[name](options)) as LayerClass;

/** Options that a layer takes and has as a property, but does not report. */
function report(layer: LayerClass, ...options: string[]): void {
  const { getConfig } = layer;
  layer.getConfig = function withOptions() {
    return { ...getConfig.call(this), ...Object.fromEntries(options.map((option) => [option, this[option]])) };
  };
}
report(classOf('separableConv2d', { filters: 1, kernelSize: 1 }), 'depthMultiplier');
report(classOf('flatten', {}), 'dataFormat');

/** They write their output's size into the shape that they are given, which is that of the tensor before them. */
for (const [name, options] of Object.entries({
  categoryEncoding: { numTokens: 1 },
  centerCrop: { height: 1, width: 1 },
})) {
  const layer = classOf(name, options);
  const { computeOutputShape } = layer;
  layer.computeOutputShape = function ofCopy(shape) {
    return computeOutputShape.call(this, structuredClone(shape));
  };
}

/** It takes the shape of a batch for that of one image, and a list of inputs for the input. */
const resizing = classOf('resizing', { height: 1, width: 1 });
const { call } = resizing;
resizing.call = function onOne(inputs, kwargs) {
  return call.call(this, [inputs].flat()[0], kwargs);
};
resizing.computeOutputShape = function ofBatch(this: Resizing, shape) {
  const [batch, , , channels] = shape as number[];
  return [batch, this.height, this.width, channels];
};
type Resizing = LayerClass & { readonly height: number; readonly width: number };

/**
 * It knows no size before it has seen a batch, although all but the batch's own is known: layers after it, such as flatten
 * and dense, could not be made. What it came to is reported, so that plain tfjs opens the saved model too.
 */
const reshape = classOf('reshape', { targetShape: [1] });
const { computeOutputShape: unsized, getConfig: reshapeConfig } = reshape;
reshape.computeOutputShape = function ofKnown(this: Reshape, shape) {
  const [batch, ...sizes] = shape as number[];
  if (sizes.includes(null as never)) return unsized.call(this, shape);
  const target = this.fixUnknownDimension(sizes, this.targetShape);
  this.found = this.found === undefined || this.found.join() === target.join() ? target : this.targetShape;
  return [batch, ...target];
};
reshape.getConfig = function withFound() {
  return { ...reshapeConfig.call(this), targetShape: this.found ?? this.targetShape };
};
interface Reshape extends LayerClass {
  readonly targetShape: number[];
  /** The shape without unknown sizes; `targetShape` itself once inputs of several sizes came to several. */
  found?: number[];
  fixUnknownDimension(sizes: readonly number[], target: readonly number[]): number[];
}
