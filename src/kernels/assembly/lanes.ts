/** Four floats at a time: what several optimizers and graph kernels compute. */

/** Four scaled gradients. */
export function gradient(address: usize, scale: v128): v128 {
  return f32x4.mul(v128.load(address), scale);
}

/** `average * decay + value * (1 - decay)`. */
export function average(previous: v128, value: v128, decay: v128, rest: v128): v128 {
  return f32x4.add(f32x4.mul(previous, decay), f32x4.mul(value, rest));
}

/** Squares of the lower two floats, exact in float64. */
export function lowSquares(x: v128): v128 {
  const wide = f64x2.promote_low_f32x4(x);
  return f64x2.mul(wide, wide);
}

/** Squares of the upper two floats. */
export function highSquares(x: v128): v128 {
  return lowSquares(v128.shuffle<i64>(x, x, 1, 1));
}

export function sumOfLanes(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

export function sumOfFour(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

export function greatestOfFour(x: v128): f32 {
  const pairs = f32x4.max(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.max(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2)), 0);
}
