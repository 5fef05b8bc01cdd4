/** Transfers of many bytes: what the sending side reads from, and what the receiving side feeds the chunks to. */
import { createHash } from 'node:crypto';
import { WireError } from '../errors.js';
import { addBytes } from '../ground/checksum.js';

/** Any piece of a blob, whenever it is asked for. */
export interface BlobSource {
  readonly length: number;
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

/** Takes the chunks of a transfer in their order. Nothing of it may be used before `finish` has returned. */
export interface BlobSink {
  /** @throws WireError when it is not the chunk that is expected */
  write(offset: number, payload: Uint8Array): void;
  /** @throws WireError when bytes are missing, or are not those that were announced */
  finish(): void;
}

/** A blob that is in memory; chunks are views of it. */
export const bytesSource = (bytes: Uint8Array): BlobSource => ({
  length: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

/**
 * Checks that the chunks of a transfer are complete, in order, and those that were announced.
 * @param what names the transfer in errors
 * @param sha256 in hex, of all bytes; '' where none was announced
 * @param store takes a chunk that is in order; the hash is known only at the end
 */
export function blobSink(
  what: string,
  length: number,
  sha256: string,
  store: (offset: number, payload: Uint8Array) => void,
): BlobSink {
  const hash = sha256 === '' ? undefined : createHash('sha256');
  let received = 0;
  const broken = (problem: string) => new WireError(`${what}: ${problem}`, 'the transfer has to start again');
  return {
    write(offset, payload) {
      if (offset !== received) throw broken(`a chunk for byte ${offset} came where byte ${received} was due`);
      if (payload.length > length - received) throw broken(`more came than the ${length} bytes announced`);
      if (hash) addBytes(hash, payload);
      store(offset, payload);
      received += payload.length;
    },
    finish() {
      if (received !== length) throw broken(`${received} of ${length} bytes came`);
      const found = hash?.digest('hex') ?? '';
      if (found !== sha256) throw broken(`its SHA-256 is ${found}, and ${sha256} was announced`);
    },
  };
}

/** Where a small blob, such as a job or rows, is put together: `bytes` is filled when the sink has finished. */
export function bytesSink(what: string, length: number, sha256: string): BlobSink & { readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(length);
  return { bytes, ...blobSink(what, length, sha256, (offset, payload) => bytes.set(payload, offset)) };
}
