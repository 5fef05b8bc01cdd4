/** Augmentation: random changes to training images, a function of seed, epoch and example alone. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import type { AugmentConfig } from '../../config/augment.js';
import { ConfigError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { randomStream, uniform } from '../../ground/random.js';
import { type Field, fieldOf, ofRole } from '../field.js';
import { liesOn, type Moved, pictureIn } from './moved.js';
import { type ImageRow, type Movement, resample, resampleNearest } from './resample.js';

/**
 * Writes what an example's image, or what is said of its pixels, becomes into `target`; both are rows of the augmenter's shape,
 * and apart. All augmenters of a run move an example alike.
 */
export type Augmenter = (source: ImageRow, target: ImageRow, seed: number, epoch: number, example: number) => void;

/**
 * @throws ConfigError unless an input is an image, [height, width, channels], that can hold `augment.fill`, and what is said of
 *   its pixels can move with it
 */
export function checkAugment({ fill }: AugmentConfig, fields: readonly Field[]): void {
  const picture = pictureIn(fields);
  if (!picture) {
    throw new ConfigError(
      `augment: an example has shape [${fieldOf(fields, 'input').shape.join(', ')}], an image [height, width, channels]`,
      'remove augment, or use data of images',
    );
  }
  const { shape, type } = picture;
  const other = ofRole(fields, 'target').find(
    (target) => target.type === 'uint8' && target.of === undefined && !liesOn(target, picture),
  );
  if (other) {
    throw new ConfigError(
      `augment: ${other.name} has shape [${other.shape.join(', ')}], and moves with images of [${shape.join(', ')}]`,
      `give it their size: data.targets.${other.name}.size: [${shape[0]}, ${shape[1]}]; or remove augment`,
    );
  }
  if (type === 'uint8' && !(fill >= 0 && fill <= 255)) {
    throw new ConfigError(`augment.fill: ${fill} is not a byte, as the images' values are`, 'use one from 0 to 255');
  }
}

/**
 * The square is that of DeVries and Taylor (2017), "Improved Regularization of Convolutional Neural Networks with
 * Cutout", but always wholly inside the image.
 *
 * @param shape of the field, whose first axes are height and width
 */
export function createAugmenter(config: AugmentConfig, shape: readonly number[], { how, fill }: Moved): Augmenter {
  const { shift, rotate, zoom, flip, cutout } = config;
  const [height, width, ...channels] = shape;
  const image = [height, width, elements(channels)];
  const moves = shift > 0 || rotate > 0 || zoom > 0 || flip !== 'none';
  const side = cutout === 0 || how !== 'picture' ? 0 : Math.max(1, Math.round(cutout * Math.min(height, width)));
  const move = how === 'labels' ? resampleNearest : resample;
  return (source, target, seed, epoch, example) => {
    const random = randomStream('augment', seed, epoch, example);
    // Drawn even if nothing moves, so that the square is where it would be anyway.
    const movement = drawMovement(config, height, width, random);
    if (moves) move(source, target, image, movement, fill);
    else target.set(source);
    if (side > 0) {
      blank(target, image, side, uniformInt(random, 0, width - side), uniformInt(random, 0, height - side), fill);
    }
  };
}

/** Draws as often whatever is asked for, so that asking for one more change leaves the others as they are. */
function drawMovement(config: AugmentConfig, height: number, width: number, random: RandomGenerator): Movement {
  const { shift, rotate, zoom, flip } = config;
  const radians = (rotate * Math.PI) / 180;
  const [mirrorX, mirrorY] = [uniformInt(random, 0, 1) === 1, uniformInt(random, 0, 1) === 1];
  return {
    flipX: mirrorX && (flip === 'horizontal' || flip === 'both'),
    flipY: mirrorY && (flip === 'vertical' || flip === 'both'),
    zoom: 1 + uniform(random, -zoom, zoom),
    angle: uniform(random, -radians, radians),
    // Whole pixels, because a part of one would only blur the image.
    shiftX: Math.round(uniform(random, -shift, shift) * width),
    shiftY: Math.round(uniform(random, -shift, shift) * height),
  };
}

/** Fills the square whose top left pixel is (x, y). */
function blank(image: ImageRow, shape: readonly number[], side: number, x: number, y: number, fill: number): void {
  const [, width, channels] = shape;
  const value = image instanceof Uint8Array ? Math.round(fill) : fill;
  for (let row = y; row < y + side; row++) {
    const start = (row * width + x) * channels;
    image.fill(value, start, start + side * channels);
  }
}
