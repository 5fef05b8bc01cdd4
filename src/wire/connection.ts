/** One end of a line to another process: frames in order, blobs at the other side's pace, signs of life, and one ending. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { LockstepError, RefusedError, WireError } from '../errors.js';
import type { Landing } from '../reduce/landings.js';
import { openSlab, type SlabFrame, type SlabParts } from '../reduce/slab-frame.js';
import type { BlobSource } from './blob.js';
import { asProse } from './checks.js';
import {
  type BlobFrame,
  blobChunk,
  decodeFrame,
  encodeBlob,
  encodeControl,
  type Frame,
  largestFrame,
  largestGreeting,
  largestNumber,
} from './frame.js';
import { clock, Heartbeat } from './heartbeat.js';
import type { Message } from './messages.js';
import { SlabLane } from './slab-lane.js';
import { hostAndPort } from './sockets.js';

/** Why a connection ended; undefined where this side ended it. */
export type Ending = LockstepError | undefined;

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

/** Talks to the other side until it is admitted. */
export type Greeter = Pick<Handlers, 'message' | 'closed'>;

/** Bytes of frames, by kind. */
export type Traffic = Record<Frame['kind'], number>;

/** Blobs wait while more is queued. */
const highWater = 4 * 2 ** 20;
/** Frames that wait for handlers; more stay with the sender. */
const mostKept = 2 ** 20;
/** A read is charged for no less: many small pieces take more memory than their bytes. */
const smallestPiece = 64;
/** No pong is queued behind more: who does not read them cannot make this side keep them. */
const pongWater = 2 ** 20;

const remedy = 'see what the other side says; it can connect again';

/** What the connection deals with itself, whether there are handlers or not. */
const isOwn = (frame: Frame) => frame.kind === 'control' && ['ping', 'pong', 'refused'].includes(frame.message.kind);

const following = (number: number): number => (number % largestNumber) + 1;

export class Connection {
  readonly #socket: WebSocket;
  #greeter: Greeter | undefined;

  /** Host and port of the other side, and the host alone. */
  readonly address: string;
  readonly host: string;
  /** Who the other side is, in messages for people. */
  label: string;
  readonly bytesSent: Traffic = { control: 0, slab: 0, blob: 0 };
  readonly bytesReceived: Traffic = { control: 0, slab: 0, blob: 0 };
  #handlers?: Handlers;
  /** Frames that came before there were handlers. */
  #kept: Frame[] = [];
  #keptBytes = 0;
  #greeted = 0;
  /** Numbers of the last control messages that were sent and received. */
  #sent = 0;
  #received = 0;
  #queued = 0;
  /** Bytes of blobs that are not queued yet. */
  #outstanding = 0;
  #waiting: (() => void)[] = [];
  #ended?: { readonly error: Ending };
  readonly #gone: Promise<void>;
  readonly #heartbeat: Heartbeat;
  readonly #lane: SlabLane;

