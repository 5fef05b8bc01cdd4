/** Half precision (IEEE 754 binary16), which Node 20 has no array for. */

/** The numbers that 16-bit patterns stand for: a sign, five bits of exponent and ten of fraction. */
export function halfFloats(patterns: Uint16Array): Float32Array {
  return Float32Array.from(patterns, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}
