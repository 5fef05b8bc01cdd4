/** What pixels add to an answer, as colours over their picture: red for what speaks for it, blue for what speaks against. */
import { encodePng } from '../data/images/png.js';

/** Pixels of the shorter drawings are made larger, up to about so many a side. */
const side = 224;
const [red, blue] = [
  [214, 39, 40],
  [31, 95, 200],
] as const;

export interface HeatMap {
  /** [height, width, channels], from 0 to 1; what is beyond is cut off. Grey where it is not known. */
  readonly picture?: Float32Array;
  readonly height: number;
  readonly width: number;
  readonly channels?: number;
  /** [height, width] */
  readonly attributions: ArrayLike<number>;
}

/** The map as a PNG file, in whole multiples of the picture's size. */
export async function heatMapPng({ picture, height, width, channels = 1, attributions }: HeatMap): Promise<Uint8Array> {
  const scale = Math.max(1, Math.floor(side / Math.max(height, width)));
  let largest = 0;
  for (let i = 0; i < attributions.length; i++) largest = Math.max(largest, Math.abs(attributions[i]));
  const bytes = new Uint8Array(height * scale * width * scale * 3);
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      const pixel = Math.floor(y / scale) * width + Math.floor(x / scale);
      const grey = 255 * (0.25 + 0.6 * (picture ? brightness(picture, pixel, channels) : 0.5));
      const share = largest === 0 ? 0 : Math.abs(attributions[pixel]) / largest;
      const colour = attributions[pixel] > 0 ? red : blue;
      const at = 3 * (y * width * scale + x);
      for (let i = 0; i < 3; i++) bytes[at + i] = Math.round(grey + share * (colour[i] - grey));
    }
  }
  return encodePng(bytes, height * scale, width * scale, 3);
}

function brightness(picture: Float32Array, pixel: number, channels: number): number {
  let sum = 0;
  for (let i = 0; i < channels; i++) sum += picture[pixel * channels + i];
  return Math.min(1, Math.max(0, sum / channels));
}