  /**
   * @param raw what `socket` runs on
   * @param caller whether this side called the other
   * @param greeter if given, gets the messages until `admit` is called; nothing else may arrive, and no more than a greeting
   */
  constructor(socket: WebSocket, raw: Socket, caller: boolean, greeter?: Greeter) {
    this.#socket = socket;
    this.#greeter = greeter;

    this.host = raw.remoteAddress ?? 'unknown';
    this.address = hostAndPort(this.host, raw.remotePort ?? 0);
    this.label = this.address;
    this.#heartbeat = new Heartbeat(
      (ping) => this.send(ping),
      (seconds) => {
        this.#end(this.#lost(`no sign of life for ${seconds.toFixed(1)} s`));
        socket.terminate();
      },
    );
    this.#lane = new SlabLane(raw, caller, {
      arrived: (bytes) => this.#arrived(bytes),
      slab: (bytes) => this.#takeSlab(bytes),
    });
    socket.on('message', (data, binary) => this.#take(data as Buffer, binary));
    socket.on('error', ({ message }) => {
      this.#end(this.#lost(`connection failed (${message})`));
      socket.terminate();
    });
    this.#gone = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.#end(this.#lost(code === 1000 ? 'closed the connection' : `connection lost (code ${code})`));
        resolve();
      });
    });
  }

  /** Bytes that are to be sent and not yet taken by the operating system. */
  get buffered(): number {
    return this.#queued;
  }

  /** Milliseconds to the other side and back; undefined before the first pong. */
  get roundTrip(): number | undefined {
    return this.#heartbeat.best?.roundTrip;
  }

  /** Milliseconds that the other side's `clock` is ahead of this side's; undefined before the first pong. */
  get clockOffset(): number | undefined {
    return this.#heartbeat.best?.offset;
  }

  /** To be called once. What came before is passed on first. */
  handle(handlers: Handlers): void {
    const before = this.#ended;
    this.#handlers = handlers;
    for (const frame of this.#kept.splice(0)) {
      if (this.#ended === before) this.#guard(() => this.#pass(frame));
    }
    if (this.#keptBytes > mostKept && !this.#ended) this.resume();
    if (before) handlers.closed(before.error);
  }

  /** The other side has proven who it is: it may send everything from now on. */
  admit(): void {
    this.#greeter = undefined;
  }

  /** Does nothing on a connection that has ended: the handlers know. */
  send(message: Message): void {
    if (this.#ended) return;
    this.#sent = following(this.#sent);
    this.#write('control', encodeControl(message, this.#sent));
  }

  /** @param frame stays as it is until it is sent: it is not copied */
  sendSlab({ header, payload }: SlabParts): void {
    if (this.#ended || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#lane.send(header, payload, this.#counted('slab', header.length + payload.length));
  }

  /**
   * Sends a blob in chunks, at the other side's pace.
   *
   * @param progress is told the bytes that were passed on so far
   * @throws WireError when the connection ends before all is passed on
   */
  async sendBlob(transfer: number, source: BlobSource, progress?: (bytes: number) => void): Promise<void> {
    let rest = source.length;
    this.#outstanding += rest;
    try {
      for (let offset = 0; rest > 0; offset += blobChunk) {
        const payload = await source.read(offset, Math.min(blobChunk, rest));
        await this.drained();
        rest -= payload.length;
        this.#outstanding -= payload.length;
        this.#write('blob', encodeBlob({ transfer, offset, payload }));
        progress?.(offset + payload.length);
      }
    } finally {
      this.#outstanding -= rest;
    }
  }

  /**
   * Waits until little enough is queued for more.
   * @throws WireError when the connection has ended
   */
  async drained(): Promise<void> {
    while (!this.#ended && this.#queued > highWater - blobChunk) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#ended) throw this.#ended.error ?? this.#lost('this side has closed the connection');
  }

  /** Stops reading: the other side has to wait, as soon as what is on its way has come. Silence does not count meanwhile. */
  pause(): void {
    this.#heartbeat.pause(true);
    this.#socket.pause();
  }

  resume(): void {
    this.#heartbeat.pause(false);
    this.#socket.resume();
  }

  /** From now on pings the other side, and ends the connection when nothing at all has come for so many seconds. */
  watch(silenceSeconds: number): void {
    if (!this.#ended) this.#heartbeat.start(silenceSeconds);
  }

  /**
   * Tells the other side why this one ends the connection, and ends it.
   * @param final whether trying again is pointless
   */
  refuse(problem: string, remedy: string, final: boolean): Promise<void> {
    this.send({ kind: 'refused', problem: asProse(problem), remedy: asProse(remedy), final });
    return this.close();
  }

  /** Ends the connection once everything is sent, or after 2 s. Resolves when it is gone. */
  close(): Promise<void> {
    this.#end(undefined);
    this.#socket.close(1000);
    return this.#gone;
  }

  /** Ends the connection at once. */
  terminate(): void {
    this.#end(undefined);
    this.#socket.terminate();
  }

  #arrived(bytes: number): void {
    this.#heartbeat.alive();
    if (!this.#greeter || this.#ended) return;
    this.#greeted += Math.max(bytes, smallestPiece);
    if (this.#greeted <= largestGreeting) return;
    this.#end(this.#lost(`sent more than ${largestGreeting} bytes before it was admitted`));
    this.#socket.terminate();
  }

  #take(data: Buffer, binary: boolean): void {
    if (this.#ended) return;
    this.#guard(() => {
      if (!binary) throw new WireError('sent a text instead of a frame', remedy);
      const frame = decodeFrame(data, this.#greeter ? largestGreeting : largestFrame);
      this.bytesReceived[frame.kind] += data.length;
      if (frame.kind === 'control' && this.#isRepeated(frame.number)) return;
      if (this.#greeter) this.#greet(frame, this.#greeter);
      else if (this.#handlers || isOwn(frame)) this.#pass(frame);
      else this.#keep(frame, data.length);
      if (frame.kind === 'slab') this.#lane.land(() => this.#handlers?.landing?.());
    });
  }

  /** One that has landed. */
  #takeSlab(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.bytesReceived.slab += bytes.length;
    this.#guard(() => this.#handlers?.slab(openSlab(bytes)));
  }

  /** Slab and blob frames say themselves where they belong. @throws WireError when messages are missing before this one */
  #isRepeated(number: number): boolean {
    if (number === 0) return false;
    const expected = following(this.#received);
    if (number !== expected) {
      if ((expected - number + largestNumber) % largestNumber < largestNumber / 2) return true;
      throw new WireError(`sent message ${number} where message ${expected} was due`, remedy);
    }
    this.#received = number;
    return false;
  }

  #greet(frame: Frame, greeter: Greeter): void {
    if (frame.kind !== 'control') throw new WireError(`sent a ${frame.kind} frame before it was admitted`, remedy);
    if (frame.message.kind === 'refused') this.#pass(frame);
    else greeter.message(frame.message);
  }

  #keep(frame: Frame, bytes: number): void {
    this.#kept.push(frame);
    this.#keptBytes += bytes;
    if (this.#keptBytes > mostKept) this.pause();
  }

  #pass(frame: Frame): void {
    if (frame.kind === 'slab') this.#handlers?.slab(frame.frame);
    else if (frame.kind === 'blob') this.#handlers?.blob(frame.frame);
    else this.#answer(frame.message);
  }

  #answer(message: Message): void {
    switch (message.kind) {
      case 'ping':
        if (this.#queued < pongWater) this.send({ kind: 'pong', time: message.time, clock: clock() });
        break;
      case 'pong':
        this.#heartbeat.pong(message);
        break;
      case 'refused': {
        const RefusalError = message.final ? RefusedError : WireError;
        this.#end(new RefusalError(`${this.label} refuses: ${message.problem}`, message.remedy));
        this.#socket.close(1000);
        break;
      }
      default:
        this.#handlers?.message(message);
    }
  }

  /** Whoever sends what cannot be accepted is told so, and dropped. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      if (this.#ended) return;
      const { problem, remedy } = error;
      const final = error instanceof RefusedError;
      this.send({ kind: 'refused', problem: asProse(problem), remedy: asProse(remedy), final });
      const NamedError = final ? RefusedError : WireError;
      this.#end(new NamedError(`${this.label}: ${problem}`, remedy));
      this.#socket.close(1008);
    }
  }

  #write(kind: Frame['kind'], frame: Buffer): void {
    if (!this.#ended) this.#socket.send(frame, this.#counted(kind, frame.length));
  }

  /** @returns to be called when the bytes are with the operating system */
  #counted(kind: Frame['kind'], bytes: number): (error?: Error | null) => void {
    this.bytesSent[kind] += bytes;
    this.#queued += bytes;
    return (error) => {
      if (error) return;
      this.#queued -= bytes;
      this.#wake();
    };
  }

  #lost(problem: string): WireError {
    const unsent = this.#queued + this.#outstanding;
    const rest = unsent > 0 ? `, ${unsent.toLocaleString('en-US')} bytes unsent` : '';
    return new WireError(`${this.label}: ${problem}${rest}`, remedy);
  }

  #end(error: Ending): void {
    if (this.#ended) return;
    this.#ended = { error };
    this.#heartbeat.stop();
    // Else the other side's closing would never be read.
    this.#socket.resume();
    this.#wake();
    (this.#greeter ?? this.#handlers)?.closed(error);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
