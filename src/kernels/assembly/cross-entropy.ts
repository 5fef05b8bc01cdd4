/**
 * Cross-entropy of softmax on class indices, without a row of the classes' shares: log(sum(exp(x - greatest))) + greatest - x[target] for
 * each row of x. The gradient is softmax(x), less 1 at the target, times dy. A target that is no class has no loss and no gradient.
 * Columns are four or more; those beyond a multiple of four are read once more with their neighbours.
 */
import { greatestOfFour } from './lanes';
import { held, log2OfE, most, power1, power2, power3, power4, power5, power6, powerOf2, rounding } from './powers';

/** Bytes whose exponentials are added up as floats; such sums are added up as doubles. */
const block: usize = 1024;

/** Ones in the lanes of the last four numbers of a row that four at a time have left. */
function leftOver(columns: i32): v128 {
  return i32x4.ge_s(i32x4(0, 1, 2, 3), i32x4.splat(4 - (columns & 3)));
}

/** The target as a place in its row; -1 where it is none. */
function placeOf(target: usize, columns: i32): i32 {
  const place = load<f32>(target);
  return place >= 0 && place < <f32>columns ? <i32>place : -1;
}

/** The greatest number of a row; NaN where there is one, which the quick instruction for the greater of two passes over, and a sum keeps. */
function greatestOf(x: usize, columns: i32): f32 {
  const end = x + ((<usize>columns) << 2) - 16;
  let a = v128.load(end);
  let b = a;
  let sum = a;
  let other = a;
  for (; x + 16 < end; x += 32) {
    const first = v128.load(x);
    const second = v128.load(x + 16);
    a = f32x4.pmax(a, first);
    b = f32x4.pmax(b, second);
    sum = f32x4.add(sum, first);
    other = f32x4.add(other, second);
  }
  if (x < end) {
    a = f32x4.pmax(a, v128.load(x));
    sum = f32x4.add(sum, v128.load(x));
  }
  sum = f32x4.add(sum, other);
  const isNumber = v128.bitmask<i32>(f32x4.eq(sum, sum)) === 15;
  return isNumber ? greatestOfFour(f32x4.max(a, b)) : NaN;
}

/** @param below greatest - x[target] @param sums of exp(x - greatest) */
export function crossEntropy(
  x: usize,
  targets: usize,
  greatest: usize,
  below: usize,
  sums: usize,
  rows: i32,
  columns: i32,
): void {
  const p1 = held(power1, rows);
  const p2 = held(power2, rows);
  const p3 = held(power3, rows);
  const p4 = held(power4, rows);
  const p5 = held(power5, rows);
  const p6 = held(power6, rows);
  const unit = held(1, rows);
  const round = held(rounding, rows);
  const bottom = held(-most, rows);
  const scale = held(<f32>log2OfE, rows);
  const left = leftOver(columns);
  const stride = (<usize>columns) << 2;
  const whole = stride & ~15;
  for (let i: i32 = 0; i < rows; i++, x += stride, targets += 4, greatest += 4, below += 4, sums += 4) {
    const top = greatestOf(x, columns);
    const center = f32x4.splat(top);
    let sum: f64 = 0;
    for (let start: usize = 0; start < whole; start += block) {
      const end = min(start + block, whole);
      let part = f32x4.splat(0);
      for (let at = start; at < end; at += 16) {
        const exponent = f32x4.pmax(f32x4.mul(f32x4.sub(v128.load(x + at), center), scale), bottom);
        part = f32x4.add(part, powerOf2(exponent, p1, p2, p3, p4, p5, p6, unit, round));
      }
      sum += sumOfLanes(part);
    }
    if (whole < stride) {
      const exponent = f32x4.pmax(f32x4.mul(f32x4.sub(v128.load(x + stride - 16), center), scale), bottom);
      sum += sumOfLanes(v128.and(powerOf2(exponent, p1, p2, p3, p4, p5, p6, unit, round), left));
    }
    const place = placeOf(targets, columns);
    store<f32>(greatest, top);
    store<f32>(below, place < 0 ? 0 : top - load<f32>(x + ((<usize>place) << 2)));
    store<f32>(sums, place < 0 ? 1 : <f32>sum);
  }
}

function sumOfLanes(x: v128): f64 {
  const low = f64x2.promote_low_f32x4(x);
  const both = f64x2.add(low, f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 1)));
  return f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
}

/** @param dx where `x` is, or apart from it */
export function crossEntropyGradient(
  x: usize,
  targets: usize,
  greatest: usize,
  sums: usize,
  dy: usize,
  dx: usize,
  rows: i32,
  columns: i32,
): void {
  const p1 = held(power1, rows);
  const p2 = held(power2, rows);
  const p3 = held(power3, rows);
  const p4 = held(power4, rows);
  const p5 = held(power5, rows);
  const p6 = held(power6, rows);
  const unit = held(1, rows);
  const round = held(rounding, rows);
  const bottom = held(-most, rows);
  const scale = held(<f32>log2OfE, rows);
  const stride = (<usize>columns) << 2;
  const whole = stride & ~15;
  for (let i: i32 = 0; i < rows; i++, x += stride, dx += stride) {
    const row = (<usize>i) << 2;
    const change = load<f32>(dy + row);
    const place = placeOf(targets + row, columns);
    // Places that do not count.
    if (place < 0 || change === 0) {
      memory.fill(dx, 0, stride);
      continue;
    }
    const center = v128.load32_splat(greatest + row);
    const factor = f32x4.splat(change / load<f32>(sums + row));
    // The last four are read before any is written: dx may be x.
    const last = stride - 16;
    const rest = f32x4.pmax(f32x4.mul(f32x4.sub(v128.load(x + last), center), scale), bottom);
    for (let at: usize = 0; at < whole; at += 16) {
      const exponent = f32x4.pmax(f32x4.mul(f32x4.sub(v128.load(x + at), center), scale), bottom);
      v128.store(dx + at, f32x4.mul(powerOf2(exponent, p1, p2, p3, p4, p5, p6, unit, round), factor));
    }
    v128.store(dx + last, f32x4.mul(powerOf2(rest, p1, p2, p3, p4, p5, p6, unit, round), factor));
    const right = dx + ((<usize>place) << 2);
    store<f32>(right, load<f32>(right) - change);
  }
}
