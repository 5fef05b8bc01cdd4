/**
 * Numbers as int8 on their way between machines: groups of 128 share a scale, the largest magnitude over 127. `n` bytes of
 * numbers, then one float32 for each group, then zeros up to a multiple of 32 bytes. Offsets and counts are as in wire.ts.
 * A group with a NaN or an infinity comes back as NaN.
 */

const GROUP: usize = 128;
/** Bytes that payloads are multiples of. */
const UNIT: usize = 32;

function largest(src: usize, residual: usize, from: usize, to: usize): f32 {
  let most = f32x4.splat(0);
  for (let i = from; i < to; i += 4) {
    const r = residual + (i << 2);
    const sum = f32x4.add(v128.load(src + (i << 2)), v128.load(r));
    v128.store(r, sum);
    most = f32x4.max(most, f32x4.abs(sum));
  }
  const pairs = f32x4.max(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** Four numbers of `at` in units of `scale`, rounded to the nearest, ties to even; what that loses stays at `at`. */
function rounded(at: usize, scale: v128): v128 {
  const value = v128.load(at);
  const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(value, scale)));
  // Where the scale has underflowed, the quotients are out of range or no numbers.
  const units = i32x4.max_s(i32x4.min_s(whole, i32x4.splat(127)), i32x4.splat(-127));
  v128.store(at, f32x4.sub(value, f32x4.mul(f32x4.convert_i32x4_s(units), scale)));
  return units;
}

/** Rounding with error feedback: dst = round(src + residual), residual = src + residual - dst; see wire.ts. */
export function compressInt8(dst: usize, src: usize, residual: usize, n: i32): void {
  const count = <usize>n;
  let scaleAt = dst + count;
  for (let from: usize = 0; from < count; from += GROUP) {
    const to = min(from + GROUP, count);
    const scale: f32 = largest(src, residual, from, to) / 127;
    f32.store(scaleAt, scale);
    scaleAt += 4;
    const scales = f32x4.splat(scale);
    for (let i = from; i < to; i += 16) {
      const at = residual + (i << 2);
      const a = i16x8.narrow_i32x4_s(rounded(at, scales), rounded(at + 16, scales));
      const b = i16x8.narrow_i32x4_s(rounded(at + 32, scales), rounded(at + 48, scales));
      v128.store(dst + i, i8x16.narrow_i16x8_s(a, b));
    }
  }
  const end = dst + ((scaleAt - dst + UNIT - 1) & ~(UNIT - 1));
  for (; scaleAt < end; scaleAt += 4) f32.store(scaleAt, 0);
}

function widen(dst: usize, four: v128, scale: v128): void {
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(four), scale));
}

/** `n` floats from int8. */
export function fromInt8(dst: usize, src: usize, n: i32): void {
  const count = <usize>n;
  for (let i: usize = 0; i < count; i += 16) {
    const scale = v128.load32_splat(src + count + ((i / GROUP) << 2));
    const bytes = v128.load(src + i);
    const low = i16x8.extend_low_i8x16_s(bytes);
    const high = i16x8.extend_high_i8x16_s(bytes);
    const to = dst + (i << 2);
    widen(to, i32x4.extend_low_i16x8_s(low), scale);
    widen(to + 16, i32x4.extend_high_i16x8_s(low), scale);
    widen(to + 32, i32x4.extend_low_i16x8_s(high), scale);
    widen(to + 48, i32x4.extend_high_i16x8_s(high), scale);
  }
}
