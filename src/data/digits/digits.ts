/**
 * `source: digits`: synthetic handwritten digits, 28 x 28 x 1, made from pen strokes. No scanned writing is involved.
 *
 * Each example takes one way of writing its digit (glyphs.ts), moves every point of the path a little, bends, turns,
 * slants, stretches and shifts it, and draws it with a pen of its own width. Only +, -, *, / and square roots are used,
 * which IEEE 754 rounds the same everywhere: the same bytes on every machine.
 */

import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { DataError } from '../../errors.js';
import { requireMemory } from '../../ground/memory.js';
import { bell, randomStream, uniform } from '../../ground/random.js';
import { type Examples, plainColumn } from '../examples.js';
import { Reading } from '../reading.js';
import { CANVAS_SIDE, Canvas } from './canvas.js';
import { GLYPHS, type Stroke } from './glyphs.js';

const CLASSES = 10;
/** Straight lines that make up the curve between two points of a stroke. */
const LINES_PER_SPAN = 5;
/** Cells along each side of the grid whose random offsets bend the paper. */
const GRID = 3;

/** One person's hand at one moment: everything random about an example except the jitter of its points. */
interface Hand {
  /** x' = xx * x + xy * y + shiftX, y' = yx * x + yy * y + shiftY, from a unit box around 0 to pixels. */
  readonly xx: number;
  readonly xy: number;
  readonly yx: number;
  readonly yy: number;
  readonly shiftX: number;
  readonly shiftY: number;
  /** Offsets in pixels at the corners of the grid, x and y alternating, (GRID + 1)^2 corners row by row. */
  readonly bend: Float64Array;
  /** Half the width of the pen, in pixels, at the start and at the end of a stroke. */
  readonly radius: readonly [number, number];
}

function randomHand(random: RandomGenerator): Hand {
  const height = 19.5 * (1 + 0.07 * bell(random));
  const width = height * (0.85 + 0.1 * bell(random));
  const slant = -0.12 + 0.12 * bell(random);
  // The tangent of half the angle gives sine and cosine by division alone.
  const halfTangent = 0.05 * bell(random);
  const cosine = (1 - halfTangent * halfTangent) / (1 + halfTangent * halfTangent);
  const sine = (2 * halfTangent) / (1 + halfTangent * halfTangent);
  const centre = (CANVAS_SIDE - 1) / 2;
  const pen = uniform(random, 0.65, 1.75);
  return {
    xx: cosine * width,
    xy: (cosine * slant - sine) * height,
    yx: sine * width,
    yy: (sine * slant + cosine) * height,
    shiftX: centre + uniform(random, -2.6, 2.6),
    shiftY: centre + uniform(random, -2.6, 2.6),
    bend: Float64Array.from({ length: 2 * (GRID + 1) ** 2 }, () => 0.7 * bell(random)),
    radius: [pen * uniform(random, 0.8, 1.2), pen * uniform(random, 0.8, 1.2)],
  };
}

/** Jitters the points of a stroke; both halves of a corner move together. */
function jitter(stroke: Stroke, random: RandomGenerator): Float64Array {
  const points = new Float64Array(stroke.length);
  for (let i = 0; i < stroke.length; i += 2) {
    if (isCorner(stroke, i - 2)) {
      points[i] = points[i - 2];
      points[i + 1] = points[i - 1];
    } else {
      points[i] = stroke[i] / 100 - 0.5 + 0.02 * bell(random);
      points[i + 1] = stroke[i + 1] / 100 - 0.5 + 0.02 * bell(random);
    }
  }
  return points;
}

/** Whether the point at `i` (index of its x) is written twice, here and next. */
function isCorner(stroke: Stroke, i: number): boolean {
  return i >= 0 && stroke[i] === stroke[i + 2] && stroke[i + 1] === stroke[i + 3];
}

