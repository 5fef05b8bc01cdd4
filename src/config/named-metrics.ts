/** Metrics that are named on a command line, by the rules of a config. */
import { ConfigError } from '../errors.js';
import type { MetricConfig } from '../metrics/families.js';
import { metricListSchema } from '../metrics/schema.js';
import { explainIssues } from './explain.js';
import { yamlDocument, yamlValue } from './yaml-value.js';

/**
 * @param text names by commas, or a list in YAML
 * @throws ConfigError naming what is no metric
 */
export function metricsOf(flag: string, text: string): readonly MetricConfig[] {
  const isList = text.trimStart().startsWith('[');
  const document = yamlDocument(flag, isList ? text : `[${text}]`, {});
  if (document.errors.length > 0) {
    throw new ConfigError(
      `${flag} ${text}: is no list`,
      `write ${flag} accuracy,auc or ${flag} '[{ f1: { average: macro } }]'`,
    );
  }
  const metrics = yamlValue(flag, document);
  const found = metricListSchema.safeParse(metrics, { error: () => '' });
  if (found.success) {
    if (found.data.length > 0) return found.data;
    throw new ConfigError(`${flag}: names no metric`, `write ${flag} accuracy`);
  }
  const issues = found.error.issues.map((issue) => ({ ...issue, path: ['metrics', ...issue.path] }));
  const [{ problem, remedy }] = explainIssues({ metrics }, issues);
  throw new ConfigError(`${flag}: ${problem}`, remedy);
}
