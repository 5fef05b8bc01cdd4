/** Numbers and texts as people read them. */
import { printable } from '../src/ground/printable';

export const shortNumber = (value: number | null | undefined): string => {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2);
  return value.toLocaleString('en', size >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 });
};

/**
 * What stands at the ticks of an axis: with as many digits as tell each from the next, all written in the same way.
 * @param values null where there is a tick without a text
 * @param between two ticks; 0 where that is not the same everywhere (on a scale of logarithms): a value or two digits then
 */
export function tickTexts(values: readonly (number | null)[], between: number): string[] {
  const sizes = values.map((value) => Math.abs(value ?? 0));
  const largest = Math.max(0, ...sizes);
  const power = (size: number) => Math.floor(Math.log10(size));
  // One more, for steps of 2.5.
  const placesOf = (size: number) => 1 - power(between > 0 ? between : size);
  const isShort = largest === 0 || (largest >= 1e-3 && largest < 1e7);
  return values.map((value, i) => {
    if (value === null) return '';
    // What is rounded to no number, as uPlot adds steps up.
    if (sizes[i] === 0 || sizes[i] < between / 1e6) return '0';
    const places = placesOf(sizes[i]);
    if (isShort) return value.toLocaleString('en', { maximumFractionDigits: Math.min(20, Math.max(0, places)) });
    const digits = Math.min(15, Math.max(0, places + power(sizes[i])));
    return value.toExponential(digits).replace(/\.?0*e\+?/, 'e');
  });
}

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
