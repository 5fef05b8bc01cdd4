import type { OptimizerOptions } from '../config/optimizer.js';
import { usualExclude } from '../config/usual.js';
import { alignedFloats, type SlabLayout, type SlabTensor } from '../model/slab.js';
import { adamRule } from './adam.js';
import { decayOf, runsOf } from './decay-groups.js';
import { newtonSchulz, type RuleModels } from './newton-schulz.js';
import { flushSometimes, type Optimizer, type SlabPiece, trainableIn, type UpdateRule } from './optimizer.js';
import { packedSlot } from './packed-slot.js';
import { matchesAny } from './weight-patterns.js';

type MuonOptions = OptimizerOptions<'muon'>;

/** As torch.optim.Muon: no matrix is divided by less. */
const leastNorm = 1e-7;

/**
 * Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), as torch.optim.Muon has it but for its rounding to
 * bfloat16: the momentum of each matrix is made orthogonal before it is a step. All else, and what `exclude` names, is updated by AdamW.
 */
export function muon(options: MuonOptions, layout: SlabLayout, models: RuleModels): Optimizer {
  const matrices = matricesOf(options, layout);
  const isMatrix = (tensor: SlabTensor) => matrices.includes(tensor);
  const rest = trainableIn(layout).filter((tensor) => !isMatrix(tensor));
  const slots = [
    packedSlot('momentum', matrices),
    packedSlot('gradientMean', rest),
    packedSlot('squareMean', rest),
  ] as const;
  const decayed = decayOf(options);
  const matrixPiece = (tensor: SlabTensor, from: number, to: number): SlabPiece => ({
    from,
    to,
    slots: [{ slot: 0, start: slots[0].starts.get(tensor.name)! }],
    rule: matrixRule(options, tensor.shape, decayed(tensor), models),
    cost: costOf(tensor.shape),
  });
  const restPiece = (first: SlabTensor, from: number, to: number): SlabPiece => ({
    from,
    to,
    slots: [1, 2].map((slot) => ({ slot, start: slots[slot].starts.get(first.name)! })),
    rule: restRule(options, decayed(first)),
  });
  // Neighbours that AdamW changes alike are one piece.
  const runs = runsOf(layout, (tensor) => (isMatrix(tensor) ? tensor : decayed(tensor)));
  const pieces = runs.map(({ from, to, first }) =>
    isMatrix(first) ? matrixPiece(first, from, to) : restPiece(first, from, to),
  );
  return { slots, pieces, workspace: 2 * Math.max(0, ...matrices.map(({ size }) => alignedFloats(size))) };
}

/** What is made orthogonal. */
export function matricesOf({ exclude = usualExclude }: MuonOptions, layout: SlabLayout): SlabTensor[] {
  return trainableIn(layout).filter(({ name, shape }) => shape.length === 2 && !matchesAny(name, exclude));
}

/** Multiplications of a step, as far as they depend on the shape. */
const costOf = ([rows, columns]: readonly number[]): number =>
  rows * columns * Math.min(rows, columns) + Math.min(rows, columns) ** 3 / 2;

function restRule({ learningRate, adamw }: MuonOptions, weightDecay: number): UpdateRule {
  const rule = adamRule({ ...adamw, weightDecay });
  const ratio = (adamw.learningRate ?? learningRate) / learningRate;
  return (kernels, region, step, workspace) =>
    rule(kernels, region, { ...step, learningRate: step.learningRate * ratio }, workspace);
}

/** @param shape [in, out], where PyTorch has [out, in] */
function matrixRule(
  { momentum, nesterov, scale }: MuonOptions,
  shape: readonly number[],
  weightDecay: number,
  models: RuleModels,
): UpdateRule {
  const [rows, columns] = shape;
  const factor =
    scale === 'original' ? Math.sqrt(Math.max(1, columns / rows)) : 0.2 * Math.sqrt(Math.max(rows, columns));
  const size = rows * columns;
  let orthogonalize: (() => void) | undefined;
  return (kernels, region, step, workspace) => {
    const { parameters, gradients, slots, length } = region;
    const { learningRate, gradientScale } = step;
    const input = workspace.subarray(0, size);
    const output = workspace.subarray(length, length + size);
    orthogonalize ??= newtonSchulz(models, shape, input, output);
    kernels.muonDirection(input.byteOffset, gradients, slots[0], length, gradientScale, momentum, nesterov);
    const norm = Math.sqrt(kernels.sumOfSquares(input.byteOffset, length));
    kernels.scaledCopy(input.byteOffset, input.byteOffset, length, 1 / Math.max(norm, leastNorm));
    // The padding behind the matrix is a part of the slab, and stays zero.
    workspace.fill(0, length + size, 2 * length);
    orthogonalize();
    kernels.applyDirection(parameters, output.byteOffset, length, learningRate * factor, learningRate * weightDecay);
    flushSometimes(kernels, region, step);
  };
}
