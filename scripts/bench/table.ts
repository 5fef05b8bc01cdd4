/** Tables for people. */
import { arch, availableParallelism, cpus, loadavg, platform } from 'node:os';

/** Columns as wide as their widest cell; the first one aligned left, numbers right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const lines = all.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** What was measured on, and how busy it was before. */
export function machine(): string {
  const [load] = loadavg();
  const idle = load < availableParallelism() / 4 ? '' : ' - busy: quote figures only from an idle machine';
  const cpu = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${availableParallelism()} cores (${cpu}), ${platform()} ${arch()}, Node ${process.versions.node}, load ${load.toFixed(2)}${idle}`;
}
