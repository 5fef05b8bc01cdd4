/** Powers of two, four at a time: what exponentials are made of. */

/** Coefficients of 2^x on [-0.5, 0.5]: off by 1e-7. */
export const power1: f32 = <f32>Math.LN2;
export const power2: f32 = 0.24022646;
export const power3: f32 = 0.05550329;
export const power4: f32 = 0.00961852;
export const power5: f32 = 0.0013399866;
export const power6: f32 = 0.0001533758;
/** Added to a number below 2^22, and taken off, it rounds. */
export const rounding: f32 = 12582912;
/** Beyond, a power of two is no normal number. */
export const most: f32 = 126;
export const log2OfE: f64 = Math.LOG2E;

/**
 * A number in four lanes. `rows` is not negative; asking keeps the number in a register, where V8 would make a constant anew, by four
 * instructions, wherever it is used.
 */
export function held(value: f32, rows: i32): v128 {
  return f32x4.splat(rows < 0 ? 0 : value);
}

/** 2^x of lanes within +-126. */
export function powerOf2(
  x: v128,
  p1: v128,
  p2: v128,
  p3: v128,
  p4: v128,
  p5: v128,
  p6: v128,
  unit: v128,
  round: v128,
): v128 {
  const shifted = f32x4.add(x, round);
  const r = f32x4.sub(x, f32x4.sub(shifted, round));
  let p = f32x4.add(f32x4.mul(p6, r), p5);
  p = f32x4.add(f32x4.mul(p, r), p4);
  p = f32x4.add(f32x4.mul(p, r), p3);
  p = f32x4.add(f32x4.mul(p, r), p2);
  p = f32x4.add(f32x4.mul(p, r), p1);
  p = f32x4.add(f32x4.mul(p, r), unit);
  return i32x4.add(p, i32x4.shl(shifted, 23));
}