/** Point at `t` in 0..1 between b and c of the Catmull-Rom curve through a, b, c, d (Catmull and Rom, 1974). */
function curve(a: number, b: number, c: number, d: number, t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/**
 * Displacement of pixel (x, y) along one axis (0 or 1): the grid's offsets, blended smoothly. Bending the pen's path
 * instead of the pixels is the elastic distortion of Simard, Steinkraus and Platt (2003) with an unbent pen.
 */
function bendAt(bend: Float64Array, x: number, y: number, axis: 0 | 1): number {
  const cellX = Math.min(GRID - 1, Math.max(0, Math.floor((x / CANVAS_SIDE) * GRID)));
  const cellY = Math.min(GRID - 1, Math.max(0, Math.floor((y / CANVAS_SIDE) * GRID)));
  const u = Math.min(1, Math.max(0, (x / CANVAS_SIDE) * GRID - cellX));
  const v = Math.min(1, Math.max(0, (y / CANVAS_SIDE) * GRID - cellY));
  const right = u * u * (3 - 2 * u);
  const down = v * v * (3 - 2 * v);
  const corner = 2 * (cellY * (GRID + 1) + cellX) + axis;
  const below = corner + 2 * (GRID + 1);
  const top = bend[corner] + right * (bend[corner + 2] - bend[corner]);
  return top + down * (bend[below] + right * (bend[below + 2] - bend[below]) - top);
}

/** Moves point (x, y) of the unit box onto the bent paper; returns pixels. */
function toPaper(hand: Hand, x: number, y: number): [number, number] {
  const flatX = hand.xx * x + hand.xy * y + hand.shiftX;
  const flatY = hand.yx * x + hand.yy * y + hand.shiftY;
  return [flatX + bendAt(hand.bend, flatX, flatY, 0), flatY + bendAt(hand.bend, flatX, flatY, 1)];
}

/** The pen's path along a stroke: points in pixels, near enough to each other to join them by straight lines. */
function tracePath(stroke: Stroke, hand: Hand, random: RandomGenerator): [number, number][] {
  const points = jitter(stroke, random);
  const last = stroke.length - 2;
  const path: [number, number][] = [];
  for (let i = 0; i < last; i += 2) {
    if (isCorner(stroke, i)) continue;
    // A curve starts and ends at corners: there the neighbour beyond is the point itself.
    const before = i === 0 || isCorner(stroke, i - 2) ? i : i - 2;
    const after = i + 2 === last || isCorner(stroke, i + 2) ? i + 2 : i + 4;
    for (let step = i === 0 ? 0 : 1; step <= LINES_PER_SPAN; step++) {
      const t = step / LINES_PER_SPAN;
      const x = curve(points[before], points[i], points[i + 2], points[after], t);
      const y = curve(points[before + 1], points[i + 1], points[i + 3], points[after + 1], t);
      path.push(toPaper(hand, x, y));
    }
  }
  return path;
}

function drawStroke(canvas: Canvas, stroke: Stroke, hand: Hand, random: RandomGenerator): void {
  const path = tracePath(stroke, hand, random);
  const [startRadius, endRadius] = hand.radius;
  for (let i = 1; i < path.length; i++) {
    const radius = startRadius + (i / path.length) * (endRadius - startRadius);
    canvas.line(...path[i - 1], ...path[i], radius);
  }
}

/** Draws example `index` of the set named by `seed`: SIZE * SIZE bytes from `offset`. Its digit is `index % 10`. */
function drawDigit(seed: number, index: number, canvas: Canvas, into: Uint8Array, offset: number): void {
  const random = randomStream('digits', seed, index);
  const variants = GLYPHS[index % CLASSES];
  const glyph = variants[uniformInt(random, 0, variants.length - 1)];
  const hand = randomHand(random);
  canvas.clear();
  for (const stroke of glyph) drawStroke(canvas, stroke, hand, random);
  const finish = {
    edge: uniform(random, 1, 2.2),
    ink: uniform(random, 0.75, 1),
    noise: uniform(random, 0, 0.06),
  };
  canvas.develop(into, offset, finish, random);
}

/**
 * The first `count` digits of the endless set that `seed` names; example `i` is the same whatever the count.
 * Classes are balanced to within one example.
 */
export async function generateDigits(count: number, seed: number, reading: Reading = new Reading()): Promise<Examples> {
  requireMemory(`data.examples: ${count} digits`, count * CANVAS_SIDE * CANVAS_SIDE, DataError, 'use fewer');
  const features = new Uint8Array(new SharedArrayBuffer(count * CANVAS_SIDE * CANVAS_SIDE));
  const targets = new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));
  const canvas = new Canvas();
  for (let index = 0; index < count; index++) {
    targets[index] = index % CLASSES;
    drawDigit(seed, index, canvas, features, index * CANVAS_SIDE * CANVAS_SIDE);
    if (reading.due) await reading.pause();
  }
  const columns = [
    plainColumn('input', { shape: [CANVAS_SIDE, CANVAS_SIDE, 1], scale: 1 / 255, values: features }),
    plainColumn('target', { shape: [], values: targets, categories: CLASSES }),
  ];
  return { count, columns };
}
