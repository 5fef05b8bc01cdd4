/** Optimizers that look at a whole tensor before they change any of it. Regions and counts are as in update.ts. */
import { average, gradient, highSquares, lowSquares, sumOfLanes } from './lanes';

/** m = beta * m + (1 - beta) * g; dst = m, or with Nesterov beta * m + (1 - beta) * g once more. */
export function muonDirection(dst: usize, g: usize, m: usize, n: i32, scale: f32, beta: f32, nesterov: bool): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const betas = f32x4.splat(beta);
  const rests = f32x4.splat(1 - beta);
  for (let i: usize = 0; i < bytes; i += 16) {
    const grad = gradient(g + i, scales);
    const mean = average(v128.load(m + i), grad, betas, rests);
    v128.store(m + i, mean);
    v128.store(dst + i, nesterov ? average(mean, grad, betas, rests) : mean);
  }
}

/** p -= rate * d + decay * p. */
export function applyDirection(p: usize, d: usize, n: i32, rate: f32, decay: f32): void {
  const bytes = (<usize>n) << 2;
  const rates = f32x4.splat(rate);
  const decays = f32x4.splat(decay);
  for (let i: usize = 0; i < bytes; i += 16) {
    const parameter = v128.load(p + i);
    const change = f32x4.add(f32x4.mul(rates, v128.load(d + i)), f32x4.mul(decays, parameter));
    v128.store(p + i, f32x4.sub(parameter, change));
  }
}

/** m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2. */
export function lambMoments(g: usize, m: usize, v: usize, n: i32, scale: f32, beta1: f32, beta2: f32): void {
  const bytes = (<usize>n) << 2;
  const scales = f32x4.splat(scale);
  const beta1s = f32x4.splat(beta1);
  const rest1s = f32x4.splat(1 - beta1);
  const beta2s = f32x4.splat(beta2);
  const rest2s = f32x4.splat(1 - beta2);
  for (let i: usize = 0; i < bytes; i += 16) {
    const grad = gradient(g + i, scales);
    v128.store(m + i, average(v128.load(m + i), grad, beta1s, rest1s));
    v128.store(v + i, average(v128.load(v + i), f32x4.mul(grad, grad), beta2s, rest2s));
  }
}

/** correction * m / (sqrt(v) + epsilon) + decay * p. */
function lambDirection(p: usize, m: usize, v: usize, correction: v128, epsilon: v128, decay: v128): v128 {
  const adam = f32x4.div(f32x4.mul(correction, v128.load(m)), f32x4.add(f32x4.sqrt(v128.load(v)), epsilon));
  return f32x4.add(adam, f32x4.mul(decay, v128.load(p)));
}

/** Sum of the squares of the direction in float64, in one fixed order. */
export function lambSquares(p: usize, m: usize, v: usize, n: i32, correction: f32, epsilon: f32, decay: f32): f64 {
  const bytes = (<usize>n) << 2;
  const corrections = f32x4.splat(correction);
  const epsilons = f32x4.splat(epsilon);
  const decays = f32x4.splat(decay);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    const direction = lambDirection(p + i, m + i, v + i, corrections, epsilons, decays);
    low = f64x2.add(low, lowSquares(direction));
    high = f64x2.add(high, highSquares(direction));
  }
  return sumOfLanes(f64x2.add(low, high));
}

/** p -= rate * direction. */
export function lambApply(
  p: usize,
  m: usize,
  v: usize,
  n: i32,
  rate: f32,
  correction: f32,
  epsilon: f32,
  decay: f32,
): void {
  const bytes = (<usize>n) << 2;
  const rates = f32x4.splat(rate);
  const corrections = f32x4.splat(correction);
  const epsilons = f32x4.splat(epsilon);
  const decays = f32x4.splat(decay);
  for (let i: usize = 0; i < bytes; i += 16) {
    const direction = lambDirection(p + i, m + i, v + i, corrections, epsilons, decays);
    v128.store(p + i, f32x4.sub(v128.load(p + i), f32x4.mul(rates, direction)));
  }
}
