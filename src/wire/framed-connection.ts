/** A connection over a channel of any transport. */

import { LockstepError, RefusedError, WireError } from '../errors.js';
import { grouped } from '../ground/units.js';
import { openSlab, type SlabFrame, type SlabParts } from '../reduce/slab-frame.js';
import type { BlobSource } from './blob.js';
import { asProse } from './checks.js';
import type { Connection, Ending, Handlers, Traffic } from './connection.js';
import { type Frame, largestFrame, largestGreeting } from './frame.js';
import { clock, Heartbeat } from './heartbeat.js';
import type { Message } from './messages.js';
import { Receiving } from './receiving.js';
import { Sending } from './sending.js';
import type { Channel, OpenChannel } from './transport.js';

/** Talks to the other side until it is admitted. */
export type Greeter = Pick<Handlers, 'message' | 'closed'>;

/** A read is charged for no less: many small pieces take more memory than their bytes. */
const smallestPiece = 64;
/** No pong is queued behind more: who does not read them cannot make this side keep them. */
const pongWater = 2 ** 20;

const remedy = 'see what the other side says; it can connect again';

/** What the connection deals with itself, whether there are handlers or not. */
const isOwn = (frame: Frame) => frame.kind === 'control' && ['ping', 'pong', 'refused'].includes(frame.message.kind);

export class FramedConnection implements Connection {
  /** Resolves when nothing of it is left. */
  readonly gone: Promise<void>;
  readonly #channel: Channel;
  readonly #sending: Sending;
  readonly #receiving = new Receiving();
  readonly #heartbeat: Heartbeat;
  /** Who the other side is, in messages for people. */
  readonly #label: string;
  #greeter: Greeter | undefined;
  #handlers?: Handlers;
  /** Bytes that came before the other side was admitted. */
  #greeted = 0;
  #ended?: { readonly error: Ending };

