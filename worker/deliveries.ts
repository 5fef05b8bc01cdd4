/** What a worker is sent as blobs: job, data, rows of a step and parameters, each put where it belongs while it comes. */
import { WireError } from '../src/errors.js';
import { type BlobSink, bytesSink } from '../src/wire/blob.js';
import type { BlobFrame } from '../src/wire/frame.js';
import { Incoming } from '../src/wire/incoming.js';
import type { Transfer } from '../src/wire/messages.js';
import { packedRowBytes } from '../src/wire/rows-blob.js';
import { stateSink } from '../src/wire/state-blob.js';
import type { Holdings } from './holdings.js';
import { type Replica, replicaStateOf, rowCacheCapacity, stateOf } from './replica.js';
import type { WorkerReporter } from './worker-events.js';

/** Graphs are small; the constants in them are what takes room. */
const mostJobBytes = 2 ** 29;

type Sink = BlobSink & { readonly bytes?: Uint8Array; abort?(): void };

/** A blob that is complete. */
export interface Delivered {
  readonly transfer: Transfer;
  /** Of a job, of rows and of slots; all else is where it belongs already. */
  readonly bytes: Uint8Array | undefined;
}

export interface DeliveryOptions {
  readonly holdings: Holdings;
  readonly threads: number;
  readonly report: WorkerReporter;
}

export class Deliveries {
  readonly #options: DeliveryOptions;
  readonly #replica: () => Replica;
  readonly #incoming = new Incoming<Sink>();

  /** @param replica throws a WireError while there is none */
  constructor(options: DeliveryOptions, replica: () => Replica) {
    this.#options = options;
    this.#replica = replica;
  }

  /** @throws WireError when there is no place for it, or it is too large */
  expect(transfer: Transfer): void {
    const { what, bytes } = transfer;
    this.#incoming.expect(transfer, this.#sinkFor(transfer));
    if (what === 'data') this.#options.report({ event: 'transfer', what, bytes: 0, total: bytes });
  }

  /** @returns the transfer that is complete with this chunk. @throws WireError when it is not the chunk that is due */
  take(frame: BlobFrame): Delivered | undefined {
    const arriving = this.#incoming.take(frame);
    if (!arriving) return undefined;
    const { transfer, received, sink } = arriving;
    const { what, bytes } = transfer;
    if (what === 'data') this.#options.report({ event: 'transfer', what, bytes: received, total: bytes });
    return received === bytes ? { transfer, bytes: sink.bytes } : undefined;
  }

  /** Gives up what is on its way. */
  abort(): void {
    this.#incoming.abort();
  }

  #sinkFor({ what, bytes, sha256, replica }: Transfer): Sink {
    if (what === 'data') return this.#options.holdings.receive(sha256, bytes);
    if (what === 'state') return stateSink(stateOf(this.#replica()), bytes);
    if (what === 'replica') return stateSink(replicaStateOf(this.#replica(), replica), bytes);
    const most = what === 'job' ? mostJobBytes : what === 'slots' ? this.#mostSlotBytes() : this.#mostRowBytes();
    if (bytes > most) throw new WireError(`transfer ${what}: ${bytes} bytes, more than ${most}`, 'connect again');
    return bytesSink(what, bytes, sha256);
  }

  #mostSlotBytes(): number {
    return this.#replica().pool.slots.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Bytes of as many rows as there is room for. */
  #mostRowBytes(): number {
    const { job, pool } = this.#replica();
    if (!pool.rowCache) throw new WireError('rows came, and the data are here', 'connect again');
    return rowCacheCapacity(job, this.#options.threads) * packedRowBytes(job.examples);
  }
}
