/**
 * Reduction and optimizer updates over the shared parameter slab, compiled to WebAssembly with SIMD and threads.
 *
 * Arguments are byte offsets into the imported memory, and counts of floats. Every region starts at a multiple of
 * 64 bytes and every count is a multiple of 16, so no loop has a tail. Updates are elementwise: cutting a region
 * into slices, one per thread, cannot change a bit. NaN and infinities propagate.
 *
 * `scale` multiplies each gradient first: it is 1 / examples times the clipping factor.
 */
import { average, gradient } from './lanes';

export { adafactorApply, adafactorMeans, adafactorSquares, adafactorVector } from './factored';
export { applyDirection, lambApply, lambMoments, lambSquares, muonDirection } from './layerwise';
export { lowRankAdd, lowRankLeft, lowRankRight } from './low-rank';
export {
  addChecked,
  addFinite,
  checksum,
  compressBfloat16,
  compressFloat16,
  copy,
  copyWithChecksum,
  finite,
  fromBfloat16,
  fromFloat16,
  roundToBfloat16,
  toBfloat16,
  toFloat16,
} from './wire';
export { packBlocks4, packBlocks8, quantizeBlocks, unpackBlocks4, unpackBlocks8 } from './wire-blocks';
export { compressInt8, fromInt8 } from './wire-int8';

/** Smallest normal float32. */
const NORMAL: f32 = 1.17549435e-38;

/** dst += src. */
export function add(dst: usize, src: usize, n: i32): void {
  const bytes = (<usize>n) << 2;
  for (let i: usize = 0; i < bytes; i += 64) {
    const d = dst + i;
    const s = src + i;
    v128.store(d, f32x4.add(v128.load(d), v128.load(s)));
    v128.store(d, f32x4.add(v128.load(d, 16), v128.load(s, 16)), 16);
    v128.store(d, f32x4.add(v128.load(d, 32), v128.load(s, 32)), 32);
    v128.store(d, f32x4.add(v128.load(d, 48), v128.load(s, 48)), 48);
  }
}

/** dst = src * scale. */
export function scaledCopy(dst: usize, src: usize, n: i32, scale: f32): void {
  const bytes = (<usize>n) << 2;
  const factor = f32x4.splat(scale);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(dst + i, f32x4.mul(v128.load(src + i), factor));
  }
}

/**
 * Replaces subnormals by zero and keeps everything else, NaN included. A moving average of gradients that have become
 * zero decays into subnormals and stays there (0.9 * 1e-45 rounds to 1e-45), which slows every later step.
 */
export function flushSubnormals(dst: usize, n: i32): void {
  const bytes = (<usize>n) << 2;
  const limit = f32x4.splat(NORMAL);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(dst + i);
    v128.store(dst + i, v128.andnot(x, f32x4.lt(f32x4.abs(x), limit)));
  }
}

/** Squares of two floats, exact in float64. */
function squares(address: usize): v128 {
  const wide = f64x2.promote_low_f32x4(v128.load64_zero(address));
  return f64x2.mul(wide, wide);
}

/** Sum of squares in float64, in one fixed order that depends on n alone. */
export function sumOfSquares(src: usize, n: i32): f64 {
  const end = src + ((<usize>n) << 2);
  let a = f64x2.splat(0);
  let b = f64x2.splat(0);
  let c = f64x2.splat(0);
  let d = f64x2.splat(0);
  for (; src < end; src += 64) {
    a = f64x2.add(a, squares(src));
    b = f64x2.add(b, squares(src + 8));
    c = f64x2.add(c, squares(src + 16));
    d = f64x2.add(d, squares(src + 24));
    a = f64x2.add(a, squares(src + 32));
    b = f64x2.add(b, squares(src + 40));
    c = f64x2.add(c, squares(src + 48));
    d = f64x2.add(d, squares(src + 56));
  }
  const sum = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** p -= rate * g. */
export function sgd(p: usize, g: usize, n: i32, scale: f32, rate: f32): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(p + i, f32x4.sub(v128.load(p + i), f32x4.mul(rates, gradient(g + i, scales))));
  }
}

/** v = momentum * v + g; p -= rate * v, or with Nesterov p -= rate * (g + momentum * v). */
export function momentum(
  p: usize,
  g: usize,
  v: usize,
  n: i32,
  scale: f32,
  rate: f32,
  friction: f32,
  nesterov: bool,
): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  const frictions = f32x4.splat(friction);
  for (let i: usize = 0; i < bytes; i += 16) {
    const grad = gradient(g + i, scales);
    const velocity = f32x4.add(f32x4.mul(frictions, v128.load(v + i)), grad);
    v128.store(v + i, velocity);
    const direction = nesterov ? f32x4.add(grad, f32x4.mul(frictions, velocity)) : velocity;
    v128.store(p + i, f32x4.sub(v128.load(p + i), f32x4.mul(rates, direction)));
  }
}

/** a += g^2; p -= rate * g / (sqrt(a) + epsilon). */
export function adagrad(p: usize, g: usize, a: usize, n: i32, scale: f32, rate: f32, epsilon: f32): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  const epsilons = f32x4.splat(epsilon);
  for (let i: usize = 0; i < bytes; i += 16) {
    const grad = gradient(g + i, scales);
    const sum = f32x4.add(v128.load(a + i), f32x4.mul(grad, grad));
    v128.store(a + i, sum);
    const change = f32x4.div(f32x4.mul(rates, grad), f32x4.add(f32x4.sqrt(sum), epsilons));
    v128.store(p + i, f32x4.sub(v128.load(p + i), change));
  }
}

