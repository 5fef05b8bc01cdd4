/** How a training went, as its metrics.jsonl has it. */
import type { TrainingCourse } from './evaluation-report.js';
import type { RunLog } from './run-log.js';

/**
 * @param training examples of the training split: what an epoch sees
 * @returns undefined where the log has no epoch
 */
export function trainingCourse({ epochs, end }: RunLog, training: number): TrainingCourse | undefined {
  if (epochs.length === 0) return undefined;
  return {
    epochs: epochs.map(({ epoch, loss, validation }) => ({ epoch, examples: epoch * training, loss, validation })),
    best: end?.bestEpoch ?? null,
  };
}
