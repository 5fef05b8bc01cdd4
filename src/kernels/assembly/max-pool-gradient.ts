// Gradient of max pooling over planes of floats in row-major order. Offsets are in bytes.

/** Where a window's greatest element lies, the first of equals, there `dy` goes; 2x2 windows that do not overlap, 4 at a time. */
function pairRows(x: usize, dy: usize, dx: usize, w: i32, ow: i32, positive: bool): void {
  const row = (<usize>w) << 2;
  let j: i32 = 0;
  for (; j + 4 <= ow; j += 4) {
    const at = (<usize>j) << 3;
    const p = v128.load(x + at);
    const q = v128.load(x + at, 16);
    const r = v128.load(x + row + at);
    const s = v128.load(x + row + at, 16);
    const a = v128.shuffle<f32>(p, q, 0, 2, 4, 6);
    const b = v128.shuffle<f32>(p, q, 1, 3, 5, 7);
    const c = v128.shuffle<f32>(r, s, 0, 2, 4, 6);
    const d = v128.shuffle<f32>(r, s, 1, 3, 5, 7);
    const upper = f32x4.max(a, b);
    const lower = f32x4.max(c, d);
    let g = v128.load(dy + ((<usize>j) << 2));
    if (positive) g = v128.and(g, f32x4.gt(f32x4.max(upper, lower), f32x4.splat(0)));
    const up = f32x4.ge(upper, lower);
    const gUp = v128.and(g, up);
    const gDown = v128.andnot(g, up);
    const left = f32x4.ge(a, b);
    const leftDown = f32x4.ge(c, d);
    const ga = v128.and(gUp, left);
    const gb = v128.andnot(gUp, left);
    const gc = v128.and(gDown, leftDown);
    const gd = v128.andnot(gDown, leftDown);
    v128.store(dx + at, v128.shuffle<f32>(ga, gb, 0, 4, 1, 5));
    v128.store(dx + at, v128.shuffle<f32>(ga, gb, 2, 6, 3, 7), 16);
    v128.store(dx + row + at, v128.shuffle<f32>(gc, gd, 0, 4, 1, 5));
    v128.store(dx + row + at, v128.shuffle<f32>(gc, gd, 2, 6, 3, 7), 16);
  }
  for (; j < ow; j++) {
    const at = (<usize>j) << 3;
    window(x + at, dx + at, load<f32>(dy + ((<usize>j) << 2)), w, 2, 2, positive);
  }
}

/** Adds `g` to the place of the first of the greatest elements of a window of `kh` x `kw`. */
function window(x: usize, dx: usize, g: f32, w: i32, kh: i32, kw: i32, positive: bool): void {
  let best = load<f32>(x);
  let place: usize = 0;
  for (let i: i32 = 0; i < kh; i++) {
    for (let j: i32 = 0; j < kw; j++) {
      const at = (<usize>(i * w + j)) << 2;
      const value = load<f32>(x + at);
      if (value > best) {
        best = value;
        place = at;
      }
    }
  }
  if (positive && !(best > 0)) return;
  store<f32>(dx + place, load<f32>(dx + place) + g);
}

/**
 * dx = gradient of max pooling of x [planes, h, w] into dy [planes, oh, ow], with windows of kh x kw every sh x sw that
 * begin `top` rows and `left` columns outside. With `positive`, windows whose maximum is not above zero get nothing.
 */
export function maxPoolGradient(
  x: usize,
  dy: usize,
  dx: usize,
  planes: i32,
  h: i32,
  w: i32,
  oh: i32,
  ow: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  top: i32,
  left: i32,
  positive: bool,
): void {
  const plane = (<usize>(h * w)) << 2;
  const outPlane = (<usize>(oh * ow)) << 2;
  memory.fill(dx, 0, plane * <usize>planes);
  const pairs = kh === 2 && kw === 2 && sh === 2 && sw === 2 && top === 0 && left === 0 && oh * 2 <= h && ow * 2 <= w;
  for (let n: i32 = 0; n < planes; n++) {
    const xs = x + plane * <usize>n;
    const gs = dx + plane * <usize>n;
    const dys = dy + outPlane * <usize>n;
    for (let i: i32 = 0; i < oh; i++) {
      const dyRow = dys + ((<usize>(i * ow)) << 2);
      if (pairs) {
        const row = (<usize>(2 * i * w)) << 2;
        pairRows(xs + row, dyRow, gs + row, w, ow, positive);
        continue;
      }
      const y0 = max<i32>(i * sh - top, 0);
      const y1 = min<i32>(i * sh - top + kh, h);
      for (let j: i32 = 0; j < ow; j++) {
        const x0 = max<i32>(j * sw - left, 0);
        const x1 = min<i32>(j * sw - left + kw, w);
        const at = (<usize>(y0 * w + x0)) << 2;
        window(xs + at, gs + at, load<f32>(dyRow + ((<usize>j) << 2)), w, y1 - y0, x1 - x0, positive);
      }
    }
  }
}
