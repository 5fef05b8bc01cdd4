/**
 * Stands between a worker and who it talks to, and passes frames on as they are, in order. It reads them with the
 * product's own codec, so it knows in which phase the other two are, and there does to a frame what a test has scheduled.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { decodeFrame, type Frame } from '../../src/wire/frame.js';
import { decodeNeighbourWord } from '../../src/wire/neighbour/neighbour-words.js';
import { socketOptions } from '../../src/wire/websocket/socket-options.js';

/** A frame on its way. `up` is towards the side that listens: the coordinator, or the worker that is called. */
export interface Passing {
  readonly frame: Frame;
  readonly up: boolean;
  /** What transfer a blob frame belongs to, and which chunk of it this is, from 1. */
  readonly what: string;
  readonly chunk: number;
  readonly link: Link;
}

/** Does something to a frame. @returns what is passed on instead of it; undefined to pass it on as it is */
export type Action = (passing: Passing, bytes: Buffer) => readonly Buffer[] | undefined;

interface Scheduled {
  readonly fits: (passing: Passing) => boolean;
  readonly action: Action;
  readonly fired: (at: number) => void;
}

const gate = () => ({ waits: 0, opened: Promise.resolve() as Promise<unknown> });

/** Two sockets, one to each side. */
export class Link {
  readonly #near: WebSocket;
  readonly #far: WebSocket;
  /** What goes out, by direction, waits for these. */
  readonly #gates = { up: gate(), down: gate() };
  #isHole = false;

  constructor(near: WebSocket, far: WebSocket) {
    this.#near = near;
    this.#far = far;
  }

  /** Both sides lose the connection at once. */
  cut(): void {
    this.#near.terminate();
    this.#far.terminate();
  }

  /** Nothing passes any more, and nobody is told. */
  swallow(): void {
    this.#isHole = true;
  }

  /** Holds back this frame and all behind it until `until`. */
  hold(up: boolean, until: Promise<unknown>): void {
    const gate = this.#gates[up ? 'up' : 'down'];
    gate.waits++;
    gate.opened = Promise.all([gate.opened, until]);
    void gate.opened.then(() => gate.waits--);
  }

  pass(frames: readonly Buffer[], up: boolean): void {
    const send = () => {
      const to = up ? this.#far : this.#near;
      if (this.#isHole || to.readyState !== WebSocket.OPEN) return;
      for (const frame of frames) to.send(frame);
    };
    const { waits, opened } = this.#gates[up ? 'up' : 'down'];
    if (waits > 0) void opened.then(send);
    else send();
  }
}

/** One for each worker and direction of calls. */
export class FaultProxy {
  readonly #server: WebSocketServer;
  /** Where it passes on to, such as ws://127.0.0.1:7474. */
  readonly #target: string;
  readonly #watch: (passing: Passing) => void;
  readonly #links = new Set<Link>();
  #schedule: Scheduled[] = [];

  private constructor(server: WebSocketServer, target: string, watch: (passing: Passing) => void) {
    this.#server = server;
    this.#target = target;
    this.#watch = watch;
    server.on('connection', (near: WebSocket) => this.#connect(near));
  }

  /**
   * @param target where it passes on to, given the port that it listens on itself
   * @param watch is told of every frame
   */
  static async start(
    target: (port: number) => string,
    watch: (passing: Passing) => void = () => {},
  ): Promise<FaultProxy> {
    const server = new WebSocketServer({ ...socketOptions, host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new FaultProxy(server, target((server.address() as AddressInfo).port), watch);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Does `action` to the next frame that fits, once. Resolves with the time at which it did. */
  next(fits: (passing: Passing) => boolean, action: Action): Promise<number> {
    return new Promise((fired) => {
      this.#schedule.push({ fits, action, fired });
    });
  }

  /** Whether anybody is connected. */
  get isInUse(): boolean {
    return this.#links.size > 0;
  }

  cut(): void {
    for (const link of this.#links) link.cut();
  }

  async close(): Promise<void> {
    this.cut();
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(near: WebSocket): void {
    const far = new WebSocket(this.#target, { ...socketOptions, generateMask: (mask) => mask.fill(0) });
    const link = new Link(near, far);
    this.#links.add(link);
    const end = () => {
      link.cut();
      this.#links.delete(link);
    };
    const early: Buffer[] = [];
    const transfers = new Map<number, { readonly what: string; chunks: number }>();
    const take = (up: boolean) => (data: RawData) => this.#take(data as Buffer, up, link, transfers);
    near.on('message', (data) => {
      if (far.readyState === WebSocket.CONNECTING) early.push(data as Buffer);
      else take(true)(data);
    });
    far.on('open', () => {
      for (const bytes of early) take(true)(bytes);
    });
    far.on('message', take(false));
    // Closing codes say what a process thinks of the other: they are passed on.
    near.on('close', (code) => this.#closed(far, code, end)).on('error', end);
    far.on('close', (code) => this.#closed(near, code, end)).on('error', end);
  }

  #closed(other: WebSocket, code: number, end: () => void): void {
    if (code === 1006 || code === 1005 || other.readyState !== WebSocket.OPEN) end();
    else other.close(code);
  }

  #take(
    bytes: Buffer,
    up: boolean,
    link: Link,
    transfers: Map<number, { readonly what: string; chunks: number }>,
  ): void {
    // Whether this is a line without anything between its ends: it is not.
    if (decodeNeighbourWord(bytes)) {
      link.pass([bytes], up);
      return;
    }
    const frame = decodeFrame(bytes);
    if (frame.kind === 'control' && frame.message.kind === 'transfer') {
      transfers.set(frame.message.transfer, { what: frame.message.what, chunks: 0 });
    }
    const transfer = frame.kind === 'blob' ? transfers.get(frame.frame.transfer) : undefined;
    if (transfer) transfer.chunks++;
    const passing = { frame, up, link, what: transfer?.what ?? '', chunk: transfer?.chunks ?? 0 };
    this.#watch(passing);
    const due = this.#schedule.find(({ fits }) => fits(passing));
    this.#schedule = this.#schedule.filter((each) => each !== due);
    const at = performance.now();
    link.pass(due?.action(passing, bytes) ?? [bytes], up);
    due?.fired(at);
  }
}
