/** Draws round pen strokes on a 28 x 28 image: exact distances, hence smooth edges without supersampling. */
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { uniform } from '../../ground/random.js';

/** Rows and columns of an image. */
export const CANVAS_SIDE = 28;

/** How a drawing turns into bytes. */
export interface Finish {
  /** Width in pixels of the edge between paper and full ink: 1 is a sharp image, more a blurred one. */
  readonly edge: number;
  /** Brightness of full ink, 0..1. */
  readonly ink: number;
  /** Most that noise adds to or takes from a pixel, 0..1. */
  readonly noise: number;
}

/** Beyond this distance from the ink's border a pixel is blank for every edge width in use. */
const REACH = 1.5;

export class Canvas {
  /** How deep inside the ink each pixel's centre lies, in pixels; negative outside. */
  readonly #depth = new Float64Array(CANVAS_SIDE * CANVAS_SIDE);

  clear(): void {
    this.#depth.fill(-REACH);
  }

  /** Inks the straight line from (ax, ay) to (bx, by), in pixels, of half-width `radius`, with round ends. */
  line(ax: number, ay: number, bx: number, by: number, radius: number): void {
    const reach = radius + REACH;
    const firstColumn = Math.max(0, Math.ceil(Math.min(ax, bx) - reach));
    const lastColumn = Math.min(CANVAS_SIDE - 1, Math.floor(Math.max(ax, bx) + reach));
    const firstRow = Math.max(0, Math.ceil(Math.min(ay, by) - reach));
    const lastRow = Math.min(CANVAS_SIDE - 1, Math.floor(Math.max(ay, by) + reach));
    const dx = bx - ax;
    const dy = by - ay;
    const perLength = 1 / (dx * dx + dy * dy + 1e-9);
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        const along = ((column - ax) * dx + (row - ay) * dy) * perLength;
        const clamped = Math.max(0, Math.min(1, along));
        const x = column - ax - clamped * dx;
        const y = row - ay - clamped * dy;
        const depth = radius - Math.sqrt(x * x + y * y);
        if (depth > this.#depth[row * CANVAS_SIDE + column]) this.#depth[row * CANVAS_SIDE + column] = depth;
      }
    }
  }

  /** Writes the image as CANVAS_SIDE * CANVAS_SIDE bytes, 0 for paper and 255 for full ink, row by row from `offset`. */
  develop(into: Uint8Array, offset: number, finish: Finish, random: RandomGenerator): void {
    for (let pixel = 0; pixel < CANVAS_SIDE * CANVAS_SIDE; pixel++) {
      const position = Math.min(1, Math.max(0, 0.5 + this.#depth[pixel] / finish.edge));
      const coverage = position * position * (3 - 2 * position);
      const value = finish.ink * coverage + uniform(random, -finish.noise, finish.noise);
      into[offset + pixel] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
}
