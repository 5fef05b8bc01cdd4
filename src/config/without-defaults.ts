/** Configs compared by what they mean: a default that is written out means what its absence means. */
import { isDeepStrictEqual } from 'node:util';
import { AskedMetric, type MetricConfig } from '../metrics/families.js';
import { isList } from './heads.js';
import { byTarget, type LossConfig, lossSettings } from './model.js';
import type { RunConfig } from './run-config.js';
import { usualDelta, usualExclude, usualMixing } from './usual.js';

/**
 * A checked config without what says no more than its default, as far as no schema fills that in: values that are what their absence
 * means, and options of losses and metrics by whose bare name the same is meant.
 *
 * @param isCompiled whether a compiled step, which is compared apart, says if outputs are logits: `fromLogits` is left out then
 */
export function withoutDefaults(config: RunConfig, isCompiled: boolean): Readonly<Record<string, unknown>> {
  const { model, loss, metrics, optimizer, training, cluster } = config;
  const modelModule = 'module' in model ? model.module : undefined;
  const lossOf = (one: LossConfig) => {
    const { fromLogits } = lossSettings(one);
    return named(one, { delta: usualDelta, weight: 1, module: modelModule, ...(isCompiled && { fromLogits }) });
  };
  const metricOf = (one: MetricConfig) => bareMetric(one, modelModule);
  return {
    ...config,
    loss: byTarget(loss) ? mapped(loss, lossOf) : lossOf(loss),
    metrics: isList(metrics) ? metrics.map(metricOf) : mapped(metrics, (list) => list.map(metricOf)),
    optimizer: 'muon' in optimizer ? { muon: muonOf(optimizer.muon) } : optimizer,
    training: without(training, { groupByLength: false }),
    cluster: { ...cluster, sync: syncOf(cluster.sync) },
  };
}

const mapped = <Value>(record: Readonly<Record<string, Value>>, change: (value: Value) => unknown) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));

/** Without the keys that have these values. */
function without(options: object, usual: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => !(key in usual) || !isDeepStrictEqual(value, usual[key])),
  );
}

/** A choice with its options, or its name where it has none. */
function named(choice: string | object, usual: Readonly<Record<string, unknown>>): unknown {
  if (typeof choice === 'string') return choice;
  const [[name, options]] = Object.entries(choice) as [[string, object]];
  const rest = without(options, usual);
  return Object.keys(rest).length > 0 ? { [name]: rest } : name;
}

function bareMetric(metric: MetricConfig, modelModule: string | undefined): unknown {
  if (typeof metric === 'string') return metric;
  const [[name, options]] = Object.entries(metric) as [[string, object]];
  if (isDeepStrictEqual(options, new AskedMetric(metric).family.bare)) return name;
  return named(metric, { module: modelModule });
}

type Muon = Extract<RunConfig['optimizer'], { muon: unknown }>['muon'];

function muonOf(muon: Muon) {
  const adamw = without(muon.adamw, { learningRate: muon.learningRate });
  return { ...without(muon, { exclude: usualExclude }), adamw };
}

function syncOf(sync: RunConfig['cluster']['sync']) {
  if (sync === 'step' || sync.local.overlap === 0) return sync;
  return { local: without(sync.local, { mixing: usualMixing }) };
}
