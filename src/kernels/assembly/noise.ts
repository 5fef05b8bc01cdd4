/**
 * Counter-based random numbers, compiled to WebAssembly with SIMD: Philox4x32-10 of Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3" (SC 2011), in the word order of the Random123 library.
 *
 * Block b of a stream is a pure function of (key, counter = [b, counter1, counter2, counter3]) and gives the numbers
 * 4b to 4b + 3, so a number depends on its index alone. Four blocks are computed at once, one per SIMD lane.
 * Everything is plain IEEE float32 arithmetic in a fixed order: the bits are the same on every machine.
 *
 * `dst` is a byte offset into the imported memory; n is any count of 32-bit values.
 */

// Output of fourBlocks: lane l of word w belongs to the l-th block. WebAssembly from AssemblyScript has no tuples.
let word0: v128 = i32x4.splat(0);
let word1: v128 = i32x4.splat(0);
let word2: v128 = i32x4.splat(0);
let word3: v128 = i32x4.splat(0);

/** The upper 32 bits of each lane's 64-bit product. */
function highHalf(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

/** The Philox words of the blocks [block, block + 4). */
function fourBlocks(block: u32, key0: u32, key1: u32, counter1: u32, counter2: u32, counter3: u32): void {
  const multiplier0 = i32x4.splat(0xd2511f53);
  const multiplier1 = i32x4.splat(0xcd9e8d57);
  let x0 = i32x4.add(i32x4.splat(block), i32x4(0, 1, 2, 3));
  let x1 = i32x4.splat(counter1);
  let x2 = i32x4.splat(counter2);
  let x3 = i32x4.splat(counter3);
  let keys0 = i32x4.splat(key0);
  let keys1 = i32x4.splat(key1);
  for (let round = 0; round < 10; round++) {
    const left = x0;
    const right = x2;
    x0 = v128.xor(highHalf(right, multiplier1), v128.xor(x1, keys0));
    x1 = i32x4.mul(right, multiplier1);
    x2 = v128.xor(highHalf(left, multiplier0), v128.xor(x3, keys1));
    x3 = i32x4.mul(left, multiplier0);
    keys0 = i32x4.add(keys0, i32x4.splat(0x9e3779b9));
    keys1 = i32x4.add(keys1, i32x4.splat(0xbb67ae85));
  }
  word0 = x0;
  word1 = x1;
  word2 = x2;
  word3 = x3;
}

/** Stores the first `count` lanes of a vector, at most four. */
function storeSome(dst: usize, x: v128, count: i32): void {
  if (count >= 4) {
    v128.store(dst, x);
    return;
  }
  if (count > 0) v128.store_lane<i32>(dst, x, 0);
  if (count > 1) v128.store_lane<i32>(dst, x, 1, 4);
  if (count > 2) v128.store_lane<i32>(dst, x, 2, 8);
}

/** Stores four blocks (lanes of a, b, c, d) one after the other, up to `count` values. */
function storeBlocks(dst: usize, count: i32, a: v128, b: v128, c: v128, d: v128): void {
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd01 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const cd23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  storeSome(dst, v128.shuffle<i64>(ab01, cd01, 0, 2), count);
  storeSome(dst + 16, v128.shuffle<i64>(ab01, cd01, 1, 3), count - 4);
  storeSome(dst + 32, v128.shuffle<i64>(ab23, cd23, 0, 2), count - 8);
  storeSome(dst + 48, v128.shuffle<i64>(ab23, cd23, 1, 3), count - 12);
}

/** Raw Philox words from block `counter0` on, for the published test vectors. */
export function words(
  dst: usize,
  n: i32,
  key0: u32,
  key1: u32,
  counter0: u32,
  counter1: u32,
  counter2: u32,
  counter3: u32,
): void {
  for (let i: i32 = 0; i < n; i += 16) {
    fourBlocks(counter0 + (i >> 2), key0, key1, counter1, counter2, counter3);
    storeBlocks(dst + ((<usize>i) << 2), n - i, word0, word1, word2, word3);
  }
}

/** The top 24 bits of each lane as a fraction in [0, 1): every value is exact and 1 cannot occur. */
function fraction(x: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(x, 8)), f32x4.splat(5.9604644775390625e-8));
}

/** n floats, uniform in [0, 1). */
export function uniform(dst: usize, n: i32, key0: u32, key1: u32, counter1: u32, counter2: u32, counter3: u32): void {
  for (let i: i32 = 0; i < n; i += 16) {
    fourBlocks(i >> 2, key0, key1, counter1, counter2, counter3);
    const to = dst + ((<usize>i) << 2);
    storeBlocks(to, n - i, fraction(word0), fraction(word1), fraction(word2), fraction(word3));
  }
}

