import type { OptimizerOptions } from '../config/optimizer.js';
import { alignedFloats, type SlabLayout, type SlabTensor } from '../model/slab.js';
import { decayOf, runsOf } from './decay-groups.js';
import { flushSometimes, type Optimizer, type OptimizerStep, trainableIn, type UpdateRule } from './optimizer.js';
import { packedSlot } from './packed-slot.js';

type AdafactorOptions = OptimizerOptions<'adafactor'>;

const isFactored = ({ shape }: SlabTensor): boolean => shape.length > 1;

/**
 * Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018), by the rule of torch.optim.Adafactor. Of
 * matrices it keeps the means of rows and of columns instead of all squares; of convolutions those of their last two axes.
 */
export function adafactor(options: AdafactorOptions, layout: SlabLayout): Optimizer {
  const all = trainableIn(layout);
  const factored = all.filter(isFactored);
  const without = (tensor: SlabTensor, axis: number) => {
    const shape = tensor.shape.toSpliced(axis, 1);
    return { name: tensor.name, shape, size: shape.reduce((product, side) => product * side, 1) };
  };
  const slots = [
    packedSlot(
      'rowMean',
      factored.map((tensor) => without(tensor, -1)),
    ),
    packedSlot(
      'columnMean',
      factored.map((tensor) => without(tensor, -2)),
    ),
    packedSlot(
      'squareMean',
      all.filter((tensor) => !isFactored(tensor)),
    ),
  ] as const;
  const decayed = decayOf(options);
  const pieces = runsOf(layout, (tensor) => tensor).map(({ from, to, group: tensor }) => {
    const decay = decayed(tensor);
    const places = isFactored(tensor) ? [0, 1] : [2];
    return {
      from,
      to,
      slots: places.map((slot) => ({ slot, start: slots[slot].starts.get(tensor.name)! })),
      rule: isFactored(tensor) ? matrixRule(options, tensor, decay) : vectorRule(options, tensor, decay),
      cost: tensor.size,
    };
  });
  // The sums of the columns of a matrix, or the direction of what is none.
  const needed = all.map((tensor) => (isFactored(tensor) ? tensor.shape.at(-1)! : tensor.size));
  return { slots, pieces, workspace: Math.max(0, ...needed.map(alignedFloats)) };
}

/** What a step comes to, but for its direction. @param squares sum of those of the weights */
function lengths(
  { beta2Decay, epsilonScale, clipThreshold }: AdafactorOptions,
  { number, learningRate }: OptimizerStep,
  size: number,
  squares: number,
) {
  const scale = Math.max(epsilonScale, Math.sqrt(squares / size)) * Math.min(learningRate, 1 / Math.sqrt(number));
  return {
    /** How much of the new squares the means take in. No `Math.pow`, whose last digit differs between platforms. */
    share: Math.exp(beta2Decay * Math.log(number)),
    /** @param squares sum of those of the direction */
    rateOf: (squares: number) => scale / Math.max(1, Math.sqrt(squares / size) / clipThreshold),
  };
}

function matrixRule(options: AdafactorOptions, { shape, size }: SlabTensor, weightDecay: number): UpdateRule {
  const [rows, columns] = shape.slice(-2);
  const epsilon = Math.fround(options.epsilon);
  const least = epsilon * epsilon;
  return (kernels, region, step, workspace) => {
    const { parameters, gradients, slots, length } = region;
    const scale = step.gradientScale;
    const { share, rateOf } = lengths(options, step, size, kernels.sumOfSquares(parameters, length));
    const matrices = Array.from({ length: size / (rows * columns) }, (_, i) => {
      const skip = 4 * i * rows * columns;
      const row = slots[0] + 4 * i * rows;
      const column = slots[1] + 4 * i * columns;
      const gradient = gradients + skip;
      const sums = workspace.byteOffset;
      const mean = kernels.adafactorMeans(gradient, row, column, sums, rows, columns, scale, share);
      return { parameters: parameters + skip, gradient, row, column, mean: Math.max(mean, epsilon) };
    });
    let squares = 0;
    for (const { gradient, row, column, mean } of matrices) {
      squares += kernels.adafactorSquares(gradient, row, column, rows, columns, scale, mean, least);
    }
    const rate = rateOf(squares);
    const decay = step.learningRate * weightDecay;
    for (const { parameters, gradient, row, column, mean } of matrices) {
      kernels.adafactorApply(parameters, gradient, row, column, rows, columns, scale, mean, least, rate, decay);
    }
  };
}

function vectorRule(options: AdafactorOptions, { size }: SlabTensor, weightDecay: number): UpdateRule {
  const epsilon = Math.fround(options.epsilon);
  return (kernels, region, step, workspace) => {
    const { parameters, gradients, slots, length } = region;
    const { share, rateOf } = lengths(options, step, size, kernels.sumOfSquares(parameters, length));
    const direction = workspace.byteOffset;
    kernels.adafactorVector(direction, gradients, slots[0], length, step.gradientScale, share, epsilon * epsilon);
    const rate = rateOf(kernels.sumOfSquares(direction, length));
    kernels.applyDirection(parameters, direction, length, rate, step.learningRate * weightDecay);
    flushSometimes(kernels, region, step);
  };
}
