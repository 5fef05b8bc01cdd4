/** Numbers in words for people, one function for each meaning. */

/** Without the locales of Intl, which take each command that starts longer than all that it says. */
const thousandsApart = (digits: string): string => digits.replace(/\B(?<!\.\d*)(?=(?:\d{3})+(?!\d))/g, ',');

/** A count with its thousands apart: 12,345. */
export function grouped(value: number): string {
  if (Number.isNaN(value)) return '-';
  return Number.isFinite(value) ? thousandsApart(String(Math.round(value))) : String(value);
}

/** 1 thread, 2 threads. @param several where it is not the noun with an s: 1 class, 2 classes */
export function plural(amount: number, noun: string, several = `${noun}s`): string {
  return `${grouped(amount)} ${amount === 1 ? noun : several}`;
}

/** 0.25 -> `25 %`. */
export const percent = (part: number): string => `${Math.round(100 * part)} %`;

/** A metric or a weight: 0.1234 with four decimals where they say something, else 1.234e-7. */
export function metricText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size === 0 || (size >= 0.001 && size < 100_000) ? value.toFixed(4) : value.toExponential(3);
}

/** A value of the data: as many digits as one knows it by, and whole numbers in full. */
export const numberText = (value: number, digits = 6): string =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(digits)));

/** Bytes in a sentence: `128 B`, `12.3 kB`, `3.42 GB`. */
export const bytesText = (bytes: number): string => scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB']);

/** A measured figure in a column: 1,234.5. */
export const tenths = (value: number): string => thousandsApart(value.toFixed(1));

/** Bytes in a column, or of a figure that changes while one looks on: with one decimal, `29.5 kB`, `1,234.0 MB`, but for few: `0 B`. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return `${grouped(bytes)} B`;
  const [size, unit] = bytes < 1e6 ? [1e3, 'kB'] : [1e6, 'MB'];
  return `${tenths(bytes / size)} ${unit}`;
}

/** 1.25e9 -> `10 Gbit/s`. */
export const bandwidthText = (bytesPerSecond: number): string =>
  scaled(8 * bytesPerSecond, ['bit/s', 'Kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);

/** A time that somebody waits: 12.3 s, 4 min 05 s, 2 h 03 min. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const pad = (part: number) => String(part).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${grouped(Math.floor(whole / 3600))} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** The time of one step or message: 1e-4 -> `100 us`. */
export function timeText(seconds: number): string {
  if (seconds === 0) return '0 s';
  const [unit, size] = [['s', 1] as const, ['ms', 1e-3] as const, ['us', 1e-6] as const].find(
    ([, least]) => seconds >= least,
  ) ?? ['ns', 1e-9];
  return `${significant(seconds / size)} ${unit}`;
}

function scaled(value: number, units: readonly string[]): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${significant(value / 1000 ** power)} ${units[power]}`;
}

/** Three digits that count. */
const significant = (value: number): string => `${Number(value.toPrecision(3))}`;
