/** Weights of places: one for each class index of an example, or for each row of numbers in its target. */
import { DataError } from '../errors.js';
import type { Field } from './field.js';

/**
 * The shape of an example's weights; [] where it has one.
 * @param given without the axis of the examples
 * @param where the weights come from, for people
 * @throws DataError unless it is that of the places
 */
export function weightShapeOf(
  given: readonly number[],
  { shape: targetShape, categories: classes }: Pick<Field, 'shape' | 'categories'>,
  where: string,
): readonly number[] {
  if (given.length === 0) return [];
  const places = classes === undefined ? targetShape.slice(0, -1) : targetShape;
  if (given.join() === places.join()) return places;
  const each = places.length > 0 ? `, or ${places.join(' x ')}, one for each place` : '';
  throw new DataError(
    `${where} has weights of shape [${given.join(', ')}] for an example`,
    `use one weight for each example${each}: its target has shape [${targetShape.join(', ')}]`,
  );
}
