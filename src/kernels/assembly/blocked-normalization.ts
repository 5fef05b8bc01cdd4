/**
 * Layer normalization (Ba et al. 2016) of a matrix in blocks of 16 columns, [columns / 16, rows, 16], and its gradient. Rows are a
 * multiple of 16. Some rows at a time go through all columns, so that what is read twice is near.
 */
import { sumOfFour } from './lanes';

/** Rows at a time. */
const tile: i32 = 64;
/** Bytes of 16 columns of a row. */
const block: usize = 64;

/**
 * y = (x - mean) * inverse * scale + offset. Sums over a row are kept in y, where its last block will be.
 * @param epsilon the bits of a float
 */
export function blockedLayerNorm(
  x: usize,
  scale: usize,
  offset: usize,
  y: usize,
  mean: usize,
  inverse: usize,
  rows: i32,
  columns: i32,
  epsilon: i32,
): void {
  const blocks = columns >> 4;
  const far = (<usize>rows) << 6;
  const least: f32 = reinterpret<f32>(epsilon);
  for (let start: i32 = 0; start < rows; start += tile) {
    const count: usize = <usize>min(tile, rows - start);
    const first = x + ((<usize>start) << 6);
    const sums = y + <usize>(blocks - 1) * far + ((<usize>start) << 6);
    memory.fill(sums, 0, count << 6);
    for (let b: i32 = 0, from: usize = first; b < blocks; b++, from += far) {
      for (let at: usize = 0; at < count << 6; at += block) {
        // The deviation is that of numbers less one of them.
        const center = v128.load32_splat(first + at);
        const p = f32x4.sub(v128.load(from + at, 0), center);
        const q = f32x4.sub(v128.load(from + at, 16), center);
        const r = f32x4.sub(v128.load(from + at, 32), center);
        const s = f32x4.sub(v128.load(from + at, 48), center);
        const sum = f32x4.add(f32x4.add(p, q), f32x4.add(r, s));
        const low = f32x4.add(f32x4.mul(p, p), f32x4.mul(q, q));
        const squares = f32x4.add(low, f32x4.add(f32x4.mul(r, r), f32x4.mul(s, s)));
        v128.store(sums + at, f32x4.add(v128.load(sums + at, 0), sum), 0);
        v128.store(sums + at, f32x4.add(v128.load(sums + at, 16), squares), 16);
      }
    }
    for (let i: usize = 0; i < count; i++) {
      const at = (<usize>start + i) << 2;
      const average = sumOfFour(v128.load(sums + (i << 6), 0)) / <f32>columns;
      const square = sumOfFour(v128.load(sums + (i << 6), 16)) / <f32>columns;
      store<f32>(mean + at, load<f32>(first + (i << 6)) + average);
      store<f32>(inverse + at, 1 / sqrt<f32>(max<f32>(square - average * average, 0) + least));
    }
    for (let b: i32 = 0; b < blocks; b++) {
      const from = first + <usize>b * far;
      const to = y + <usize>b * far + ((<usize>start) << 6);
      const own = (<usize>b) << 6;
      const s0 = v128.load(scale + own, 0);
      const s1 = v128.load(scale + own, 16);
      const s2 = v128.load(scale + own, 32);
      const s3 = v128.load(scale + own, 48);
      const o0 = v128.load(offset + own, 0);
      const o1 = v128.load(offset + own, 16);
      const o2 = v128.load(offset + own, 32);
      const o3 = v128.load(offset + own, 48);
      for (let i: usize = 0; i < count; i++) {
        const row = (<usize>start + i) << 2;
        const center = v128.load32_splat(mean + row);
        const factor = v128.load32_splat(inverse + row);
        const at = i << 6;
        const y0 = f32x4.mul(f32x4.sub(v128.load(from + at, 0), center), factor);
        const y1 = f32x4.mul(f32x4.sub(v128.load(from + at, 16), center), factor);
        const y2 = f32x4.mul(f32x4.sub(v128.load(from + at, 32), center), factor);
        const y3 = f32x4.mul(f32x4.sub(v128.load(from + at, 48), center), factor);
        v128.store(to + at, f32x4.add(f32x4.mul(y0, s0), o0), 0);
        v128.store(to + at, f32x4.add(f32x4.mul(y1, s1), o1), 16);
        v128.store(to + at, f32x4.add(f32x4.mul(y2, s2), o2), 32);
        v128.store(to + at, f32x4.add(f32x4.mul(y3, s3), o3), 48);
      }
    }
  }
}

/**
 * As layerNormGradient (normalization-gradient.ts), in blocks. Sums over a row are kept in dx, where its last block will be.
 * @param more is added to dx where `added`
 */
