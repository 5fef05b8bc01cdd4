// What goes back through the gates of an LSTM in one step. States and gates are [units, batch] floats; offsets are in bytes.

/** How steep a gate is where it gives y: y (1 - y), or 0.2 inside of (0, 1) where it is hard. */
function steepness(y: v128, hard: bool): v128 {
  const rest = f32x4.sub(f32x4.splat(1), y);
  const product = f32x4.mul(y, rest);
  return hard ? v128.and(f32x4.splat(0.2), f32x4.gt(product, f32x4.splat(0))) : product;
}
function steepnessOfOne(y: f32, hard: bool): f32 {
  const product = y * (<f32>1 - y);
  return hard ? (product > 0 ? <f32>0.2 : 0) : product;
}

/**
 * @param input, forget, candidate, output values of the gates
 * @param shown tanh of the new long-term state
 * @param before the long-term state before
 * @param dh gradient of the new state, to which `later` is added where there is one
 * @param dc gradient of the new long-term state; becomes that of the one before
 * @param sums gradients of the gates' sums, [4 * units, batch]
 * @param rows the same, in rows that are `stride` floats apart
 */
export function lstmGates(
  input: usize,
  forget: usize,
  candidate: usize,
  output: usize,
  shown: usize,
  before: usize,
  dh: usize,
  later: usize,
  dc: usize,
  sums: usize,
  rows: usize,
  units: i32,
  batch: i32,
  stride: i32,
  hard: bool,
  hasLater: bool,
): void {
  const gate = (<usize>(units * batch)) << 2;
  const line = (<usize>stride) << 2;
  const lines = line * <usize>units;
  const one = f32x4.splat(1);
  for (let u: i32 = 0; u < units; u++) {
    let at = (<usize>(u * batch)) << 2;
    let to = rows + line * <usize>u;
    let b: i32 = 0;
    for (; b + 4 <= batch; b += 4) {
      const i = v128.load(input + at);
      const f = v128.load(forget + at);
      const g = v128.load(candidate + at);
      const o = v128.load(output + at);
      const t = v128.load(shown + at);
      let h = v128.load(dh + at);
      if (hasLater) h = f32x4.add(h, v128.load(later + at));
      const slope = f32x4.sub(one, f32x4.mul(t, t));
      const c = f32x4.add(v128.load(dc + at), f32x4.mul(f32x4.mul(h, o), slope));
      const di = f32x4.mul(f32x4.mul(c, g), steepness(i, hard));
      const df = f32x4.mul(f32x4.mul(c, v128.load(before + at)), steepness(f, hard));
      const dg = f32x4.mul(f32x4.mul(c, i), f32x4.sub(one, f32x4.mul(g, g)));
      const dout = f32x4.mul(f32x4.mul(h, t), steepness(o, hard));
      v128.store(dc + at, f32x4.mul(c, f));
      v128.store(sums + at, di);
      v128.store(sums + gate + at, df);
      v128.store(sums + gate * 2 + at, dg);
      v128.store(sums + gate * 3 + at, dout);
      v128.store(to, di);
      v128.store(to + lines, df);
      v128.store(to + lines * 2, dg);
      v128.store(to + lines * 3, dout);
      at += 16;
      to += 16;
    }
    for (; b < batch; b++) {
      const i = load<f32>(input + at);
      const g = load<f32>(candidate + at);
      const t = load<f32>(shown + at);
      let h = load<f32>(dh + at);
      if (hasLater) h += load<f32>(later + at);
      const o = load<f32>(output + at);
      const f = load<f32>(forget + at);
      const c = load<f32>(dc + at) + h * o * (<f32>1 - t * t);
      const di = c * g * steepnessOfOne(i, hard);
      const df = c * load<f32>(before + at) * steepnessOfOne(f, hard);
      const dg = c * i * (<f32>1 - g * g);
      const dout = h * t * steepnessOfOne(o, hard);
      store<f32>(dc + at, c * f);
      store<f32>(sums + at, di);
      store<f32>(sums + gate + at, df);
      store<f32>(sums + gate * 2 + at, dg);
      store<f32>(sums + gate * 3 + at, dout);
      store<f32>(to, di);
      store<f32>(to + lines, df);
      store<f32>(to + lines * 2, dg);
      store<f32>(to + lines * 3, dout);
      at += 4;
      to += 4;
    }
  }
}
