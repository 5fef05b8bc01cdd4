/** SHA-256 of data of any length: one call of Node's takes less than 2 GiB. */
import { createHash, type Hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

const callBytes = 2 ** 30;

/** Adds the bytes of a view to a hash. */
export function addBytes(hash: Hash, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
  for (let start = 0; start < byteLength; start += callBytes) {
    hash.update(new Uint8Array(buffer, byteOffset + start, Math.min(callBytes, byteLength - start)));
  }
}

/** SHA-256 in hex of parts one behind the other. */
export function sha256(...parts: readonly (string | ArrayBufferView)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) addBytes(hash, typeof part === 'string' ? Buffer.from(part) : part);
  return hash.digest('hex');
}

/** Bytes hashed before others get their turn: about 20 ms. */
const turnBytes = 1 << 24;

interface ByteSource {
  readonly length: number;
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

/** SHA-256 in hex of data that may be too long for memory, with turns for everything else that the process does. */
export async function sourceHash(source: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  for (let offset = 0; offset < source.length; offset += turnBytes) {
    hash.update(await source.read(offset, Math.min(turnBytes, source.length - offset)));
    await setImmediate();
  }
  return hash.digest('hex');
}
