/** Writes IDX files, the format of the MNIST family. */

/**
 * A file of unsigned bytes.
 *
 * @param shape of the array, e.g. [count, height, width]
 * @param values row-major; by default 0, 1, 2, ...
 */
export function idxFile(shape: readonly number[], values?: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 0x08, shape.length]);
  shape.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i);
  });
  const count = shape.reduce((product, size) => product * size, 1);
  return Buffer.concat([header, Uint8Array.from(values ?? Array.from({ length: count }, (_, i) => i % 256))]);
}
