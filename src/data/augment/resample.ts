/** Moving an image by one affine map: zoom, rotation, shift and mirroring in a single resampling. */

/** One row of features, seen as [height, width, channels]. */
export type ImageRow = Uint8Array | Float32Array | Int32Array;

/** What is done to an image, in this order, about its centre. */
export interface Movement {
  readonly flipX: boolean;
  readonly flipY: boolean;
  /** Factor of its size. */
  readonly zoom: number;
  /** Clockwise as seen, in radians, from -pi to pi. */
  readonly angle: number;
  /** Pixels to the right and down. */
  readonly shiftX: number;
  readonly shiftY: number;
}

/** Terms after which the series of sine and cosine of up to pi change no bit. */
const TERMS = 32;

/** Sine and cosine by their series: those of Math are not the same bits in every version of Node. */
function sineAndCosine(angle: number): { sine: number; cosine: number } {
  let sine = 0;
  let cosine = 0;
  let term = 1;
  for (let i = 0; i < TERMS; i += 2) {
    cosine += term;
    term *= angle / (i + 1);
    sine += term;
    term *= -angle / (i + 2);
  }
  return { sine, cosine };
}

/** The point (xx * x + xy * y + startX, yx * x + yy * y + startY) of an image comes to lie on pixel (x, y) of the moved one. */
function mapOf([height, width]: readonly number[], movement: Movement) {
  const { sine, cosine } = sineAndCosine(movement.angle);
  const signX = (movement.flipX ? -1 : 1) / movement.zoom;
  const signY = (movement.flipY ? -1 : 1) / movement.zoom;
  const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
  const [xx, xy, yx, yy] = [signX * cosine, signX * sine, -signY * sine, signY * cosine];
  const startX = centreX - xx * (centreX + movement.shiftX) - xy * (centreY + movement.shiftY);
  const startY = centreY - yx * (centreX + movement.shiftX) - yy * (centreY + movement.shiftY);
  return { xx, xy, yx, yy, startX, startY };
}

/** As `resample`, but each pixel is that of `source` which is nearest to the point: labels have nothing in between. */
export function resampleNearest(
  source: ImageRow,
  target: ImageRow,
  shape: readonly number[],
  movement: Movement,
  fill: number,
): void {
  const [height, width, channels] = shape;
  const { xx, xy, yx, yy, startX, startY } = mapOf(shape, movement);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const column = Math.floor(xx * x + (xy * y + startX) + 0.5);
      const row = Math.floor(yx * x + (yy * y + startY) + 0.5);
      const isInside = column >= 0 && column < width && row >= 0 && row < height;
      let from = (row * width + column) * channels;
      for (let channel = 0; channel < channels; channel++) target[to++] = isInside ? source[from++] : fill;
    }
  }
}

/**
 * Writes the moved image: each pixel of `target` is the bilinear blend of the four pixels of `source` around the point
 * that comes to lie on it, rounded to nearest for bytes. Whole-pixel movements copy exactly.
 *
 * @param shape [height, width, channels] of both
 * @param fill value of everything outside of `source`
 */
export function resample(
  source: ImageRow,
  target: ImageRow,
  shape: readonly number[],
  movement: Movement,
  fill: number,
): void {
  const [height, width, channels] = shape;
  const { xx, xy, yx, yy, startX, startY } = mapOf(shape, movement);
  // Bytes are cut off when stored.
  const rounding = target instanceof Uint8Array ? 0.5 : 0;
  const stride = width * channels;
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pointX = xx * x + (xy * y + startX);
      const pointY = yx * x + (yy * y + startY);
      const left = Math.floor(pointX);
      const top = Math.floor(pointY);
      const right = pointX - left;
      const down = pointY - top;
      const hasLeft = left >= 0 && left < width;
      const hasRight = left >= -1 && left < width - 1;
      const hasTop = top >= 0 && top < height;
      const hasBottom = top >= -1 && top < height - 1;
      let from = top * stride + left * channels;
      for (let channel = 0; channel < channels; channel++, from++, to++) {
        const a = hasTop && hasLeft ? source[from] : fill;
        const b = hasTop && hasRight ? source[from + channels] : fill;
        const c = hasBottom && hasLeft ? source[from + stride] : fill;
        const d = hasBottom && hasRight ? source[from + stride + channels] : fill;
        const above = a + right * (b - a);
        const below = c + right * (d - c);
        target[to] = above + down * (below - above) + rounding;
      }
    }
  }
}