/** s = decay * s + (1 - decay) * g^2; p -= rate * g / (sqrt(s) + epsilon). */
export function rmsprop(p: usize, g: usize, s: usize, n: i32, scale: f32, rate: f32, decay: f32, epsilon: f32): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  const decays = f32x4.splat(decay);
  const rests = f32x4.splat(1 - decay);
  const epsilons = f32x4.splat(epsilon);
  for (let i: usize = 0; i < bytes; i += 16) {
    const grad = gradient(g + i, scales);
    const square = average(v128.load(s + i), f32x4.mul(grad, grad), decays, rests);
    v128.store(s + i, square);
    const change = f32x4.div(f32x4.mul(rates, grad), f32x4.add(f32x4.sqrt(square), epsilons));
    v128.store(p + i, f32x4.sub(v128.load(p + i), change));
  }
}

/**
 * p -= rate * sign(beta1 * m + (1 - beta1) * g) + decay * p; m = beta2 * m + (1 - beta2) * g. The sign of zero is zero, that of NaN
 * is NaN.
 */
export function lion(
  p: usize,
  g: usize,
  m: usize,
  n: i32,
  scale: f32,
  rate: f32,
  beta1: f32,
  beta2: f32,
  decay: f32,
): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  const beta1s = f32x4.splat(beta1);
  const rest1s = f32x4.splat(1 - beta1);
  const beta2s = f32x4.splat(beta2);
  const rest2s = f32x4.splat(1 - beta2);
  const decays = f32x4.splat(decay);
  const zero = f32x4.splat(0);
  const signBit = i32x4.splat(0x80000000);
  for (let i: usize = 0; i < bytes; i += 16) {
    const grad = gradient(g + i, scales);
    const mean = v128.load(m + i);
    const direction = average(mean, grad, beta1s, rest1s);
    v128.store(m + i, average(mean, grad, beta2s, rest2s));
    const signed = v128.or(rates, v128.and(direction, signBit));
    const moves = v128.or(f32x4.lt(direction, zero), f32x4.gt(direction, zero));
    const parameter = v128.load(p + i);
    const change = v128.bitselect(signed, direction, moves);
    v128.store(p + i, f32x4.sub(parameter, f32x4.add(change, f32x4.mul(decays, parameter))));
  }
}

/** a = decay * a + (1 - decay) * p. */
export function movingAverage(a: usize, p: usize, n: i32, decay: f32): void {
  const bytes = (<usize>n) << 2;
  const decays = f32x4.splat(decay);
  const rests = f32x4.splat(1 - decay);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(a + i, average(v128.load(a + i), v128.load(p + i), decays, rests));
  }
}

/** Four parameters of Adam, without decay: returns what is taken off them. */
function adamChange(
  g: usize,
  m: usize,
  v: usize,
  scale: v128,
  rate: v128,
  beta1: v128,
  rest1: v128,
  beta2: v128,
  rest2: v128,
  epsilon: v128,
): v128 {
  const grad = gradient(g, scale);
  const first = average(v128.load(m), grad, beta1, rest1);
  const second = average(v128.load(v), f32x4.mul(grad, grad), beta2, rest2);
  v128.store(m, first);
  v128.store(v, second);
  return f32x4.div(f32x4.mul(rate, first), f32x4.add(f32x4.sqrt(second), epsilon));
}

/**
 * m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2;
 * p -= rate * m / (sqrt(v) + epsilon) + decay * p, with both bias corrections folded into `rate` and `epsilon`.
 */
export function adam(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  n: i32,
  scale: f32,
  rate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  decay: f32,
): void {
  const end = p + ((<usize>n) << 2);
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(rate);
  const beta1s = f32x4.splat(beta1);
  const rest1s = f32x4.splat(1 - beta1);
  const beta2s = f32x4.splat(beta2);
  const rest2s = f32x4.splat(1 - beta2);
  const epsilons = f32x4.splat(epsilon);
  if (decay === 0) {
    // Four times four at a time: address arithmetic would take a fifth of the time.
    while (p < end) {
      const a = adamChange(g, m, v, scales, rates, beta1s, rest1s, beta2s, rest2s, epsilons);
      const b = adamChange(g + 16, m + 16, v + 16, scales, rates, beta1s, rest1s, beta2s, rest2s, epsilons);
      const c = adamChange(g + 32, m + 32, v + 32, scales, rates, beta1s, rest1s, beta2s, rest2s, epsilons);
      const d = adamChange(g + 48, m + 48, v + 48, scales, rates, beta1s, rest1s, beta2s, rest2s, epsilons);
      v128.store(p, f32x4.sub(v128.load(p), a));
      v128.store(p, f32x4.sub(v128.load(p, 16), b), 16);
      v128.store(p, f32x4.sub(v128.load(p, 32), c), 32);
      v128.store(p, f32x4.sub(v128.load(p, 48), d), 48);
      p += 64;
      g += 64;
      m += 64;
      v += 64;
    }
    return;
  }
  const decays = f32x4.splat(decay);
  for (; p < end; p += 16, g += 16, m += 16, v += 16) {
    const change = adamChange(g, m, v, scales, rates, beta1s, rest1s, beta2s, rest2s, epsilons);
    const parameter = v128.load(p);
    v128.store(p, f32x4.sub(parameter, f32x4.add(change, f32x4.mul(decays, parameter))));
  }
}
