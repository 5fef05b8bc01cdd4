/** JSON has no numbers that are not finite: reports have them as words, which are numbers again where a report has numbers. */

const words = ['NaN', 'Infinity', '-Infinity'];
/** Objects whose values are numbers, whatever their keys, and keys of numbers. */
const ofNumbers = new Set(['metrics', 'validation', 'detectable', 'values', 'quantiles']);
const numbers = new Set([
  'loss',
  'low',
  'high',
  'standardError',
  'error',
  'confidence',
  'gap',
  'mean',
  'standardDeviation',
  'p',
  'corrected',
  'difference',
  'attribution',
]);

/** @returns the value, with its words of numbers as numbers */
export function withNumbers(value: unknown, key = '', holder = ''): unknown {
  if (typeof value === 'string') {
    const isNumber = words.includes(value) && (numbers.has(key) || ofNumbers.has(holder));
    return isNumber ? Number(value) : value;
  }
  // A list of lists is one of what its key says.
  if (Array.isArray(value)) return value.map((inner) => withNumbers(inner, '', key || holder));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withNumbers(inner, name, key)]));
}
