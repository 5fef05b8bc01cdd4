/** How inputs that are plain numbers are read, from the columns of the training's examples. */
import type { Encoding, FieldEncoding } from './encoding.js';
import type { SourceColumn } from './examples.js';
import { isPlain, ofRole } from './field.js';

/**
 * @param columns their scales are of what is stored
 * @param known more of inputs, by name: the scale of those whose values were scaled as they were stored
 */
export function numbersEncoding(
  columns: readonly SourceColumn[],
  known: Readonly<Record<string, Partial<FieldEncoding>>> = {},
): Encoding {
  const masks = ofRole(columns, 'mask');
  const inputs = ofRole(columns, 'input').map((column): [string, FieldEncoding] => {
    const { name, scale = 1, shape, categories } = column;
    const isMasked = masks.some(({ of }) => of === name);
    return [
      name,
      {
        scale,
        ...known[name],
        ...(categories === undefined ? {} : { categories }),
        ...(isMasked ? { length: shape[0] } : {}),
      },
    ];
  });
  const all = ofRole(columns, 'target');
  const targets = all.filter((column) => !isPlain(column));
  const named = targets.map(({ name, categories }) => [
    name,
    {
      ...(categories === undefined ? {} : { classes: Array.from({ length: categories }, (_, i) => String(i)) }),
      ...placesOf(name, masks),
    },
  ]);
  const plain = all.find(isPlain);
  const [[first, only]] = inputs;
  const isOne = inputs.length === 1 && isPlain({ name: first, role: 'input' });
  return {
    input: isOne ? { kind: 'numbers', ...only } : { kind: 'fields', fields: Object.fromEntries(inputs) },
    ...(plain && placesOf(plain.name, masks)),
    ...(targets.length > 0 ? { named: Object.fromEntries(named) } : {}),
  };
}

/** The input that a target has as many places as, example by example. */
function placesOf(target: string, masks: readonly SourceColumn[]): { readonly placesOf?: string } {
  const own = masks.find(({ of }) => of === target);
  const input = own && masks.find((mask) => mask !== own && sameValues(mask.values, own.values));
  return input?.of === undefined ? {} : { placesOf: input.of };
}

const sameValues = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};
