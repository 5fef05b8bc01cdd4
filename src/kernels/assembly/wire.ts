/**
 * What slabs need on their way between machines: a checksum, and rounding to 16 bits; part of the update module.
 *
 * As in update.ts, arguments are byte offsets and counts; regions start at multiples of 16 bytes, counts of floats are
 * multiples of 16. A float16 or bfloat16 is a half: two lie in each 32-bit word.
 */

/** Odd, so that multiplying by it loses nothing. */
const PRIME: i32 = 0x9e3779b1;

/** One step of four hashes; for each word a bijection of the hash, and for each hash one of the word. */
function mix(hash: v128, word: v128): v128 {
  const product = i32x4.mul(v128.xor(hash, word), i32x4.splat(PRIME));
  // Multiplication carries upwards only: without this, two flipped signs in one lane would cancel.
  return v128.xor(product, i32x4.shr_u(product, 15));
}

function mixScalar(hash: i32, word: i32): i32 {
  const product = (hash ^ word) * PRIME;
  return product ^ (product >>> 15);
}

function mixLanes(hash: i32, lanes: v128): i32 {
  const a = mixScalar(hash, i32x4.extract_lane(lanes, 0));
  const b = mixScalar(a, i32x4.extract_lane(lanes, 1));
  const c = mixScalar(b, i32x4.extract_lane(lanes, 2));
  return mixScalar(c, i32x4.extract_lane(lanes, 3));
}

/** Checksum of `n` words, which are copied to `dst` on the way if `copies`. */
function walk(src: usize, n: i32, dst: usize, copies: bool): i32 {
  const bytes = (<usize>n) << 2;
  const whole = bytes & ~63;
  let a = i32x4(1, 2, 3, 4);
  let b = i32x4(5, 6, 7, 8);
  let c = i32x4(9, 10, 11, 12);
  let d = i32x4(13, 14, 15, 16);
  for (let i: usize = 0; i < whole; i += 64) {
    const w = v128.load(src + i);
    const x = v128.load(src + i, 16);
    const y = v128.load(src + i, 32);
    const z = v128.load(src + i, 48);
    if (copies) {
      v128.store(dst + i, w);
      v128.store(dst + i, x, 16);
      v128.store(dst + i, y, 32);
      v128.store(dst + i, z, 48);
    }
    a = mix(a, w);
    b = mix(b, x);
    c = mix(c, y);
    d = mix(d, z);
  }
  if (whole < bytes) {
    const w = v128.load(src + whole);
    const x = v128.load(src + whole, 16);
    if (copies) {
      v128.store(dst + whole, w);
      v128.store(dst + whole, x, 16);
    }
    a = mix(a, w);
    b = mix(b, x);
  }
  return mixLanes(mixLanes(mixLanes(mixLanes(n, a), b), c), d);
}

/**
 * Checksum of `n` 32-bit words, a multiple of 8. Sixteen hashes run side by side over every sixteenth word, and are hashed
 * into one at the end: any single changed word changes the result, and words that change places change it too.
 */
export function checksum(src: usize, n: i32): i32 {
  return walk(src, n, 0, false);
}

/** dst = src, bit for bit. @returns the checksum, which takes no longer with the copy than without */
export function copyWithChecksum(dst: usize, src: usize, n: i32): i32 {
  return walk(src, n, dst, true);
}

/** dst = src, bit for bit. */
export function copy(dst: usize, src: usize, n: i32): void {
  const bytes = (<usize>n) << 2;
  for (let i: usize = 0; i < bytes; i += 32) {
    v128.store(dst + i, v128.load(src + i));
    v128.store(dst + i, v128.load(src + i, 16), 16);
  }
}

/**
 * dst = a + src, where dst may be a. @returns the checksum of `src` as an unsigned number, and 2^32 more if a float of
 * `src` is NaN or infinite; a multiple of 16 floats
 */
