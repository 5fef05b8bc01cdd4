/**
 * Numbers as small integers on their way between machines: blocks of 32 share a power of two as their scale, as in the
 * Microscaling formats (Open Compute Project, 2023). Since a power of two loses nothing, numbers that have been rounded once
 * are packed, unpacked and packed again to the same bits. A block with a NaN or an infinity becomes NaN.
 *
 * Packed: the integers, of 8 or of 4 bits (the first of two in the low half of a byte), then for each block the exponent
 * of its scale as float32 has it, then zeros up to a multiple of 32 bytes. Offsets and counts are as in wire.ts.
 */

const BLOCK: i32 = 32;
const UNIT: i32 = 32;
const NAN_EXPONENT: u32 = 255;

/** The smallest power of two, of normal numbers, in whose units no number of a block is more than `most`. */
function scaleOf(src: usize, n: i32, most: f32): f32 {
  let largest: f32 = 0;
  for (let i = 0; i < n; i++) largest = max(largest, abs(f32.load(src + ((<usize>i) << 2))));
  const bits = reinterpret<u32>(largest / most);
  if (bits >= 0x7f800000) return f32.NaN;
  if (bits <= 0x00800000) return reinterpret<f32>(0x00800000);
  return reinterpret<f32>((bits + 0x007fffff) & 0x7f800000);
}

/** values = round(values + residual), residual = values + residual - that: whole units of at most `most` either way. */
export function quantizeBlocks(values: usize, residual: usize, n: i32, most: f32): void {
  for (let from = 0; from < n; from += BLOCK) {
    const count = min(BLOCK, n - from);
    const at = values + ((<usize>from) << 2);
    const rest = residual + ((<usize>from) << 2);
    for (let i = 0; i < count; i++) {
      const place = (<usize>i) << 2;
      f32.store(at + place, f32.load(at + place) + f32.load(rest + place));
    }
    const scale = scaleOf(at, count, most);
    for (let i = 0; i < count; i++) {
      const place = (<usize>i) << 2;
      const value = f32.load(at + place);
      const units = max(min(nearest(value / scale), most), -most);
      f32.store(at + place, units * scale);
      f32.store(rest + place, value - units * scale);
    }
  }
}

function endOf(dst: usize, end: usize): void {
  const last = dst + ((end - dst + UNIT - 1) & ~(UNIT - 1));
  for (let at = end; at < last; at++) store<u8>(at, 0);
}

function unitsAt(src: usize, scale: f32): i32 {
  return <i32>(f32.load(src) / scale);
}

/** Packs `n` numbers that `quantizeBlocks` has rounded to 127 units. */
export function packBlocks8(dst: usize, src: usize, n: i32): void {
  let exponents = dst + <usize>n;
  for (let from = 0; from < n; from += BLOCK) {
    const count = min(BLOCK, n - from);
    const scale = scaleOf(src + ((<usize>from) << 2), count, 127);
    store<u8>(exponents++, (reinterpret<u32>(scale) >> 23) & 0xff);
    for (let i = from; i < from + count; i++) store<i8>(dst + <usize>i, unitsAt(src + ((<usize>i) << 2), scale));
  }
  endOf(dst, exponents);
}

/** As `packBlocks8`, numbers of 7 units. */
export function packBlocks4(dst: usize, src: usize, n: i32): void {
  let exponents = dst + (<usize>n >> 1);
  for (let from = 0; from < n; from += BLOCK) {
    const count = min(BLOCK, n - from);
    const scale = scaleOf(src + ((<usize>from) << 2), count, 7);
    store<u8>(exponents++, (reinterpret<u32>(scale) >> 23) & 0xff);
    for (let i = from; i < from + count; i += 2) {
      const at = src + ((<usize>i) << 2);
      store<u8>(dst + (<usize>i >> 1), (unitsAt(at, scale) & 15) | (unitsAt(at + 4, scale) << 4));
    }
  }
  endOf(dst, exponents);
}

function scaleFrom(exponent: u32): f32 {
  return exponent === NAN_EXPONENT ? f32.NaN : reinterpret<f32>(exponent << 23);
}

/** `n` floats of what `packBlocks8` packed. */
export function unpackBlocks8(dst: usize, src: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const scale = scaleFrom(load<u8>(src + <usize>n + <usize>(i / BLOCK)));
    f32.store(dst + ((<usize>i) << 2), <f32>load<i8>(src + <usize>i) * scale);
  }
}

/** `n` floats of what `packBlocks4` packed. */
export function unpackBlocks4(dst: usize, src: usize, n: i32): void {
  const exponents = src + (<usize>n >> 1);
  for (let i = 0; i < n; i++) {
    const scale = scaleFrom(load<u8>(exponents + <usize>(i / BLOCK)));
    const two = <i32>load<u8>(src + (<usize>i >> 1));
    const units = i & 1 ? (two << 24) >> 28 : (two << 28) >> 28;
    f32.store(dst + ((<usize>i) << 2), <f32>units * scale);
  }
}
