/** Which fields of an example move with its picture: what is said of each of its pixels must stay on them. */
import type { AugmentConfig } from '../../config/augment.js';
import { type Field, ofRole } from '../field.js';

/** What is known of a run's augmentation. */
export interface Augmentation extends AugmentConfig {
  /** Class of what comes in from outside, of targets by their names: one that their loss leaves out. By default the first. */
  readonly outside?: Readonly<Record<string, number>>;
}

/** How a field is changed. */
export interface Moved {
  /** `picture`: all of it. `numbers`: moved as the picture is. `labels`: moved without blending. */
  readonly how: 'picture' | 'numbers' | 'labels';
  /** What comes in from outside, as stored. */
  readonly fill: number;
}

/** The input that is augmented: the first that is an image, [height, width, channels]. */
export const pictureIn = <F extends Pick<Field, 'role' | 'shape'>>(fields: readonly F[]): F | undefined =>
  ofRole(fields, 'input').find(({ shape }) => shape.length === 3);

/**
 * The picture, and what has its height and width: targets and weights of places. What stays as it is has no entry. A target
 * that is the picture itself moves with it too, and stays whole where the picture has a square cut out.
 */
export function movedFields(fields: readonly Field[], { fill, outside = {} }: Augmentation): Map<string, Moved> {
  const picture = pictureIn(fields);
  const moved = new Map<string, Moved>();
  if (!picture) return moved;
  moved.set(picture.name, { how: 'picture', fill });
  for (const field of fields) {
    const { name, role, type, of, categories } = field;
    if ((role !== 'target' && role !== 'weight') || !liesOn(field, picture)) continue;
    if (role === 'weight') moved.set(name, { how: 'labels', fill: 0 });
    else if (categories !== undefined) moved.set(name, { how: 'labels', fill: labelFor(field, outside[name]) });
    else if (of === undefined || of === picture.name)
      moved.set(name, { how: 'numbers', fill: type === 'uint8' ? fill : 0 });
  }
  return moved;
}

/** Whether a field has something for each pixel of a picture. */
export const liesOn = ({ shape }: Pick<Field, 'shape'>, picture: Pick<Field, 'shape'>): boolean =>
  shape.length >= 2 && shape[0] === picture.shape[0] && shape[1] === picture.shape[1];

function labelFor({ type }: Field, outside = 0): number {
  return type === 'uint8' && !(outside >= 0 && outside <= 255) ? 0 : outside;
}
