/** A line to another process, for those that talk over it. What carries it is the matter of a transport: see transport.ts. */
import type { LockstepError } from '../errors.js';
import type { Landing } from '../reduce/landings.js';
import type { SlabFrame, SlabParts } from '../reduce/slab-frame.js';
import type { BlobSource } from './blob.js';
import type { BlobFrame, Frame } from './frame.js';
import type { Message } from './messages.js';

/** Why a connection ended; undefined where this side ended it. */
export type Ending = LockstepError | undefined;

/** Bytes of frames, by kind. */
export type Traffic = Record<Frame['kind'], number>;

/**
 * What happens to that which arrives. Any of these may throw a WireError or RefusedError: the other side is then told,
 * and the connection ends with that error.
 */
export interface Handlers {
  /** Pings, pongs and refusals are answered by the connection itself. */
  message(message: Message): void;
  /** The payload is overwritten as soon as this returns. */
  slab(frame: SlabFrame): void;
  /** Where slabs could be received, asked for when some come; the connection gives it back. */
  landing?(): Landing | undefined;
  /** The payload is a view that nobody else uses. */
  blob(frame: BlobFrame): void;
  /** Comes once, and nothing comes after it. */
  closed(error: Ending): void;
}

/** One end of it: frames in order, blobs at the other side's pace, signs of life, and one ending. */
export interface Connection {
  /** The machine of the other side. */
  readonly host: string;
  /** The other side's end, for people: host and port. */
  readonly address: string;
  /** Rank of the other side, once both are known to be of one job of a message-passing library. */
  readonly rank: number | undefined;
  /** Bytes of frames since the beginning. */
  readonly bytesSent: Readonly<Traffic>;
  readonly bytesReceived: Readonly<Traffic>;
  /** Bytes that are to be sent and not yet taken by what carries them. */
  readonly buffered: number;
  /** Milliseconds to the other side and back; undefined before the first pong. */
  readonly roundTrip: number | undefined;
  /** Milliseconds that the other side's clock is ahead of this side's; undefined before the first pong. */
  readonly clockOffset: number | undefined;

  /** To be called once. What came before is passed on first; the other side waits when that is much. */
  handle(handlers: Handlers): void;

  /** Does nothing on a connection that has ended: the handlers know. */
  send(message: Message): void;

  /** @param frame stays as it is until it is sent (`buffered` says so): it is not copied */
  sendSlab(frame: SlabParts): void;

  /**
   * Sends a blob in chunks, at the other side's pace.
   *
   * @param transfer its number, by which the other side knows what it is (see the message `transfer`)
   * @param progress is told the bytes that were passed on so far
   * @throws WireError when the connection ends before all is passed on
   */
  sendBlob(transfer: number, source: BlobSource, progress?: (bytes: number) => void): Promise<void>;

  /** From now on pings the other side, and ends the connection when nothing at all has come for so many seconds. */
  watch(silenceSeconds: number): void;

  /**
   * Tells the other side why this one ends the connection, and ends it as `close` does.
   * @param final whether trying again is pointless
   */
  refuse(problem: string, remedy: string, final: boolean): Promise<void>;

  /** Ends the connection once everything is sent, or after 2 s. Resolves when it is gone. */
  close(): Promise<void>;

  /** Ends the connection at once: what was not sent is lost. */
  terminate(): void;
}
