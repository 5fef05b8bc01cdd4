/**
 * Adafactor, whose squared gradients of a matrix are the product of the means of its rows and of its columns. A tensor of more than two
 * axes is as many matrices of its last two; rows need not begin at multiples of 16 bytes.
 */
import { highSquares, lowSquares, sumOfLanes } from './lanes';

/** Four floats of a row from its column `j` on; zero beyond its end. */
function loadSome(row: usize, j: i32, columns: i32): v128 {
  const address = row + ((<usize>j) << 2);
  const left = columns - j;
  if (left >= 4) return v128.load(address);
  let x = v128.load32_zero(address);
  if (left > 1) x = v128.load_lane<i32>(address + 4, x, 1);
  if (left > 2) x = v128.load_lane<i32>(address + 8, x, 2);
  return x;
}

/** Stores as many of four floats as the row has from its column `j` on. */
function storeSome(row: usize, j: i32, columns: i32, x: v128): void {
  const address = row + ((<usize>j) << 2);
  const left = columns - j;
  if (left >= 4) {
    v128.store(address, x);
    return;
  }
  v128.store_lane<i32>(address, x, 0);
  if (left > 1) v128.store_lane<i32>(address + 4, x, 1);
  if (left > 2) v128.store_lane<i32>(address + 8, x, 2);
}

/** previous + share * (value - previous). */
function moved(previous: f32, value: f32, share: f32): f32 {
  return previous + share * (value - previous);
}

/**
 * Moves the means by `share` to those of the squared gradients.
 * @param sums as many floats as there are columns
 * @returns the mean of `row`
 */
export function adafactorMeans(
  g: usize,
  row: usize,
  column: usize,
  sums: usize,
  rows: i32,
  columns: i32,
  scale: f32,
  share: f32,
): f32 {
  const scales = f32x4.splat(scale);
  const stride = (<usize>columns) << 2;
  memory.fill(sums, 0, stride);
  let total: f64 = 0;
  for (let i: i32 = 0; i < rows; i++, g += stride) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let j: i32 = 0; j < columns; j += 4) {
      const grad = f32x4.mul(loadSome(g, j, columns), scales);
      low = f64x2.add(low, lowSquares(grad));
      high = f64x2.add(high, highSquares(grad));
      storeSome(sums, j, columns, f32x4.add(loadSome(sums, j, columns), f32x4.mul(grad, grad)));
    }
    const at = row + ((<usize>i) << 2);
    const mean = moved(load<f32>(at), <f32>(sumOfLanes(f64x2.add(low, high)) / <f64>columns), share);
    store<f32>(at, mean);
    total += <f64>mean;
  }
  for (let j: i32 = 0; j < columns; j++) {
    const at = (<usize>j) << 2;
    store<f32>(column + at, moved(load<f32>(column + at), load<f32>(sums + at) / <f32>rows, share));
  }
  return <f32>(total / <f64>rows);
}

/** Four gradients over the root of their squares as the means have them, which are at least `least`. */
function direction(g: usize, j: i32, columns: i32, column: usize, ofRow: v128, scale: v128, least: v128): v128 {
  const squares = f32x4.max(f32x4.mul(ofRow, loadSome(column, j, columns)), least);
  return f32x4.div(f32x4.mul(loadSome(g, j, columns), scale), f32x4.sqrt(squares));
}

/** Sum of the squares of the direction in float64. @param mean of the rows, or more */
export function adafactorSquares(
  g: usize,
  row: usize,
  column: usize,
  rows: i32,
  columns: i32,
  scale: f32,
  mean: f32,
  least: f32,
): f64 {
  const scales = f32x4.splat(scale);
  const leasts = f32x4.splat(least);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i: i32 = 0; i < rows; i++, g += (<usize>columns) << 2) {
    const ofRow = f32x4.splat(load<f32>(row + ((<usize>i) << 2)) / mean);
    for (let j: i32 = 0; j < columns; j += 4) {
      const step = direction(g, j, columns, column, ofRow, scales, leasts);
      low = f64x2.add(low, lowSquares(step));
      high = f64x2.add(high, highSquares(step));
    }
  }
  return sumOfLanes(f64x2.add(low, high));
}

/** p -= rate * direction + decay * p. */
export function adafactorApply(
  p: usize,
  g: usize,
  row: usize,
  column: usize,
  rows: i32,
  columns: i32,
  scale: f32,
  mean: f32,
  least: f32,
  rate: f32,
  decay: f32,
): void {
  const scales = f32x4.splat(scale);
  const leasts = f32x4.splat(least);
  const rates = f32x4.splat(rate);
  const decays = f32x4.splat(decay);
  const stride = (<usize>columns) << 2;
  for (let i: i32 = 0; i < rows; i++, g += stride, p += stride) {
    const ofRow = f32x4.splat(load<f32>(row + ((<usize>i) << 2)) / mean);
    for (let j: i32 = 0; j < columns; j += 4) {
      const parameter = loadSome(p, j, columns);
      const step = direction(g, j, columns, column, ofRow, scales, leasts);
      const change = f32x4.add(f32x4.mul(rates, step), f32x4.mul(decays, parameter));
      storeSome(p, j, columns, f32x4.sub(parameter, change));
    }
  }
}

/** Of what is no matrix: moves the means of the squares by `share`, and writes the direction. Counts are multiples of 16. */
export function adafactorVector(dst: usize, g: usize, v: usize, n: i32, scale: f32, share: f32, least: f32): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const shares = f32x4.splat(share);
  const leasts = f32x4.splat(least);
  for (let i: usize = 0; i < bytes; i += 16) {
    const grad = f32x4.mul(v128.load(g + i), scales);
    const before = v128.load(v + i);
    const mean = f32x4.add(before, f32x4.mul(shares, f32x4.sub(f32x4.mul(grad, grad), before)));
    v128.store(v + i, mean);
    v128.store(dst + i, f32x4.div(grad, f32x4.sqrt(f32x4.max(mean, leasts))));
  }
}
