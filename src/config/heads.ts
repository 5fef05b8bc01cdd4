/** What a config asks of each target: its loss, the factor of that in the sum, and its metrics. */
import { ConfigError } from '../errors.js';
import type { MetricConfig } from '../metrics/families.js';
import { byTarget, type LossConfig, type LossesConfig, lossSettings } from './model.js';

export interface HeadConfig {
  /** Name of the target's field. */
  readonly target: string;
  readonly loss: LossConfig;
  /** Factor of the loss in the sum of all. */
  readonly weight: number;
  readonly metrics: readonly MetricConfig[];
}

export interface AskedHeads {
  readonly loss: LossesConfig;
  readonly metrics: readonly MetricConfig[] | Readonly<Record<string, readonly MetricConfig[]>>;
}

/**
 * @param targets names of the data's, in their order
 * @throws ConfigError when a target has no loss, or a loss or metrics no target
 */
export function headsOf({ loss, metrics }: AskedHeads, targets: readonly string[]): HeadConfig[] {
  const losses: Readonly<Record<string, LossConfig | undefined>> = byTarget(loss) ? loss : only('loss', loss, targets);
  const lists: Readonly<Record<string, readonly MetricConfig[] | undefined>> = isList(metrics)
    ? metrics.length === 0
      ? {}
      : only('metrics', metrics, targets)
    : metrics;
  for (const [key, given] of Object.entries({ loss: losses, metrics: lists })) checkTargets(key, given, targets);
  return targets.map((target) => {
    const own = losses[target];
    if (own === undefined && Object.keys(losses).length === 0) {
      throw new ConfigError('loss: holds nothing', 'name one, such as loss: meanSquaredError');
    }
    if (own === undefined) {
      throw new ConfigError(
        `loss: there is none for the target ${target}`,
        `add ${target}: <loss> under loss, or leave it out of data.targets`,
      );
    }
    return { target, loss: own, weight: lossSettings(own).weight ?? 1, metrics: lists[target] ?? [] };
  });
}

export const isList = (metrics: AskedHeads['metrics']): metrics is readonly MetricConfig[] => Array.isArray(metrics);

/** What is said without a name is of the only target. */
function only<T>(key: string, value: T, targets: readonly string[]): Record<string, T> {
  if (targets.length === 1) return { [targets[0]]: value };
  throw new ConfigError(
    `${key}: the data have the targets ${targets.join(', ')}, and it does not say of which it is`,
    `give each its own: ${key}: { ${targets.map((name) => `${name}: ...`).join(', ')} }`,
  );
}

function checkTargets(key: string, given: Readonly<Record<string, unknown>>, targets: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !targets.includes(name));
  if (unknown === undefined) return;
  throw new ConfigError(
    `${key}.${unknown}: the data have no target ${unknown}`,
    `use the names under data.targets (${targets.join(', ')}), or add it there`,
  );
}

/** All losses of a config. */
export const lossesIn = (loss: LossesConfig): LossConfig[] => (byTarget(loss) ? Object.values(loss) : [loss]);

/** All metrics of a config. */
export const metricsIn = (metrics: AskedHeads['metrics']): readonly MetricConfig[] =>
  isList(metrics) ? metrics : Object.values(metrics).flat();

/** The class index that a loss ignores: of the only target, or of each by its name. */
export type IgnoredClasses = number | Readonly<Record<string, number>>;

export function ignoredClasses(loss: LossesConfig): IgnoredClasses | undefined {
  if (!byTarget(loss)) return lossSettings(loss).ignoreClass;
  const ignored = Object.entries(loss).map(([name, own]) => [name, lossSettings(own).ignoreClass] as const);
  return Object.fromEntries(ignored.filter((each): each is [string, number] => each[1] !== undefined));
}
