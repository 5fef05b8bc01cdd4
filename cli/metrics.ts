/** `--metrics-port`: the run's metrics for Prometheus, beside what the command does. */
import { ConfigError } from '../src/errors.js';
import type { Reporter } from '../src/report/events.js';
import type { MetricsOptions } from '../src/track/openmetrics/serve.js';
import { portNumber } from './network.js';
import type { RunFlags } from './shared-options.js';

/** What flags say of metrics; undefined where nobody is to read them. @throws ConfigError naming the flag */
export function metricsFlags({ metricsPort, metricsHost }: RunFlags): MetricsOptions | undefined {
  if (metricsPort !== undefined) return { port: portNumber('--metrics-port', metricsPort), host: metricsHost };
  if (metricsHost === undefined) return undefined;
  throw new ConfigError(
    `--metrics-host ${metricsHost}: there are no metrics without a port`,
    'add --metrics-port 9464, or leave --metrics-host out',
  );
}

/** Does work whose events are served too. @param options undefined where nobody is to read them */
export async function withMetrics<Watch extends { readonly report: Reporter }, Result>(
  options: MetricsOptions | undefined,
  watch: Watch,
  work: (watch: Watch) => Promise<Result>,
): Promise<Result> {
  if (!options) return work(watch);
  const { serveMetrics } = await import('../src/track/openmetrics/serve.js');
  const metrics = await serveMetrics(options);
  try {
    const report: Reporter = (event) => {
      metrics.report(event);
      watch.report(event);
    };
    return await work({ ...watch, report });
  } finally {
    await metrics.close();
  }
}
