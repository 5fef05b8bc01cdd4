/** Whether optimizer state can be sharded. */
import type { ClusterConfig } from '../../src/config/cluster.js';
import { ConfigError } from '../../src/errors.js';
import { createOptimizer } from '../../src/optimizer/create-optimizer.js';
import { averageMomentum } from '../../src/optimizer/weight-average.js';
import type { TrainingOptions } from '../../src/pool/pool-options.js';

/** @throws ConfigError when the state of this optimizer cannot be sharded */
export function checkSharding(
  { optimizerState, sync, compression }: ClusterConfig,
  { optimizer, layout }: Pick<TrainingOptions, 'optimizer' | 'layout'>,
): void {
  if (optimizerState === 'replicated') return;
  const refuse = (problem: string, remedy: string) => {
    throw new ConfigError(`cluster.optimizerState: sharded: ${problem}`, remedy);
  };
  if (sync !== 'step') {
    refuse(
      'with cluster.sync.local each replica has an optimizer of its own, whose state is with whoever computes it',
      'leave cluster.optimizerState out',
    );
  }
  if (compression) {
    refuse(
      'with cluster.compression the total is made of factors, which every worker needs all of',
      'leave one of the two out',
    );
  }
  const [name] = Object.keys(optimizer);
  if (averageMomentum(optimizer) !== undefined) {
    refuse(
      `optimizer.${name}.emaMomentum keeps an average of all weights, by which every worker validates`,
      'leave emaMomentum out, or use cluster.optimizerState: replicated',
    );
  }
  const { slots, pieces } = createOptimizer(optimizer, layout);
  if (slots.length === 0) {
    refuse(`optimizer ${name} keeps no state`, 'leave cluster.optimizerState out: there is nothing to shard');
  }
  // What is not a number for each parameter, or is updated by whole weights, cannot be cut anywhere.
  if (slots.some(({ length }) => length !== layout.trainable) || pieces.some(({ cost }) => cost !== undefined)) {
    refuse(
      `optimizer ${name} updates whole weights, and its state cannot be cut`,
      'use adam, adamw, lion, momentum, rmsprop or adagrad, or cluster.optimizerState: replicated',
    );
  }
}
