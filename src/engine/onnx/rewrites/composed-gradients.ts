/** Gradients of normalizations (kernels/assembly/normalization-gradient.ts) of which there is little to compute: operators of ONNX. */
import { kernelDomain } from '../graph.js';
import type { Rule } from './rewrite.js';
import { worthwhile } from './share-activations.js';

/** dx = (g - mean(g) - y mean(g y)) * inverse, for g = dy * scale and y the result before scale and offset. */
const composedBelow = (name: string, size: number): Rule => ({
  name,
  apply({ op, domain, inputs, outputs, attributes }, around, writer) {
    if (domain !== kernelDomain || !/^(layer|rms)NormGradient$/.test(op)) return false;
    const [rows, columns] = attributes.numbers as [number, number];
    if (rows * columns >= size && columns % 4 === 0) return false;
    const isCentered = op === 'layerNormGradient';
    const [x, mean] = inputs as [string, string];
    const [inverse, scale, dy] = inputs.slice(isCentered ? 2 : 1) as [string, string, string];
    const [dx, dscale, doffset] = outputs as [string, string, string?];
    const [shape, single] = [
      [rows, columns],
      [rows, 1],
    ];
    const given = writer.seenAs(x, shape);
    const factor = writer.seenAs(inverse, single);
    const change = writer.seenAs(dy, shape);
    const node = (name: string, ...from: string[]) => writer.node(name, from, shape);
    const meanOf = (name: string) =>
      writer.node('ReduceMean', [name], single, { attributes: { axes: [1], keepdims: 1 } });
    const centered = isCentered ? node('Sub', given, writer.seenAs(mean, single)) : given;
    const y = node('Mul', centered, factor);
    const g = node('Mul', change, writer.seenAs(scale, [columns]));
    const rest = isCentered ? node('Sub', g, meanOf(g)) : g;
    const flat = node('Mul', node('Sub', rest, node('Mul', y, meanOf(node('Mul', g, y)))), factor);
    const whole = around.shape(dx)!;
    writer.node('Reshape', [flat, writer.int64(whole)], whole, { to: dx });
    const summed = (from: string, to: string) =>
      writer.node('ReduceSum', [from, writer.int64([0])], [columns], { attributes: { keepdims: 0 }, to });
    if (around.readers(dscale).length > 0) summed(node('Mul', change, y), dscale);
    if (doffset && around.readers(doffset).length > 0) summed(change, doffset);
    return true;
  },
});

export const composedNormalizationGradient = composedBelow('composed gradient of a normalization', worthwhile);

/** The same of any number of them. */
export const composedNormalizationGradients = composedBelow(
  'composed gradients of normalizations, of all sizes',
  Number.POSITIVE_INFINITY,
);
