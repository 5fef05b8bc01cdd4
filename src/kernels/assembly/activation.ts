/**
 * Activations that are x times a share of it: `kind` 0 is the Gaussian error linear unit, 1 the same by a hyperbolic tangent (Hendrycks
 * and Gimpel 2016), 2 silu, x times its logistic function. Each is computed with its slope, by which a gradient is only multiplied.
 */
import { held, log2OfE, most, power1, power2, power3, power4, power5, power6, powerOf2, rounding } from './powers';

const rootOf2OverPi: f64 = 0.7978845608028654;
const cubic: f64 = 0.044715;

/** Shares 1 / (1 + exp(-x * (linear + cube * x^2))). */
function logistic(
  x: usize,
  bias: usize,
  y: usize,
  slope: usize,
  rows: i32,
  columns: i32,
  linear: f64,
  cube: f64,
): void {
  const p1 = held(power1, rows);
  const p2 = held(power2, rows);
  const p3 = held(power3, rows);
  const p4 = held(power4, rows);
  const p5 = held(power5, rows);
  const p6 = held(power6, rows);
  const unit = held(1, rows);
  const round = held(rounding, rows);
  const top = held(most, rows);
  const bottom = held(-most, rows);
  const a = f32x4.splat(<f32>(-linear * log2OfE));
  const b = f32x4.splat(<f32>(-cube * log2OfE));
  const a1 = f32x4.splat(<f32>linear);
  const b3 = f32x4.splat(<f32>(3 * cube));
  const stride = (<usize>columns) << 2;
  for (let i: i32 = 0; i < rows; i++, x += stride, y += stride, slope += stride) {
    for (let at: usize = 0; at < stride; at += 16) {
      let v = v128.load(x + at);
      if (bias) v = f32x4.add(v, v128.load(bias + at));
      const square = f32x4.mul(v, v);
      const exponent = f32x4.mul(v, f32x4.add(a, f32x4.mul(b, square)));
      const within = f32x4.pmax(f32x4.pmin(exponent, top), bottom);
      const power = powerOf2(within, p1, p2, p3, p4, p5, p6, unit, round);
      const share = f32x4.div(unit, f32x4.add(unit, power));
      const value = f32x4.mul(v, share);
      v128.store(y + at, value);
      const inner = f32x4.add(a1, f32x4.mul(b3, square));
      const steep = f32x4.mul(f32x4.mul(value, f32x4.sub(unit, share)), inner);
      v128.store(slope + at, f32x4.add(share, steep));
    }
  }
}

/** Shares of the normal distribution below x, by Abramowitz and Stegun's formula 7.1.26, off by 1e-7. */
function normal(x: usize, bias: usize, y: usize, slope: usize, rows: i32, columns: i32): void {
  const p1 = held(power1, rows);
  const p2 = held(power2, rows);
  const p3 = held(power3, rows);
  const p4 = held(power4, rows);
  const p5 = held(power5, rows);
  const p6 = held(power6, rows);
  const unit = held(1, rows);
  const round = held(rounding, rows);
  const bottom = held(-most, rows);
  const t1 = held(0.1274148, rows);
  const t2 = held(-0.14224836, rows);
  const t3 = held(0.7107069, rows);
  const t4 = held(-0.726576, rows);
  const t5 = held(0.5307027, rows);
  const near = held(0.23164189, rows);
  const half = held(<f32>(-0.5 * log2OfE), rows);
  const height = held(<f32>(0.5 * rootOf2OverPi), rows);
  const zero = held(0, rows);
  const stride = (<usize>columns) << 2;
  for (let i: i32 = 0; i < rows; i++, x += stride, y += stride, slope += stride) {
    for (let at: usize = 0; at < stride; at += 16) {
      let v = v128.load(x + at);
      if (bias) v = f32x4.add(v, v128.load(bias + at));
      const exponent = f32x4.mul(f32x4.mul(v, v), half);
      const bell = powerOf2(f32x4.pmax(exponent, bottom), p1, p2, p3, p4, p5, p6, unit, round);
      const t = f32x4.div(unit, f32x4.add(unit, f32x4.mul(f32x4.abs(v), near)));
      let tail = f32x4.add(f32x4.mul(t, t5), t4);
      tail = f32x4.add(f32x4.mul(t, tail), t3);
      tail = f32x4.add(f32x4.mul(t, tail), t2);
      tail = f32x4.add(f32x4.mul(t, tail), t1);
      tail = f32x4.mul(f32x4.mul(t, tail), bell);
      const share = v128.bitselect(tail, f32x4.sub(unit, tail), f32x4.lt(v, zero));
      v128.store(y + at, f32x4.mul(v, share));
      const density = f32x4.mul(bell, height);
      v128.store(slope + at, f32x4.add(share, f32x4.mul(v, density)));
    }
  }
}

/** y, and dy/dx, of x [rows, columns] + bias [columns]; columns are a multiple of four. */
export function biasedActivation(
  x: usize,
  bias: usize,
  y: usize,
  slope: usize,
  rows: i32,
  columns: i32,
  kind: i32,
): void {
  if (kind === 0) normal(x, bias, y, slope, rows, columns);
  else if (kind === 1) logistic(x, bias, y, slope, rows, columns, 2 * rootOf2OverPi, 2 * rootOf2OverPi * cubic);
  else logistic(x, bias, y, slope, rows, columns, 1, 0);
}

/** The same of x alone, of `n` numbers. */
export function activation(x: usize, y: usize, slope: usize, n: i32, kind: i32): void {
  biasedActivation(x, 0, y, slope, 1, n, kind);
}
