/** The receiving side of transfers, which come one after the other. */
import { WireError } from '../errors.js';
import type { BlobSink } from './blob.js';
import type { BlobFrame } from './frame.js';
import type { Transfer } from './messages.js';

export interface Arriving<Sink> {
  readonly transfer: Transfer;
  readonly sink: Sink;
  /** Bytes. */
  received: number;
}

export class Incoming<Sink extends BlobSink & { abort?(): void }> {
  #arriving: Arriving<Sink> | undefined;
  /** Number of the last transfer that is complete. */
  #complete = 0;

  /** @throws WireError while another one is on its way, or when it has no bytes */
  expect(transfer: Transfer, sink: Sink): void {
    const { what, bytes, sha256 } = transfer;
    if (this.#arriving) throw new WireError('a transfer began before the last one was through', 'connect again');
    this.#arriving = { transfer, sink, received: 0 };
    if (bytes === 0) throw new WireError(`transfer ${what} ${sha256}: it has no bytes`, 'connect again');
  }

  /**
   * @returns the transfer that it belongs to, whose sink has finished if all bytes are here; undefined for a chunk that has
   *   come before
   * @throws WireError when it belongs to none, or is not the one that is due
   */
  take({ transfer, offset, payload }: BlobFrame): Arriving<Sink> | undefined {
    const arriving = this.#arriving;
    if (transfer <= this.#complete || (transfer === arriving?.transfer.transfer && offset < arriving.received)) return;
    if (arriving?.transfer.transfer !== transfer) throw new WireError('a chunk of no transfer', 'connect again');
    arriving.sink.write(offset, payload);
    arriving.received += payload.length;
    if (arriving.received === arriving.transfer.bytes) {
      arriving.sink.finish();
      this.#arriving = undefined;
      this.#complete = transfer;
    }
    return arriving;
  }

  /** Gives up what is on its way. */
  abort(): void {
    this.#arriving?.sink.abort?.();
    this.#arriving = undefined;
  }
}