  /**
   * @param greeter gets the messages until `admit` is called; nothing else may arrive, and no more than a greeting
   * @param label who the other side is, for people; its address unless given
   */
  constructor(open: OpenChannel, greeter: Greeter, label?: string) {
    this.#greeter = greeter;
    let gone: () => void;
    this.gone = new Promise((resolve) => {
      gone = resolve;
    });
    this.#channel = open({
      arrived: (bytes) => this.#arrived(bytes),
      frame: (frame) => this.#take(frame),
      landed: (frame) => this.#takeLanded(frame),
      landing: () => (this.#ended ? undefined : this.#handlers?.landing?.()),
      unreadable: (problem) => this.#fail(new WireError(problem, remedy)),
      failed: (problem) => this.#break(problem),
      closed: (problem) => {
        this.#end(this.#lost(problem));
        gone();
      },
    });
    this.#label = label ?? this.#channel.address;
    this.#sending = new Sending(this.#channel);
    this.#heartbeat = new Heartbeat(
      (ping) => this.send(ping),
      (seconds) => this.#break(`no sign of life for ${seconds.toFixed(1)} s`),
    );
  }

  get host(): string {
    return this.#channel.host;
  }
  get address(): string {
    return this.#channel.address;
  }
  get rank(): number | undefined {
    return this.#channel.rank;
  }
  get bytesSent(): Readonly<Traffic> {
    return this.#sending.bytes;
  }
  get bytesReceived(): Readonly<Traffic> {
    return this.#receiving.bytes;
  }
  get buffered(): number {
    return this.#sending.queued;
  }
  get roundTrip(): number | undefined {
    return this.#heartbeat.best?.roundTrip;
  }
  get clockOffset(): number | undefined {
    return this.#heartbeat.best?.offset;
  }

  handle(handlers: Handlers): void {
    const before = this.#ended;
    this.#handlers = handlers;
    const { isFull } = this.#receiving;
    for (const frame of this.#receiving.release()) {
      if (this.#ended === before) this.#guard(() => this.#pass(frame));
    }
    if (isFull && !this.#ended) {
      this.#heartbeat.pause(false);
      this.#channel.resume();
    }
    if (before) handlers.closed(before.error);
  }

  /** The other side has proven who it is: it may send everything from now on. */
  admit(): void {
    this.#greeter = undefined;
    this.#channel.admitted();
  }

  send(message: Message): void {
    this.#sending.message(message);
  }

  sendSlab(frame: SlabParts): void {
    this.#sending.slab(frame);
  }

  sendBlob(transfer: number, source: BlobSource, progress?: (bytes: number) => void): Promise<void> {
    return this.#sending.blob(transfer, source, progress);
  }

  watch(silenceSeconds: number): void {
    if (!this.#ended) this.#heartbeat.start(silenceSeconds);
  }

  refuse(problem: string, remedy: string, final: boolean): Promise<void> {
    this.send({ kind: 'refused', problem: asProse(problem), remedy: asProse(remedy), final });
    return this.close();
  }

  close(): Promise<void> {
    this.#end(undefined);
    this.#channel.close('done');
    return this.gone;
  }

  terminate(): void {
    this.#end(undefined);
    this.#channel.terminate();
  }

  #arrived(bytes: number): void {
    this.#heartbeat.alive();
    if (!this.#greeter || this.#ended) return;
    this.#greeted += Math.max(bytes, smallestPiece);
    if (this.#greeted > largestGreeting) {
      this.#break(`sent more than ${largestGreeting} bytes before it was admitted`);
    }
  }

  #take(bytes: Buffer): void {
    if (this.#ended) return;
    this.#guard(() => {
      const frame = this.#receiving.read(bytes, this.#greeter ? largestGreeting : largestFrame);
      if (!frame) return;
      if (this.#greeter) this.#greet(frame, this.#greeter);
      else if (this.#handlers || isOwn(frame)) this.#pass(frame);
      else this.#keep(frame, bytes.length);
    });
  }

  #takeLanded(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#receiving.countLanded(bytes.length);
    this.#guard(() => this.#slab(openSlab(bytes)));
  }

  #greet(frame: Frame, greeter: Greeter): void {
    if (frame.kind !== 'control') throw new WireError(`sent a ${frame.kind} frame before it was admitted`, remedy);
    if (frame.message.kind === 'refused') this.#pass(frame);
    else greeter.message(frame.message);
  }

  /** Until there are handlers. While this side does not read, silence of the other side does not count. */
  #keep(frame: Frame, bytes: number): void {
    this.#receiving.keep(frame, bytes);
    if (!this.#receiving.isFull) return;
    this.#heartbeat.pause(true);
    this.#channel.pause();
  }

  #pass(frame: Frame): void {
    if (frame.kind === 'slab') this.#slab(frame.frame);
    else if (frame.kind === 'blob') this.#handlers?.blob(frame.frame);
    else this.#answer(frame.message);
  }

  #slab(frame: SlabFrame): void {
    if (frame.checksum === undefined && this.#channel.rank === undefined)
      throw new WireError('sent a slab frame without a checksum', remedy);
    this.#handlers?.slab(frame);
  }

  #answer(message: Message): void {
    switch (message.kind) {
      case 'ping':
        if (this.buffered < pongWater) this.send({ kind: 'pong', time: message.time, clock: clock() });
        break;
      case 'pong':
        this.#heartbeat.pong(message);
        break;
      case 'refused': {
        const RefusalError = message.final ? RefusedError : WireError;
        this.#end(new RefusalError(`${this.#label} refuses: ${message.problem}`, message.remedy));
        this.#channel.close('done');
        break;
      }
      default:
        this.#handlers?.message(message);
    }
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.#fail(error);
    }
  }

  /** Whoever sends what cannot be accepted is told so, and dropped. */
  #fail(error: LockstepError): void {
    if (this.#ended) return;
    const { problem, remedy } = error;
    const final = error instanceof RefusedError;
    this.send({ kind: 'refused', problem: asProse(problem), remedy: asProse(remedy), final });
    const NamedError = final ? RefusedError : WireError;
    this.#end(new NamedError(`${this.#label}: ${problem}`, remedy));
    this.#channel.close('violation');
  }

  #break(problem: string): void {
    this.#end(this.#lost(problem));
    this.#channel.terminate();
  }

  #lost(problem: string): WireError {
    const { unsent } = this.#sending;
    const rest = unsent > 0 ? `, ${grouped(unsent)} bytes unsent` : '';
    return new WireError(`${this.#label}: ${problem}${rest}`, remedy);
  }

  #end(error: Ending): void {
    if (this.#ended) return;
    this.#ended = { error };
    this.#heartbeat.stop();
    this.#sending.end(error ?? this.#lost('this side has closed the connection'));
    // Else the other side's closing would never be read.
    this.#channel.resume();
    (this.#greeter ?? this.#handlers)?.closed(error);
  }
}