export function addChecked(dst: usize, a: usize, src: usize, n: i32): f64 {
  const bytes = (<usize>n) << 2;
  const zero = f32x4.splat(0);
  let p = i32x4(1, 2, 3, 4);
  let q = i32x4(5, 6, 7, 8);
  let r = i32x4(9, 10, 11, 12);
  let s = i32x4(13, 14, 15, 16);
  let even = zero;
  let odd = zero;
  for (let i: usize = 0; i < bytes; i += 64) {
    const w = v128.load(src + i);
    const x = v128.load(src + i, 16);
    const y = v128.load(src + i, 32);
    const z = v128.load(src + i, 48);
    v128.store(dst + i, f32x4.add(v128.load(a + i), w));
    v128.store(dst + i, f32x4.add(v128.load(a + i, 16), x), 16);
    v128.store(dst + i, f32x4.add(v128.load(a + i, 32), y), 32);
    v128.store(dst + i, f32x4.add(v128.load(a + i, 48), z), 48);
    p = mix(p, w);
    q = mix(q, x);
    r = mix(r, y);
    s = mix(s, z);
    // A finite number times zero is a zero; anything else becomes NaN and stays it.
    even = f32x4.add(even, f32x4.add(f32x4.mul(w, zero), f32x4.mul(x, zero)));
    odd = f32x4.add(odd, f32x4.add(f32x4.mul(y, zero), f32x4.mul(z, zero)));
  }
  const sum = mixLanes(mixLanes(mixLanes(mixLanes(n, p), q), r), s);
  const finite = i32x4.all_true(f32x4.eq(f32x4.add(even, odd), zero));
  return <f64>(<u32>sum) + (finite ? 0 : 4294967296.0);
}

/** As `addChecked` without a checksum. @returns 1 where no float of `src` is NaN or infinite, otherwise 0 */
export function addFinite(dst: usize, a: usize, src: usize, n: i32): i32 {
  const bytes = (<usize>n) << 2;
  const zero = f32x4.splat(0);
  let even = zero;
  let odd = zero;
  for (let i: usize = 0; i < bytes; i += 32) {
    const w = v128.load(src + i);
    const x = v128.load(src + i, 16);
    v128.store(dst + i, f32x4.add(v128.load(a + i), w));
    v128.store(dst + i, f32x4.add(v128.load(a + i, 16), x), 16);
    even = f32x4.add(even, f32x4.mul(w, zero));
    odd = f32x4.add(odd, f32x4.mul(x, zero));
  }
  return i32x4.all_true(f32x4.eq(f32x4.add(even, odd), zero)) ? 1 : 0;
}

/** 1 where no float is NaN or infinite, otherwise 0. */
export function finite(src: usize, n: i32): i32 {
  const bytes = (<usize>n) << 2;
  const zero = f32x4.splat(0);
  let a = zero;
  let b = zero;
  // A finite number times zero is a zero; anything else becomes NaN and stays it.
  for (let i: usize = 0; i < bytes; i += 32) {
    a = f32x4.add(a, f32x4.mul(v128.load(src + i), zero));
    b = f32x4.add(b, f32x4.mul(v128.load(src + i, 16), zero));
  }
  return i32x4.all_true(f32x4.eq(f32x4.add(a, b), zero)) ? 1 : 0;
}

/** Four floats, rounded to the nearest bfloat16, ties to even, in the low halves of four words. */
function roundBfloat16(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd);
  // Rounding could carry a NaN into another number: it is cut off instead, and marked quiet.
  const quiet = v128.or(x, i32x4.splat(0x400000));
  return i32x4.shr_u(v128.bitselect(rounded, quiet, f32x4.eq(x, x)), 16);
}

function widenBfloat16(halves: v128): v128 {
  return i32x4.shl(halves, 16);
}

/** Smallest float32 that is too large for float16 whatever way it is rounded; and the smallest normal float16. */
const HALF_LIMIT: i32 = (127 + 16) << 23;
const HALF_NORMAL: i32 = (127 - 14) << 23;
/** 0.5: a subnormal half and this make a float32 whose low bits are those of the half. */
const HALF_MAGIC: i32 = (127 - 1) << 23;

/** Four floats, rounded to the nearest float16, ties to even; too large ones become infinite, small ones subnormal. */
function roundFloat16(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const magnitude = v128.xor(x, sign);
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const rebased = i32x4.add(magnitude, i32x4.splat(((15 - 127) << 23) + 0xfff));
  const normal = i32x4.shr_u(i32x4.add(rebased, odd), 13);
  const magic = i32x4.splat(HALF_MAGIC);
  const subnormal = i32x4.sub(f32x4.add(magnitude, magic), magic);
  const special = v128.bitselect(i32x4.splat(0x7c00), i32x4.splat(0x7e00), f32x4.eq(x, x));
  const small = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(HALF_NORMAL)));
  const half = v128.bitselect(special, small, i32x4.ge_s(magnitude, i32x4.splat(HALF_LIMIT)));
  return v128.or(half, i32x4.shr_u(sign, 16));
}

