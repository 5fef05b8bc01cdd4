/** Records of a TensorBoard event file: TFRecord's framing, each length and each body with a masked CRC-32C behind it. */

/** CRC-32C (Castagnoli), reflected: polynomial 0x82f63b78. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1;
  return value;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The mask of tensorflow/core/lib/hash/crc32c.h: a checksum of data that hold checksums would be weak. */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;

const lengthBytes = 8;
const checkBytes = 4;

export function framed(body: Uint8Array): Buffer {
  const record = Buffer.alloc(lengthBytes + 2 * checkBytes + body.length);
  record.writeBigUInt64LE(BigInt(body.length), 0);
  record.writeUInt32LE(masked(crc32c(record.subarray(0, lengthBytes))), lengthBytes);
  record.set(body, lengthBytes + checkBytes);
  record.writeUInt32LE(masked(crc32c(body)), lengthBytes + checkBytes + body.length);
  return record;
}

/** The bodies of the records of a file, up to the first that is not whole. */
export function* bodiesIn(file: Buffer): Generator<Buffer> {
  for (let at = 0; at + lengthBytes + 2 * checkBytes <= file.length; ) {
    const head = file.subarray(at, at + lengthBytes);
    if (file.readUInt32LE(at + lengthBytes) !== masked(crc32c(head))) return;
    const start = at + lengthBytes + checkBytes;
    const end = start + Number(head.readBigUInt64LE());
    if (end + checkBytes > file.length) return;
    const body = file.subarray(start, end);
    if (file.readUInt32LE(end) !== masked(crc32c(body))) return;
    yield body;
    at = end + checkBytes;
  }
}
