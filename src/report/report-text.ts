/** Numbers of a report in words. */
import { metricText } from '../ground/units.js';
import type { MetricInterval } from './evaluation-report.js';

/** A number, or in words that it is none. */
export const valueText = (value: number | null | undefined): string => {
  if (value === undefined) return '';
  if (value === null || Number.isNaN(value)) return 'not a number';
  if (!Number.isFinite(value)) return value > 0 ? 'infinite' : 'minus infinite';
  return metricText(value);
};

/** From where to where. */
export const intervalText = (interval: MetricInterval | undefined): string =>
  interval ? `${metricText(interval.low)} to ${metricText(interval.high)}` : '';

/** A name of the data, such as a class: in quotes where nobody would see all of it, as of a space or of nothing. */
export const nameText = (name: string): string => (/^\s|\s$|^$/.test(name) ? JSON.stringify(name) : name);
