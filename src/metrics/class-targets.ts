/** Whether targets stand for classes as accuracy and topKAccuracy read them. */
import type { ScoredOutput } from './evaluated-rows.js';
import type { Misfit, TargetFacts } from './metric.js';

/** Why a metric that counts classes does not fit; undefined where it does. */
export function classMisfit(spec: ScoredOutput, loss: string, facts?: TargetFacts): Misfit | undefined {
  if (spec.classes) return undefined;
  if (spec.deviations) {
    const remedy = 'use mae, mse or r2, or remove data.standardizeTargets';
    return { problem: 'counts classes, and standardized targets are none', remedy };
  }
  return facts && tellsClasses(spec, loss, facts) ? undefined : notClasses(spec, loss);
}

/** Why a metric of classes of which one is true does not fit; undefined where it does. */
export function oneClassMisfit(spec: ScoredOutput, loss: string, facts?: TargetFacts): Misfit | undefined {
  if (!spec.binary || spec.outputs === 1) return classMisfit(spec, loss, facts);
  const remedy = 'use precision, recall, f1 or iou with an average, or perClass';
  return { problem: 'is of classes of which one is true, and each output is a label by itself', remedy };
}

/** Why a metric of numbers does not fit; undefined where it does. */
export function numberMisfit({ classes }: ScoredOutput): Misfit | undefined {
  if (!classes) return undefined;
  return { problem: 'is of numbers, and the targets are class indices', remedy: 'use accuracy' };
}

function tellsClasses({ outputs, binary, threshold }: ScoredOutput, loss: string, facts: TargetFacts): boolean {
  const { binary: notBinary, signs: notSigns, rows: notRows } = facts.broken;
  if (binary) return notBinary === undefined || notSigns === undefined;
  if (outputs === 1) return threshold === 0.5 ? notBinary === undefined : notSigns === undefined;
  // One row an example; under a loss of distributions the class is the likeliest, under others the only one.
  const isRow = facts.width === outputs && notRows === undefined;
  return isRow && (loss === 'categoricalCrossentropy' || notBinary === undefined);
}

function notClasses({ binary, outputs, threshold }: ScoredOutput, loss: string): Misfit {
  if (binary) {
    return {
      problem: 'counts classes, and some targets are neither 0 nor 1',
      remedy: 'use mse, or round the targets to 0 and 1',
    };
  }
  if (loss === 'categoricalCrossentropy') {
    return { problem: 'counts one class an example, and targets have several rows', remedy: 'use mse' };
  }
  const wanted = outputs > 1 ? 'rows of one 1' : threshold === 0.5 ? '0 and 1' : '-1 and 1';
  return {
    problem: `counts classes, and the targets are numbers, not ${wanted}`,
    remedy: 'use mae, mse or r2 for numbers, or a cross-entropy as loss for classes',
  };
}
