/**
 * Products of a matrix [rows, columns] with two low-rank factors: `left` [rows, rank] and `right` [rank, columns], which is a transpose.
 * Offsets are of floats anywhere at multiples of 4 bytes.
 */
/** left += matrix x right's transpose. */
export function lowRankLeft(left: usize, matrix: usize, right: usize, rows: i32, columns: i32, rank: i32): void {
  const width = (<usize>columns) << 2;
  const whole = width & ~15;
  for (let row: i32 = 0; row < rows; row++) {
    const from = matrix + <usize>row * width;
    for (let k: i32 = 0; k < rank; k++) {
      const other = right + <usize>k * width;
      let sums = f32x4.splat(0);
      for (let j: usize = 0; j < whole; j += 16) {
        sums = f32x4.add(sums, f32x4.mul(v128.load(from + j), v128.load(other + j)));
      }
      let sum = sumOfFour(sums);
      for (let j = whole; j < width; j += 4) sum += f32.load(from + j) * f32.load(other + j);
      const to = left + ((<usize>(row * rank + k)) << 2);
      f32.store(to, f32.load(to) + sum);
    }
  }
}

/** right += left's transpose x matrix. */
export function lowRankRight(right: usize, matrix: usize, left: usize, rows: i32, columns: i32, rank: i32): void {
  const width = (<usize>columns) << 2;
  for (let row: i32 = 0; row < rows; row++) {
    for (let k: i32 = 0; k < rank; k++) {
      addScaled(
        right + <usize>k * width,
        matrix + <usize>row * width,
        f32.load(left + ((<usize>(row * rank + k)) << 2)),
        width,
      );
    }
  }
}

/** matrix += scale x left x right. */
export function lowRankAdd(
  matrix: usize,
  left: usize,
  right: usize,
  rows: i32,
  columns: i32,
  rank: i32,
  scale: f32,
): void {
  const width = (<usize>columns) << 2;
  for (let row: i32 = 0; row < rows; row++) {
    for (let k: i32 = 0; k < rank; k++) {
      const factor = scale * f32.load(left + ((<usize>(row * rank + k)) << 2));
      addScaled(matrix + <usize>row * width, right + <usize>k * width, factor, width);
    }
  }
}

function sumOfFour(x: v128): f32 {
  const even = f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 2);
  return even + (f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 3));
}

/** to += factor x from. @param width bytes */
function addScaled(to: usize, from: usize, factor: f32, width: usize): void {
  const factors = f32x4.splat(factor);
  const whole = width & ~15;
  for (let j: usize = 0; j < whole; j += 16) {
    v128.store(to + j, f32x4.add(v128.load(to + j), f32x4.mul(factors, v128.load(from + j))));
  }
  for (let j = whole; j < width; j += 4) f32.store(to + j, f32.load(to + j) + factor * f32.load(from + j));
}
