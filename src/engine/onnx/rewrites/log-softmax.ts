/** Log softmax, which tfjs computes step by step: y - log(sum(exp(y))), with y = x - max(x). One node takes the place of all steps. */
import type { Rule } from './rewrite.js';

export const logSoftmax: Rule = {
  name: 'log softmax',
  apply({ op, inputs, outputs }, { maker, shape }, writer) {
    if (op !== 'Sub') return false;
    const [shifted, logs] = inputs as [string, string];
    const whole = shape(shifted);
    // What is subtracted must be the same along the last axis.
    const each = String([...(whole?.slice(0, -1) ?? []), 1]);
    if (!whole || whole.at(-1)! < 2 || String(shape(logs)) !== each) return false;
    /** Inputs of the node that made a tensor, if the node is an `op`. */
    const from = (name: string | undefined, op: string): readonly string[] => {
      const node = name === undefined ? undefined : maker(name);
      return node?.op === op ? node.inputs : [];
    };
    const [sum] = from(logs, 'Log');
    const [exponent] = from(from(sum, 'ReduceSum')[0], 'Exp');
    const [x, most] = from(shifted, 'Sub');
    // The lowering of a maximum looks for NaN, hence the Where.
    const greatest = from(most, 'Where')[2];
    if (exponent !== shifted || x === undefined || from(greatest, 'ReduceMax')[0] !== x) return false;
    if (String(shape(most!)) !== each || maker(greatest!)!.attributes.keepdims !== 1) return false;
    writer.node('LogSoftmax', [x], whole, { attributes: { axis: -1 }, to: outputs[0]! });
    return true;
  },
};