export function blockedLayerNormGradient(
  x: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  dy: usize,
  more: usize,
  dx: usize,
  dscale: usize,
  doffset: usize,
  rows: i32,
  columns: i32,
  added: i32,
): void {
  const blocks = columns >> 4;
  const far = (<usize>rows) << 6;
  memory.fill(dscale, 0, (<usize>columns) << 2);
  memory.fill(doffset, 0, (<usize>columns) << 2);
  for (let start: i32 = 0; start < rows; start += tile) {
    const count: usize = <usize>min(tile, rows - start);
    const skipped = (<usize>start) << 6;
    const sums = dx + <usize>(blocks - 1) * far + skipped;
    memory.fill(sums, 0, count << 6);
    for (let b: i32 = 0; b < blocks; b++) {
      for (let j: usize = 0; j < block; j += 16) {
        const own = ((<usize>b) << 6) + j;
        const from = x + <usize>b * far + skipped + j;
        const change = dy + <usize>b * far + skipped + j;
        const s = v128.load(scale + own);
        let ofScale = v128.load(dscale + own);
        let ofOffset = v128.load(doffset + own);
        for (let i: usize = 0; i < count; i++) {
          const row = (<usize>start + i) << 2;
          const at = i << 6;
          const d = v128.load(change + at);
          const center = v128.load32_splat(mean + row);
          const y = f32x4.mul(f32x4.sub(v128.load(from + at), center), v128.load32_splat(inverse + row));
          const g = f32x4.mul(d, s);
          ofScale = f32x4.add(ofScale, f32x4.mul(d, y));
          ofOffset = f32x4.add(ofOffset, d);
          v128.store(sums + at, f32x4.add(v128.load(sums + at, 0), g), 0);
          v128.store(sums + at, f32x4.add(v128.load(sums + at, 16), f32x4.mul(g, y)), 16);
        }
        v128.store(dscale + own, ofScale);
        v128.store(doffset + own, ofOffset);
      }
    }
    for (let at: usize = 0; at < count << 6; at += block) {
      const meanOf = f32x4.splat(sumOfFour(v128.load(sums + at, 0)) / <f32>columns);
      const meanAlong = f32x4.splat(sumOfFour(v128.load(sums + at, 16)) / <f32>columns);
      v128.store(sums + at, meanOf, 32);
      v128.store(sums + at, meanAlong, 48);
    }
    // The last block is where the sums are: a row of it is written once they have been read.
    for (let b: i32 = 0; b < blocks; b++) {
      const own = (<usize>b) << 6;
      const away = <usize>b * far + skipped;
      const s0 = v128.load(scale + own, 0);
      const s1 = v128.load(scale + own, 16);
      const s2 = v128.load(scale + own, 32);
      const s3 = v128.load(scale + own, 48);
      for (let i: usize = 0; i < count; i++) {
        const row = (<usize>start + i) << 2;
        const at = away + (i << 6);
        const center = v128.load32_splat(mean + row);
        const factor = v128.load32_splat(inverse + row);
        const meanOf = v128.load(sums + (i << 6), 32);
        const meanAlong = v128.load(sums + (i << 6), 48);
        let d0 = part(v128.load(x + at, 0), v128.load(dy + at, 0), s0, center, factor, meanOf, meanAlong);
        let d1 = part(v128.load(x + at, 16), v128.load(dy + at, 16), s1, center, factor, meanOf, meanAlong);
        let d2 = part(v128.load(x + at, 32), v128.load(dy + at, 32), s2, center, factor, meanOf, meanAlong);
        let d3 = part(v128.load(x + at, 48), v128.load(dy + at, 48), s3, center, factor, meanOf, meanAlong);
        if (added) {
          d0 = f32x4.add(d0, v128.load(more + at, 0));
          d1 = f32x4.add(d1, v128.load(more + at, 16));
          d2 = f32x4.add(d2, v128.load(more + at, 32));
          d3 = f32x4.add(d3, v128.load(more + at, 48));
        }
        v128.store(dx + at, d0, 0);
        v128.store(dx + at, d1, 16);
        v128.store(dx + at, d2, 32);
        v128.store(dx + at, d3, 48);
      }
    }
  }
}

/** Four numbers of dx. */
function part(x: v128, dy: v128, scale: v128, center: v128, factor: v128, meanOf: v128, meanAlong: v128): v128 {
  const y = f32x4.mul(f32x4.sub(x, center), factor);
  const g = f32x4.mul(dy, scale);
  return f32x4.mul(f32x4.sub(f32x4.sub(g, meanOf), f32x4.mul(y, meanAlong)), factor);
}
