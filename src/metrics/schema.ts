/** Metrics in a config, and in a job that is sent to a worker: each family checks its own options. */
import { z } from 'zod';
import { AskedMetric, families, type MetricConfig } from './families.js';

const bare = families.flatMap(({ name, bare }) => (bare === undefined ? [] : name));
const withOptions = families.flatMap(({ name, schema }) => (schema ? z.strictObject({ [name]: schema(z) }) : []));

const metricSchema = z.union([z.enum(bare), ...withOptions]) as unknown as z.ZodType<MetricConfig, MetricConfig>;

export const metricListSchema = z
  .array(metricSchema)
  .superRefine((metrics, context) => {
    const asked = metrics.map((metric) => new AskedMetric(metric));
    for (const family of families) {
      if (family.once === undefined || asked.filter((metric) => metric.family === family).length <= 1) continue;
      const params = { remedy: family.once };
      context.addIssue({ code: 'custom', message: `name ${family.name} more than once`, params });
    }
    asked.forEach(({ family, label }, index) => {
      if (label === family.name && bare.includes(label)) return;
      const others = asked.slice(0, index).map((other) => other.label);
      if (![...bare, 'loss', ...others].includes(label)) return;
      context.addIssue({
        code: 'custom',
        path: family.name === 'custom' ? [index, family.name, 'name'] : [index],
        message: `${JSON.stringify(label)} is the name of another metric`,
        params: { remedy: family.name === 'custom' ? 'give the function another name' : 'leave one of them out' },
      });
    });
  })
  .describe('Metrics of validation and test, besides the loss');

export const metricsSchema = z
  .union([
    metricListSchema,
    z.record(z.string(), metricListSchema).describe('Metrics of each target by its name under data.targets'),
  ])
  .describe('Metrics of validation and test, besides the loss; where data.targets has names: a list for each');
