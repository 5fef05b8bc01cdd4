/** An optimizer with slabs of its own, to take steps with. */
import type { OptimizerConfig } from '../../src/config/optimizer.js';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { type SlabLayout, slabLayout } from '../../src/model/slab.js';
import { createOptimizer } from '../../src/optimizer/create-optimizer.js';
import type { OptimizerStep } from '../../src/optimizer/optimizer.js';
import { ruleModels } from '../../src/optimizer/rule-models.js';
import { shareOf } from '../../src/optimizer/share.js';

export interface Trainee {
  readonly layout: SlabLayout;
  readonly parameters: Float32Array;
  /** Sums of gradients, to be set before each step. */
  readonly gradients: Float32Array;
  readonly slots: readonly Float32Array[];
  /** @param cuts where threads would cut the parameters */
  step(step: OptimizerStep, cuts?: readonly number[]): void;
}

/** @param shapes of the weights, by name; all start as 0 unless `initial` is the slab that they start as */
export function trainee(
  config: OptimizerConfig,
  shapes: Readonly<Record<string, readonly number[]>>,
  initial?: Float32Array | ((layout: SlabLayout) => Float32Array),
): Trainee {
  const weights = Object.entries(shapes).map(([originalName, shape]) => ({ originalName, shape }));
  const layout = slabLayout(weights, [], []);
  const { slots, pieces, workspace = 0 } = createOptimizer(config, layout, ruleModels(config, layout));
  const lengths = [workspace, layout.length, layout.length, ...slots.map(({ length }) => length)];
  const floats = lengths.reduce((sum, length) => sum + length, 0);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((floats * 4) / 65536), maximum: 65536, shared: true });
  let end = 0;
  const [work, parameters, gradients, ...views] = lengths.map((length) => {
    const view = new Float32Array(memory.buffer, end, length);
    end += length * 4;
    return view;
  });
  if (initial) parameters.set(initial instanceof Float32Array ? initial : initial(layout));
  slots.forEach(({ initial }, i) => {
    if (initial === 'parameters') views[i].set(parameters);
    else views[i].fill(initial);
  });
  const kernels = loadUpdateKernels(memory);
  return {
    layout,
    parameters,
    gradients,
    slots: views,
    step(step, cuts = [0, layout.trainable]) {
      for (let i = 1; i < cuts.length; i++) {
        for (const { from, to, slots: starts, rule } of shareOf(
          { pieces },
          i - 1,
          cuts.length - 1,
          cuts[i - 1],
          cuts[i],
        )) {
          const region = {
            parameters: parameters.byteOffset + from * 4,
            gradients: gradients.byteOffset + from * 4,
            slots: starts.map(({ slot, start }) => views[slot].byteOffset + start * 4),
            length: to - from,
          };
          rule(kernels, region, step, work);
        }
      }
    },
  };
}
