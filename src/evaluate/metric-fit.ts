/** Which metrics say something about which targets: the others give numbers too, and they would be believed. */
import type { TargetSurvey } from '../data/target-survey.js';
import { type MetricSpec, metricNames } from './metrics.js';

interface Misfit {
  /** What the metric needs and the targets are not. */
  readonly problem: string;
  readonly remedy: string;
}

/**
 * @param loss its name
 * @param survey of targets that are numbers
 * @returns why the metric `name` does not fit, undefined where it does
 */
export function misfitOf(name: string, spec: MetricSpec, loss: string, survey?: TargetSurvey): Misfit | undefined {
  const { classes, outputs, binary } = spec;
  if (['mae', 'mse', 'r2'].includes(name)) {
    if (!classes) return undefined;
    return { problem: 'is of numbers, and the targets are class indices', remedy: 'use accuracy' };
  }
  if (name === 'topKAccuracy' && (binary || outputs === 1)) {
    return { problem: 'ranks classes, and each output tells two apart by itself', remedy: 'use accuracy' };
  }
  if (classes || (name !== 'accuracy' && name !== 'topKAccuracy')) return undefined;
  if (spec.deviations) {
    const remedy = 'use mae, mse or r2, or remove data.standardizeTargets';
    return { problem: 'counts classes, and standardized targets are none', remedy };
  }
  return survey && tellsClasses(spec, loss, survey) ? undefined : notClasses(spec, loss);
}

/** Whether numbers stand for classes as accuracy reads them. */
function tellsClasses({ outputs, binary, threshold }: MetricSpec, loss: string, survey: TargetSurvey): boolean {
  const { binary: notBinary, signs: notSigns, rows: notRows } = survey.broken;
  if (binary) return notBinary === undefined || notSigns === undefined;
  if (outputs === 1) return threshold === 0.5 ? notBinary === undefined : notSigns === undefined;
  // One row an example; under a loss of distributions the class is the likeliest, under others the only one.
  const isRow = survey.width === outputs && notRows === undefined;
  return isRow && (loss === 'categoricalCrossentropy' || notBinary === undefined);
}

function notClasses({ binary, outputs, threshold }: MetricSpec, loss: string): Misfit {
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

/** Metrics of which nothing can be learnt, for a warning. */
export function vacuous(spec: MetricSpec): string[] {
  const found = spec.metrics.find((metric) => typeof metric === 'object' && 'topKAccuracy' in metric);
  const k = typeof found === 'object' && 'topKAccuracy' in found ? found.topKAccuracy.k : 5;
  if (!metricNames(spec.metrics).includes('topKAccuracy') || k < spec.outputs) return [];
  return [`topKAccuracy is always 1: k is ${k}, and there are ${spec.outputs} classes`];
}
