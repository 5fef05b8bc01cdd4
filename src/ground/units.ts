/** Numbers for people. */

/** 1.25e9 -> `10 Gbit/s`. */
export function bandwidthText(bytesPerSecond: number): string {
  return `${scaled(8 * bytesPerSecond, ['bit/s', 'Kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'])}`;
}

/** 1e-4 -> `100 us`. */
export function timeText(seconds: number): string {
  if (seconds === 0) return '0 s';
  const [unit, size] = [['s', 1] as const, ['ms', 1e-3] as const, ['us', 1e-6] as const].find(
    ([, least]) => seconds >= least,
  ) ?? ['ns', 1e-9];
  return `${significant(seconds / size)} ${unit}`;
}

export const bytesText = (bytes: number): string => scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB']);
export const percent = (part: number): string => `${Math.round(100 * part)} %`;
export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

function scaled(value: number, units: readonly string[]): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${significant(value / 1000 ** power)} ${units[power]}`;
}

/** Three digits that count. */
const significant = (value: number): string => `${Number(value.toPrecision(3))}`;
