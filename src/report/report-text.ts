/** Numbers of a report in words. */
import { grouped, metricText, plural } from '../ground/units.js';
import type { MetricInterval } from './evaluation-report.js';

/** @param split null where they are of no split */
export const examplesText = (examples: number, split: string | null): string =>
  split === null ? `all ${plural(examples, 'example')}` : `${plural(examples, 'example')} of the ${split} split`;

/** The same beside the word examples. */
export const countText = (examples: number, split: string | null): string =>
  `${split === null ? 'all ' : ''}${grouped(examples)}${split === null ? '' : ` ${split}`}`;

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
