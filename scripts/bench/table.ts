/** Tables for people. */
import { availableParallelism, loadavg, platform } from 'node:os';
import { processorName } from '../../src/engine/onnx/processor.js';
import { displayWidth, tableLines } from '../../src/report/aligned.js';

/** Columns as wide as their widest cell; the first `left` of them aligned left, numbers right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => displayWidth(row[column]))));
  const lines = tableLines([head, widths.map((width) => '-'.repeat(width)), ...rows], Number.POSITIVE_INFINITY, {
    left,
  });
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** What was measured on: the same for every measurement that may be compared with this one. */
export const machineName = (): string => `${availableParallelism()} cores, ${processorName()}, ${platform()}`;

/** The same, and how busy it was before. */
export function machine(): string {
  const [load] = loadavg();
  const idle = load < availableParallelism() / 4 ? '' : ' - busy: quote figures only from an idle machine';
  return `${machineName()}; Node ${process.versions.node}, load ${load.toFixed(2)}${idle}`;
}
