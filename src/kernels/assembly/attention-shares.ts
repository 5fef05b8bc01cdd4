/**
 * Softmax of scores, each multiplied by a scale, and its gradient, over the keys that a row may see: the first row `seen` of them,
 * each next one more. What is beyond is zero. A matrix [rows, keys] lies by rows, or in blocks of 16 keys, [keys / 16, rows, 16]; keys are a
 * multiple of 16.
 */
import { greatestOfFour, sumOfFour } from './lanes';
import { held, log2OfE, most, power1, power2, power3, power4, power5, power6, powerOf2, rounding } from './powers';

/** Bytes of 16 keys. */
const block: usize = 64;

/** Ones in the lanes of four keys from `key` on that are among the first `seen`. */
function lanesSeen(key: i32, seen: i32): v128 {
  return i32x4.lt_s(i32x4.add(i32x4.splat(key), i32x4(0, 1, 2, 3)), i32x4.splat(seen));
}

/** Zeros in the blocks of a row from `from` on. */
function clear(y: usize, from: i32, blocks: i32, far: usize): void {
  const zero = f32x4.splat(0);
  for (let b = from, at: usize = y + <usize>from * far; b < blocks; b++, at += far) {
    v128.store(at, zero, 0);
    v128.store(at, zero, 16);
    v128.store(at, zero, 32);
    v128.store(at, zero, 48);
  }
}

/** @param size scores are divided by its root @param y where `x` is, or apart from it */
export function attentionShares(
  x: usize,
  y: usize,
  matrices: i32,
  rows: i32,
  keys: i32,
  seen: i32,
  size: i32,
  blocked: i32,
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
  const scale = f32x4.splat(<f32>(log2OfE / sqrt<f64>(<f64>size)));
  const blocks = keys >> 4;
  const far: usize = blocked ? (<usize>rows) << 6 : block;
  const stride: usize = blocked ? block : (<usize>keys) << 2;
  const whole = (<usize>rows * <usize>keys) << 2;
  for (let m: i32 = 0; m < matrices; m++, x += whole, y += whole) {
    for (let i: i32 = 0; i < rows; i++) {
      const visible = min(seen + i, keys);
      const full = visible >> 4;
      const used = (visible + 15) >> 4;
      const row = x + <usize>i * stride;
      const out = y + <usize>i * stride;
      const least = f32x4.splat(-Infinity);
      let a = least;
      let b = least;
      let sum = f32x4.splat(0);
      for (let k: i32 = 0, at: usize = row; k < full; k++, at += far) {
        const first = v128.load(at, 0);
        const second = v128.load(at, 16);
        const third = v128.load(at, 32);
        const fourth = v128.load(at, 48);
        a = f32x4.pmax(f32x4.pmax(a, first), second);
        b = f32x4.pmax(f32x4.pmax(b, third), fourth);
        sum = f32x4.add(sum, f32x4.add(f32x4.add(first, second), f32x4.add(third, fourth)));
      }
      if (full < used) {
        const at = row + <usize>full * far;
        for (let j: i32 = 0; j < 4; j++) {
          const lanes = lanesSeen((full << 4) + (j << 2), visible);
          const four = v128.load(at + ((<usize>j) << 4));
          a = f32x4.pmax(a, v128.bitselect(four, least, lanes));
          sum = f32x4.add(sum, v128.and(four, lanes));
        }
      }
      // The quick instruction for the greater of two passes over NaN; a sum keeps it.
      const isNumber = v128.bitmask<i32>(f32x4.eq(sum, sum)) === 15;
      const center = f32x4.splat(isNumber ? greatestOfFour(f32x4.pmax(a, b)) : NaN);
      let total = f32x4.splat(0);
      for (let k: i32 = 0, at: usize = 0; k < full; k++, at += far) {
        for (let j: usize = 0; j < 64; j += 16) {
          const exponent = f32x4.pmax(f32x4.mul(f32x4.sub(v128.load(row + at + j), center), scale), bottom);
          const power = powerOf2(exponent, p1, p2, p3, p4, p5, p6, unit, round);
          total = f32x4.add(total, power);
          v128.store(out + at + j, power);
        }
      }
      if (full < used) {
        const at = <usize>full * far;
        for (let j: usize = 0; j < 64; j += 16) {
          const lanes = lanesSeen((full << 4) + <i32>(j >> 2), visible);
          const exponent = f32x4.pmax(f32x4.mul(f32x4.sub(v128.load(row + at + j), center), scale), bottom);
          const power = v128.and(powerOf2(exponent, p1, p2, p3, p4, p5, p6, unit, round), lanes);
          total = f32x4.add(total, power);
          v128.store(out + at + j, power);
        }
      }
      const factor = f32x4.splat(1 / sumOfFour(total));
      for (let k: i32 = 0, at: usize = out; k < used; k++, at += far) {
        v128.store(at, f32x4.mul(v128.load(at, 0), factor), 0);
        v128.store(at, f32x4.mul(v128.load(at, 16), factor), 16);
        v128.store(at, f32x4.mul(v128.load(at, 32), factor), 32);
        v128.store(at, f32x4.mul(v128.load(at, 48), factor), 48);
      }
      clear(out, used, blocks, far);
    }
  }
}

/** dx = y * (dy - sum(y * dy)) * scale. @param dx where `dy` is, or apart from it */
export function attentionSlopes(
  y: usize,
  dy: usize,
  dx: usize,
  matrices: i32,
  rows: i32,
  keys: i32,
  seen: i32,
  size: i32,
  blocked: i32,
): void {
  const scale = f32x4.splat(<f32>(1 / sqrt<f64>(<f64>size)));
  const blocks = keys >> 4;
  const far: usize = blocked ? (<usize>rows) << 6 : block;
  const stride: usize = blocked ? block : (<usize>keys) << 2;
  const whole = (<usize>rows * <usize>keys) << 2;
  for (let m: i32 = 0; m < matrices; m++, y += whole, dy += whole, dx += whole) {
    for (let i: i32 = 0; i < rows; i++) {
      const used = (min(seen + i, keys) + 15) >> 4;
      const share = y + <usize>i * stride;
      const slope = dy + <usize>i * stride;
      const out = dx + <usize>i * stride;
      let a = f32x4.splat(0);
      let b = a;
      // Shares of the keys of the last block that are not seen are zero, as those of all others beyond.
      for (let k: i32 = 0, at: usize = 0; k < used; k++, at += far) {
        a = f32x4.add(a, f32x4.mul(v128.load(share + at, 0), v128.load(slope + at, 0)));
        b = f32x4.add(b, f32x4.mul(v128.load(share + at, 16), v128.load(slope + at, 16)));
        a = f32x4.add(a, f32x4.mul(v128.load(share + at, 32), v128.load(slope + at, 32)));
        b = f32x4.add(b, f32x4.mul(v128.load(share + at, 48), v128.load(slope + at, 48)));
      }
      const mean = f32x4.splat(sumOfFour(f32x4.add(a, b)));
      for (let k: i32 = 0, at: usize = 0; k < used; k++, at += far) {
        for (let j: usize = 0; j < 64; j += 16) {
          const rest = f32x4.mul(f32x4.sub(v128.load(slope + at + j), mean), scale);
          v128.store(out + at + j, f32x4.mul(v128.load(share + at + j), rest));
        }
      }
      clear(out, used, blocks, far);
    }
  }
}
