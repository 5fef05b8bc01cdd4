/** Numbers and texts as people read them. */
import { printable } from '../src/ground/printable';

export const shortNumber = (value: number | null | undefined): string => {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2);
  return value.toLocaleString('en', size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 });
};

export function bytesOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** power).toLocaleString('en', { maximumSignificantDigits: 3 })} ${units[power]}`;
}

/** Where the reader is. @param time seconds since 1970 */
export const clock = (time: number): string =>
  Number.isFinite(time) ? new Date(time * 1000).toLocaleString('sv') : '';

/** A text that somebody chose: what would hide, or turn it around, is seen, and a very long one ends. */
export const shownText = (text: unknown, most = 4000): string => {
  const whole = String(text);
  return printable(whole.length > most ? `${whole.slice(0, most)}… (${whole.length} characters)` : whole);
};
