/** What goes out to a worker, in order: nothing overtakes the blob under way, and rows go ahead of the work that needs them. */
import type { SlabParts } from '../../src/reduce/slab-frame.js';
import { type BlobSource, bytesSource } from '../../src/wire/blob.js';
import type { Connection } from '../../src/wire/connection.js';
import type { Message, Transfer, TransferKind } from '../../src/wire/messages.js';

/** Packs rows of the data set for the way. */
export type PackRows = (rows: Int32Array) => Promise<Uint8Array>;

/** Of what a blob of optimizer state is. */
export type TransferPart = Pick<Transfer, 'range' | 'replica'>;

export class Outbox {
  readonly #connection: Connection;
  /** Told of each transfer that begins. */
  readonly #began: (what: TransferKind) => void;
  #closed = false;
  /** What goes out when the blob under way is through. */
  #held: { readonly send: () => void; readonly bytes: number }[] | undefined;
  #heldBytes = 0;
  #transfers = 0;
  #pack: PackRows | undefined;
  /** Rows that were sent for the last two tasks: the worker keeps those. */
  #lately: ReadonlySet<number>[] = [];
  #feeding: Promise<void> = Promise.resolve();

  constructor(connection: Connection, began: (what: TransferKind) => void) {
    this.#connection = connection;
    this.#began = began;
  }

  /** Bytes that wait to be sent. */
  get backlog(): number {
    return this.#heldBytes + this.#connection.buffered;
  }

  send(message: Message): void {
    this.#out(() => this.#connection.send(message));
  }

  /** @param frame stays as it is until it is sent */
  sendSlab(frame: SlabParts): void {
    this.#out(() => this.#connection.sendSlab(frame), frame.payload.length);
  }

  /**
   * Sends a blob, and after it whatever is sent meanwhile.
   * @param round up to which the parameters in it are trained, where it holds some
   * @param part whose optimizer state it is, where not all of it
   * @throws WireError when the connection ends before all is passed on
   */
  async transfer(
    what: TransferKind,
    source: BlobSource,
    sha256: string,
    round: number,
    progress?: (bytes: number) => void,
    part: TransferPart = {},
  ): Promise<void> {
    this.#began(what);
    await new Promise<void>((resolve, reject) => {
      this.#out(() => this.#transfer({ what, sha256, round, ...part }, source, progress).then(resolve, reject));
    });
  }

  /** The worker has no copy of the data: it is sent the rows of each task before the task. */
  feed(pack: PackRows): void {
    this.#pack = pack;
  }

  /** Sends rows that the worker will probably be asked for, if it has no copy of the data. */
  prefetch(rows: readonly Int32Array[]): void {
    if (this.#pack && !this.#closed) this.#fed(rows, this.#pack, () => {});
  }

  /** Sends a message that needs rows: after those of them that the worker does not have. */
  sendAfter(rows: readonly Int32Array[], message: Message): void {
    if (this.#pack) this.#fed(rows, this.#pack, () => this.send(message));
    else this.send(message);
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
  }

  /** @param bytes of frames in it */
  #out(send: () => void, bytes = 0): void {
    if (this.#closed) return;
    if (this.#held) {
      this.#held.push({ send, bytes });
      this.#heldBytes += bytes;
    } else send();
  }

  async #transfer(
    about: Pick<Transfer, 'what' | 'sha256' | 'round'> & TransferPart,
    source: BlobSource,
    progress?: (bytes: number) => void,
  ): Promise<void> {
    const transfer = ++this.#transfers;
    this.#connection.send({ kind: 'transfer', transfer, bytes: source.length, ...about });
    this.#held = [];
    await this.#connection.sendBlob(transfer, source, progress);
    const held = this.#held;
    this.#held = undefined;
    this.#heldBytes = 0;
    // One of these may be a blob again, and holds up the others.
    for (const { send, bytes } of held) this.#out(send, bytes);
  }

  #fed(needed: readonly Int32Array[], pack: PackRows, send: () => void): void {
    const rows = this.#unsent(needed);
    this.#feeding = this.#feeding
      .then(async () => {
        if (rows.length > 0) {
          const bytes = await pack(rows);
          await this.transfer('rows', bytesSource(bytes), '', -1);
        }
        send();
      })
      // Whoever waits for an answer is told by the connection that was lost.
      .catch(() => {});
  }

  #unsent(needed: readonly Int32Array[]): Int32Array {
    const rows = needed.flatMap((part) => [...part]);
    const unsent = rows.filter((row) => !this.#lately.some((sent) => sent.has(row)));
    this.#lately = [new Set(rows), ...this.#lately].slice(0, 2);
    return Int32Array.from(unsent);
  }
}