/** sqrt(-2 ln u), where u in (0, 1] comes from all 32 bits: the radius reaches 6.76. */
function radius(x: v128): v128 {
  const u = f32x4.add(
    f32x4.mul(f32x4.convert_i32x4_u(x), f32x4.splat(2.3283064365386963e-10)),
    f32x4.splat(1.1641532182693481e-10),
  );
  // u = 2^exponent * mantissa, with the mantissa in [sqrt(1/2), sqrt(2)): 0x3f3504f3 is sqrt(1/2).
  const shifted = i32x4.sub(u, i32x4.splat(0x3f3504f3));
  const exponent = i32x4.shr_s(shifted, 23);
  const mantissa = i32x4.sub(u, i32x4.shl(exponent, 23));
  // ln(m) = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172: the series is cut where it falls below 2^-27.
  const one = f32x4.splat(1);
  const s = f32x4.div(f32x4.sub(mantissa, one), f32x4.add(mantissa, one));
  const q = f32x4.mul(s, s);
  let series = f32x4.add(f32x4.splat(1.0 / 7.0), f32x4.mul(q, f32x4.splat(1.0 / 9.0)));
  series = f32x4.add(f32x4.splat(1.0 / 5.0), f32x4.mul(q, series));
  series = f32x4.add(f32x4.splat(1.0 / 3.0), f32x4.mul(q, series));
  const half = f32x4.add(s, f32x4.mul(f32x4.mul(s, q), series));
  // -2 ln u = -4 artanh(s) - 2 ln(2) * exponent; rounding must not push it below zero.
  const square = f32x4.add(
    f32x4.mul(f32x4.splat(-4), half),
    f32x4.mul(f32x4.splat(-1.3862943611198906), f32x4.convert_i32x4_s(exponent)),
  );
  return f32x4.sqrt(f32x4.max(square, f32x4.splat(0)));
}

/** Angle within its quadrant, in [-pi/4, pi/4): the low 30 bits. The top two bits choose the quadrant. */
function angle(x: v128): v128 {
  const turn = f32x4.convert_i32x4_s(i32x4.shl(x, 2));
  return f32x4.mul(turn, f32x4.splat(1.5707963267948966 / 4294967296.0));
}

function sine(t: v128): v128 {
  const q = f32x4.mul(t, t);
  let series = f32x4.add(f32x4.splat(-1.0 / 5040.0), f32x4.mul(q, f32x4.splat(1.0 / 362880.0)));
  series = f32x4.add(f32x4.splat(1.0 / 120.0), f32x4.mul(q, series));
  series = f32x4.add(f32x4.splat(-1.0 / 6.0), f32x4.mul(q, series));
  return f32x4.add(t, f32x4.mul(f32x4.mul(t, q), series));
}

function cosine(t: v128): v128 {
  const q = f32x4.mul(t, t);
  let series = f32x4.add(f32x4.splat(1.0 / 40320.0), f32x4.mul(q, f32x4.splat(-1.0 / 3628800.0)));
  series = f32x4.add(f32x4.splat(-1.0 / 720.0), f32x4.mul(q, series));
  series = f32x4.add(f32x4.splat(1.0 / 24.0), f32x4.mul(q, series));
  series = f32x4.add(f32x4.splat(-0.5), f32x4.mul(q, series));
  return f32x4.add(f32x4.splat(1), f32x4.mul(q, series));
}

// Output of boxMuller.
let normal0: v128 = f32x4.splat(0);
let normal1: v128 = f32x4.splat(0);

/** Two independent standard normals per lane, from one word for the radius and one for the direction. */
function boxMuller(x: v128, y: v128): void {
  const r = radius(x);
  const t = angle(y);
  const s = sine(t);
  const c = cosine(t);
  // Odd quadrants swap sine and cosine; the sign of the cosine is bit 31 ^ bit 30, that of the sine bit 31.
  const doubled = i32x4.shl(y, 1);
  const odd = i32x4.shr_s(doubled, 31);
  const sign = i32x4.splat(0x80000000);
  normal0 = f32x4.mul(r, v128.xor(v128.bitselect(s, c, odd), v128.and(v128.xor(y, doubled), sign)));
  normal1 = f32x4.mul(r, v128.xor(v128.bitselect(c, s, odd), v128.and(y, sign)));
}

/** n standard normal floats by the Box-Muller transform (Box and Muller, 1958). */
export function normal(dst: usize, n: i32, key0: u32, key1: u32, counter1: u32, counter2: u32, counter3: u32): void {
  for (let i: i32 = 0; i < n; i += 16) {
    fourBlocks(i >> 2, key0, key1, counter1, counter2, counter3);
    boxMuller(word0, word1);
    const a = normal0;
    const b = normal1;
    boxMuller(word2, word3);
    storeBlocks(dst + ((<usize>i) << 2), n - i, a, b, normal0, normal1);
  }
}
