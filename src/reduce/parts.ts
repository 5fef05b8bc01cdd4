/**
 * Parts of the parameters that are exchanged one after another: Douillard et al., "Streaming DiLoCo with overlapping
 * communication" (2025). Layers are dealt in turn, so that a part has some of every depth, each to the part that has least.
 */
import { WireError } from '../errors.js';
import type { SlabLayout } from '../model/slab.js';
import type { ParameterRange } from './shares.js';

/** The floats of each part, in order, whole layers; some have none where layers are fewer. */
export function partsOf(layout: Pick<SlabLayout, 'tensors' | 'trainable'>, count: number): ParameterRange[][] {
  const parts = Array.from({ length: count }, () => ({ floats: 0, ranges: [] as ParameterRange[] }));
  for (const { from, to } of layersOf(layout)) {
    const part = parts.reduce((least, each) => (each.floats < least.floats ? each : least));
    part.floats += to - from;
    const last = part.ranges.at(-1);
    if (last?.to === from) part.ranges.splice(-1, 1, { from: last.from, to });
    else part.ranges.push({ from, to });
  }
  return parts.map(({ ranges }) => ranges);
}

/** @returns undefined for all of the parameters @throws WireError for a part that there is none of */
export function partIn(
  parts: readonly (readonly ParameterRange[])[] | undefined,
  part: number | undefined,
): readonly ParameterRange[] | undefined {
  if (part === undefined) return undefined;
  const ranges = parts?.[part];
  if (ranges) return ranges;
  throw new WireError(`part ${part} of the parameters: there is none`, 'both sides need the same job');
}

/** The trainable weights of a layer lie side by side, with names that begin alike. */
function layersOf({ tensors, trainable }: Pick<SlabLayout, 'tensors' | 'trainable'>): ParameterRange[] {
  const layers: (ParameterRange & { readonly name: string })[] = [];
  const weights = tensors.filter(({ offset }) => offset < trainable);
  for (const [i, { name, offset }] of weights.entries()) {
    const layer = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    const to = weights[i + 1]?.offset ?? trainable;
    const last = layers.at(-1);
    if (last?.name === layer) layers.splice(-1, 1, { ...last, to });
    else layers.push({ name: layer, from: offset, to });
  }
  return layers;
}
