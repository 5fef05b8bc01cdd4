/** Every metric that a config can name: a new one is a file of its own, and a line here. */
import type { z } from 'zod';
import { accuracy } from './accuracy.js';
import { balancedAccuracy, cohenKappa, mcc } from './agreement.js';
import { f1, fBeta, iou, precision, recall } from './class-averages.js';
import { confusionMatrix } from './confusion.js';
import { custom } from './custom.js';
import { auc, averagePrecision, precisionRecallCurve, rocCurve } from './discrimination.js';
import type { ScoredOutput } from './evaluated-rows.js';
import { mae, mse } from './mean-errors.js';
import { medianAbsoluteError } from './median-error.js';
import type { Metric, MetricFamily, Misfit, TargetFacts } from './metric.js';
import { explainedVariance, mape, maxError, pinball, rmse, smape } from './more-errors.js';
import { perClass } from './per-class.js';
import {
  bitsPerByte,
  bitsPerPlace,
  brier,
  calibrationError,
  logLoss,
  perplexity,
  reliability,
} from './probabilities.js';
import { r2 } from './r2.js';
import { hitRate, map, mrr, ndcg } from './ranking.js';
import { topKAccuracy } from './top-k-accuracy.js';

const list = [
  ...[
    accuracy,
    topKAccuracy,
    balancedAccuracy,
    precision,
    recall,
    f1,
    fBeta,
    iou,
    mcc,
    cohenKappa,
    perClass,
    confusionMatrix,
  ],
  ...[auc, averagePrecision, rocCurve, precisionRecallCurve],
  ...[logLoss, perplexity, bitsPerPlace, bitsPerByte, brier, calibrationError, reliability],
  ...[hitRate, ndcg, map, mrr],
  ...[mae, mse, rmse, mape, smape, maxError, medianAbsoluteError, pinball, r2, explainedVariance],
  custom,
] as const;

export const families: readonly MetricFamily[] = list;

type Family = (typeof list)[number];
type Bare<F> = F extends { readonly name: infer Name; readonly bare: object } ? Name : never;
type FamilyWithOptions<F> = F extends {
  readonly name: infer Name extends string;
  schema(zod: never): z.ZodType<infer Options>;
}
  ? { [key in Name]: Options }
  : never;

/** A metric as a config names it: a bare name, or one with its options. */
export type MetricConfig = Bare<Family> | FamilyWithOptions<Family>;

/** A metric of a config with its family and options. */
export class AskedMetric {
  readonly #family: MetricFamily;
  readonly #options: unknown;

  constructor(config: MetricConfig) {
    const [name, options] = typeof config === 'string' ? [config] : Object.entries(config)[0];
    this.#family = families.find((family) => family.name === name)!;
    this.#options = options ?? this.#family.bare;
  }

  get family(): MetricFamily {
    return this.#family;
  }

  /** The metric's name in reports. */
  get label(): string {
    return this.#family.label?.(this.#options) ?? this.#family.name;
  }

  /** Whether it is the share of examples that are right. */
  get isProportion(): boolean {
    return this.#family.isProportion?.(this.#options) ?? false;
  }

  create(spec: ScoredOutput): Metric {
    return this.#family.create(this.#options, spec);
  }

  /** Absent where noise makes the metric no larger. */
  byChance(spec: ScoredOutput, deviations: number): Metric | undefined {
    return this.#family.byChance?.(this.#options, spec, deviations);
  }

  misfit(spec: ScoredOutput, loss: string, facts?: TargetFacts): Misfit | undefined {
    return this.#family.misfit?.(spec, loss, facts, this.#options);
  }

  warning(spec: ScoredOutput): string | undefined {
    return this.#family.warning?.(this.#options, spec);
  }
}
