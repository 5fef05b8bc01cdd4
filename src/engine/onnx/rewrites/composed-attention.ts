/** Shares of attention and their gradient (kernels/assembly/attention-shares.ts) of which there is little to compute: operators of ONNX. */
import { kernelDomain } from '../graph.js';
import type { Rule } from './rewrite.js';
import { worthwhile } from './share-activations.js';

/** Added to a score that must not count. */
const least = -1e9;

const composedBelow = (name: string, fewest: number): Rule => ({
  name,
  apply({ op, domain, inputs, outputs, attributes }, around, writer) {
    if (domain !== kernelDomain || !/^attention(Shares|Slopes)$/.test(op)) return false;
    const [matrices, rows, keys, seen, size] = attributes.numbers as [number, number, number, number, number];
    if (matrices * rows * keys >= fewest && keys % 16 === 0) return false;
    const [to] = outputs as [string];
    const shape = around.shape(to)!;
    const scale = writer.float(size ** -0.5);
    const node = (kind: string, ...from: string[]) => writer.node(kind, from, shape);
    if (op === 'attentionShares') {
      const scaled = size === 1 ? inputs[0]! : node('Mul', inputs[0]!, scale);
      const later = Array.from({ length: rows * keys }, (_, at) =>
        at % keys < seen + Math.floor(at / keys) ? 0 : least,
      );
      const scores = seen === keys ? scaled : node('Add', scaled, writer.floats(later, [rows, keys]));
      writer.node('Softmax', [scores], shape, { attributes: { axis: -1 }, to });
      return true;
    }
    const [shares, slopes] = inputs as [string, string];
    const one = [...shape.slice(0, -1), 1];
    const along = writer.node('ReduceSum', [node('Mul', shares, slopes), writer.int64([-1])], one, {
      attributes: { keepdims: 1 },
    });
    const rest = node('Sub', slopes, along);
    writer.node('Mul', [shares, size === 1 ? rest : node('Mul', rest, scale)], shape, { to });
    return true;
  },
});

export const composedAttention = composedBelow('composed attention', worthwhile);

/** The same of any number of them. */
export const composedAttentions = composedBelow('composed attention, of all sizes', Number.POSITIVE_INFINITY);