function widenFloat16(halves: v128): v128 {
  const exponents = i32x4.splat(0x7c00 << 13);
  const shifted = i32x4.shl(v128.and(halves, i32x4.splat(0x7fff)), 13);
  const exponent = v128.and(shifted, exponents);
  const normal = i32x4.add(shifted, i32x4.splat((127 - 15) << 23));
  const special = i32x4.add(normal, i32x4.splat((128 - 16) << 23));
  const lifted = i32x4.add(normal, i32x4.splat(1 << 23));
  const subnormal = f32x4.sub(lifted, i32x4.splat(HALF_NORMAL));
  const small = v128.bitselect(subnormal, normal, i32x4.eq(exponent, i32x4.splat(0)));
  const magnitude = v128.bitselect(special, small, i32x4.eq(exponent, exponents));
  return v128.or(magnitude, i32x4.shl(v128.and(halves, i32x4.splat(0x8000)), 16));
}

/** `n` floats rounded to bfloat16. */
export function toBfloat16(dst: usize, src: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i += 8) {
    const low = roundBfloat16(v128.load(src + (i << 2)));
    const high = roundBfloat16(v128.load(src + (i << 2), 16));
    v128.store(dst + (i << 1), i16x8.narrow_i32x4_u(low, high));
  }
}

/** The same in place: they stay floats. */
export function roundToBfloat16(dst: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i += 4) {
    const at = dst + (i << 2);
    v128.store(at, widenBfloat16(roundBfloat16(v128.load(at))));
  }
}

/** `n` floats rounded to float16. */
export function toFloat16(dst: usize, src: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i += 8) {
    const low = roundFloat16(v128.load(src + (i << 2)));
    const high = roundFloat16(v128.load(src + (i << 2), 16));
    v128.store(dst + (i << 1), i16x8.narrow_i32x4_u(low, high));
  }
}

/** `n` floats from bfloat16, exactly. */
export function fromBfloat16(dst: usize, src: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i += 8) {
    const halves = v128.load(src + (i << 1));
    v128.store(dst + (i << 2), widenBfloat16(i32x4.extend_low_i16x8_u(halves)));
    v128.store(dst + (i << 2), widenBfloat16(i32x4.extend_high_i16x8_u(halves)), 16);
  }
}

/** `n` floats from float16, exactly. */
export function fromFloat16(dst: usize, src: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i += 8) {
    const halves = v128.load(src + (i << 1));
    v128.store(dst + (i << 2), widenFloat16(i32x4.extend_low_i16x8_u(halves)));
    v128.store(dst + (i << 2), widenFloat16(i32x4.extend_high_i16x8_u(halves)), 16);
  }
}

/**
 * Rounding with error feedback: dst = round(src + residual), residual = src + residual - dst, to bfloat16. Seide et al.,
 * "1-bit stochastic gradient descent" (2014); Karimireddy et al., "Error feedback fixes SignSGD" (2019).
 */
export function compressBfloat16(dst: usize, src: usize, residual: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i += 8) {
    const r = residual + (i << 2);
    const a = f32x4.add(v128.load(src + (i << 2)), v128.load(r));
    const b = f32x4.add(v128.load(src + (i << 2), 16), v128.load(r, 16));
    const low = roundBfloat16(a);
    const high = roundBfloat16(b);
    v128.store(dst + (i << 1), i16x8.narrow_i32x4_u(low, high));
    v128.store(r, f32x4.sub(a, widenBfloat16(low)));
    v128.store(r, f32x4.sub(b, widenBfloat16(high)), 16);
  }
}

/** As `compressBfloat16`, to float16. */
export function compressFloat16(dst: usize, src: usize, residual: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n; i += 8) {
    const r = residual + (i << 2);
    const a = f32x4.add(v128.load(src + (i << 2)), v128.load(r));
    const b = f32x4.add(v128.load(src + (i << 2), 16), v128.load(r, 16));
    const low = roundFloat16(a);
    const high = roundFloat16(b);
    v128.store(dst + (i << 1), i16x8.narrow_i32x4_u(low, high));
    v128.store(r, f32x4.sub(a, widenFloat16(low)));
    v128.store(r, f32x4.sub(b, widenFloat16(high)), 16);
  }
}
