/** Where numbers are positive, which is the gradient of relu: 1, else 0. */
import { kernelDomain } from '../graph.js';
import type { OnnxNode } from '../proto.js';
import type { NodesAround, Rule } from './rewrite.js';

/** Times this, and clipped to [0, 1], positive numbers are 1: it costs half of a comparison and a cast, and is exact but for denormal numbers. */
export const steepness = 3e38;

const clips = ({ op, inputs }: OnnxNode, { number }: NodesAround): boolean =>
  op === 'Clip' && number(inputs[1]!) === 0 && number(inputs[2]!) === 1;

const isSteep = ({ op, inputs }: OnnxNode, { number }: NodesAround): boolean =>
  op === 'Mul' && number(inputs[1]!) === Math.fround(steepness);

/** Asks relu's result instead of what relu is given, where there is one: what comes before relu then serves nobody else, and can be fused. */
export const stepOfRelu: Rule = {
  name: 'step of relu',
  apply(node, around, writer) {
    if (!isSteep(node, around)) return false;
    const [x, factor] = node.inputs as [string, string];
    const [steep] = node.outputs as [string];
    const relu = around.readers(x).find((reader) => reader.op === 'Relu' && around.isBefore(reader, node));
    if (!relu || !around.readers(steep).every((reader) => clips(reader, around))) return false;
    writer.node('Mul', [relu.outputs[0]!, factor], around.shape(x)!, { to: steep });
    return true;
  },
};

/** Whether `step` is 1 where `x` is positive, and else 0; both may be turned alike. */
function isStepOf(step: string, x: string, around: NodesAround): boolean {
  const made = around.maker(step);
  if (!made) return false;
  if (clips(made, around)) {
    const steep = around.maker(made.inputs[0]!);
    return steep !== undefined && isSteep(steep, around) && steep.inputs[0] === x;
  }
  const other = around.maker(x);
  const isAlike = made.op === other?.op && String(made.attributes.perm) === String(other.attributes.perm);
  return ['Reshape', 'Transpose'].includes(made.op) && isAlike && isStepOf(made.inputs[0]!, other.inputs[0]!, around);
}

/** The gradient of relu before max pooling: pooling's own gradient can leave out what relu would. */
export const reluOfPooling: Rule = {
  name: 'relu before pooling',
  apply({ op, inputs }, around, writer) {
    if (op !== 'Mul') return false;
    for (const [gradient, step] of [inputs, inputs.toReversed()] as [string, string][]) {
      const pooling = around.maker(gradient);
      if (pooling?.op !== 'maxPoolGradient' || pooling.domain !== kernelDomain) continue;
      if (around.readers(gradient).length !== 1 || !isStepOf(step, pooling.inputs[0]!, around)) continue;
      const numbers = pooling.attributes.numbers as readonly number[];
      writer.kernel('maxPoolGradient', pooling.inputs, [...numbers.slice(0, -1), 1]);
      return true;
    }
    return false;
  },
};
