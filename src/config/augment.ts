/** The `augment` section: random changes to training images, drawn anew for each example in each epoch. */
import { z } from 'zod';

export const augmentSchema = z
  .strictObject({
    shift: z.number().min(0).max(1).default(0).describe('Largest shift in each direction, as a fraction of the size.'),
    rotate: z.number().min(0).max(180).default(0).describe('Largest rotation either way, in degrees.'),
    zoom: z.number().min(0).lt(1).default(0).describe('Scales by a factor from 1 - zoom to 1 + zoom.'),
    flip: z
      .enum(['none', 'horizontal', 'vertical', 'both'])
      .default('none')
      .describe('Mirrors every other image, left to right, top to bottom, or each by itself.'),
    cutout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('Side of a square that is blanked somewhere in the image, as a fraction of the size.'),
    fill: z.number().default(0).describe('What comes in from outside the image, and what a cutout leaves, as stored.'),
  })
  .describe('Random changes to the training images; the same ones for any number of threads.');

export type AugmentConfig = z.output<typeof augmentSchema>;
