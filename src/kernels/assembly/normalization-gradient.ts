/**
 * Gradients of layer normalization (Ba et al. 2016) and of root mean square normalization (Zhang and Sennrich 2019) along the last axis.
 * For y = (x - mean) * inverse, or x * inverse, and g = dy * scale: dx = inverse * (g - mean(g) - y * mean(g * y)), without mean(g)
 * where no mean was taken off; dscale = sum(dy * y) and doffset = sum(dy) over the rows. Columns are a multiple
 * of four.
 */
function sumOfFour(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** @param mean 0 where none was taken off, as with `doffset` */
export function layerNormGradient(
  x: usize,
  mean: usize,
  inverse: usize,
  scale: usize,
  dy: usize,
  dx: usize,
  dscale: usize,
  doffset: usize,
  rows: i32,
  columns: i32,
): void {
  const stride = (<usize>columns) << 2;
  memory.fill(dscale, 0, stride);
  if (mean) memory.fill(doffset, 0, stride);
  for (let i: i32 = 0; i < rows; i++, x += stride, dy += stride, dx += stride) {
    const at = (<usize>i) << 2;
    const center = mean ? v128.load32_splat(mean + at) : f32x4.splat(0);
    const factor = v128.load32_splat(inverse + at);
    let sum = f32x4.splat(0);
    let along = f32x4.splat(0);
    for (let j: usize = 0; j < stride; j += 16) {
      const d = v128.load(dy + j);
      const y = f32x4.mul(f32x4.sub(v128.load(x + j), center), factor);
      const g = f32x4.mul(d, v128.load(scale + j));
      sum = f32x4.add(sum, g);
      along = f32x4.add(along, f32x4.mul(g, y));
      v128.store(dscale + j, f32x4.add(v128.load(dscale + j), f32x4.mul(d, y)));
      if (mean) v128.store(doffset + j, f32x4.add(v128.load(doffset + j), d));
    }
    const meanOf = f32x4.splat(mean ? sumOfFour(sum) / <f32>columns : 0);
    const meanAlong = f32x4.splat(sumOfFour(along) / <f32>columns);
    for (let j: usize = 0; j < stride; j += 16) {
      const y = f32x4.mul(f32x4.sub(v128.load(x + j), center), factor);
      const g = f32x4.mul(v128.load(dy + j), v128.load(scale + j));
      const rest = f32x4.sub(f32x4.sub(g, meanOf), f32x4.mul(y, meanAlong));
      v128.store(dx + j, f32x4.mul(rest, factor));
    }
  }
}

export function rmsNormGradient(
  x: usize,
  inverse: usize,
  scale: usize,
  dy: usize,
  dx: usize,
  dscale: usize,
  rows: i32,
  columns: i32,
): void {
  layerNormGradient(x, 0, inverse, scale, dy, dx, dscale, 0, rows, columns);
}
