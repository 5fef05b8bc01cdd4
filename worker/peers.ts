/** Links between workers, over which they add up gradients without the coordinator. */
import { LockstepError } from '../src/errors.js';
import type { Landing } from '../src/reduce/landings.js';
import type { SlabFrame, SlabParts } from '../src/reduce/slab-frame.js';
import type { Connection } from '../src/wire/connection.js';
import { dial } from '../src/wire/dial.js';
import { type Arrival, type Listener, listen } from '../src/wire/listen.js';
import type { WorldMembers } from '../src/wire/messages.js';
import type { Certificate, Transport } from '../src/wire/transport.js';
import { hostAndPort, isEncrypted, urlTo } from '../src/wire/url.js';

export interface PeerOptions {
  readonly transport: Transport;
  /** Address to listen on, and where others reach it. */
  readonly host: string;
  readonly port: number;
  readonly advertise?: string;
  /** Whether the coordinator is reached by TLS: then peers are too, or not at all. */
  readonly secure: boolean;
  readonly tls?: Certificate;
  readonly ca?: string;
  readonly token: string;
}

export interface PeerHandlers {
  slab(from: number, frame: SlabFrame): void;
  /** Where slabs of one of them could be received. */
  landing(): Landing | undefined;
  /** The links that there are have changed. */
  changed(): void;
  lost(id: number, reason: string): void;
}

/** Links with workers that this one has not been told of yet. */
const mostEarly = 16;

/** Milliseconds between two calls of a worker that cannot be reached: the first, and the longest. */
const [shortestPause, longestPause] = [250, 30_000];

/** Of two workers, the one that joined later calls, and calls again when the link breaks. */
export class Peers {
  readonly #options: PeerOptions;
  readonly #handlers: PeerHandlers;
  readonly #links = new Map<number, Connection>();
  readonly #calling = new Set<number>();
  /** Members of the world, as far as this worker has been told. */
  #known: ReadonlySet<number> = new Set();
  /** Calls that failed since the last one that did not. */
  #failures = 0;
  #listener: Listener | undefined;
  /** Who there is, as the coordinator said last. */
  #members: WorldMembers['members'] = [];
  #retry: NodeJS.Timeout | undefined;
  #self = 0;
  #silence = 0;

  constructor(options: PeerOptions, handlers: PeerHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  /** Where others reach this worker; null where they cannot, because the run is under TLS and it has no certificate. */
  get address(): string | null {
    const { advertise, secure, transport } = this.#options;
    if (!this.#listener) return null;
    const { host, port } = this.#listener;
    return urlTo(advertise ?? hostAndPort(host, port), transport.schemes, secure);
  }

  get ids(): number[] {
    return [...this.#links.keys()].sort((a, b) => a - b);
  }

  /** @throws ConfigError when it cannot listen there */
  async open(): Promise<void> {
    const { transport, host, port, token, tls, secure } = this.#options;
    if (secure && !tls) return;
    const visitors = {
      arrived: ({ connection, hello, welcome }: Arrival<'peerHello'>) => {
        const wrong = this.#whyNot(hello.id);
        if (wrong) return void connection.refuse(wrong, 'the coordinator tells whom to call, and when', false);
        welcome(this.#self, this.#silence);
        this.#take(hello.id, connection);
      },
      refused: () => {},
    };
    const options = { host, port, token, tls: secure ? tls : undefined, expects: 'peerHello' as const };
    this.#listener = await listen(transport, options, visitors);
  }

  /** @param id number of this worker, as the coordinator gave it */
  join(id: number, silence: number): void {
    this.#self = id;
    this.#silence = silence;
  }

  /** Why a caller cannot be the worker that it says it is. */
  #whyNot(id: number): string | undefined {
    // Before this side knows its own number, nobody can have been told to call it.
    if (this.#self === 0) return 'this worker has not joined yet';
    if (id <= this.#self) return `worker ${id} is called by worker ${this.#self}, not the other way round`;
    // It may have been told of its world before this side was.
    const early = this.ids.filter((other) => !this.#known.has(other));
    return early.length < mostEarly || this.#known.has(id) ? undefined : 'too many call that nobody has told of';
  }

  /** Calls those that joined earlier, and drops the links to those that are gone. Who cannot be reached is tried again. */
  meet({ members }: WorldMembers): void {
    this.#members = members;
    const ids = new Set(members.map(({ id }) => id));
    this.#known = ids;
    for (const [id, connection] of this.#links) if (!ids.has(id)) connection.terminate();
    this.#callAll();
  }

  #callAll(): void {
    clearTimeout(this.#retry);
    const { transport, secure } = this.#options;
    for (const { id, peer } of this.#members) {
      if (id >= this.#self || peer === null || this.#links.has(id) || this.#calling.has(id)) continue;
      // A worker names its own address; under TLS nobody talks another into sending in the clear.
      if (secure && !isEncrypted(peer, transport.schemes)) continue;
      void this.#call(id, peer);
    }
  }

  /** @returns whether there is a link to that worker */
  send(to: number, frame: SlabParts): boolean {
    const link = this.#links.get(to);
    link?.sendSlab(frame);
    return link !== undefined;
  }

  /** Ends all links; the listener stays. */
  part(): void {
    const connections = [...this.#links.values()];
    this.#members = [];
    this.#links.clear();
    for (const connection of connections) connection.terminate();
    clearTimeout(this.#retry);
  }

  async close(): Promise<void> {
    this.part();
    await this.#listener?.close();
  }

  /** A worker that cannot be reached is no failure: sums then go through the coordinator. */
  async #call(id: number, peer: string): Promise<void> {
    this.#calling.add(id);
    try {
      const { transport, token, ca } = this.#options;
      const { connection } = await dial(transport, peer, {
        token,
        ca: isEncrypted(peer, transport.schemes) ? ca : undefined,
        identity: { kind: 'peerHello', id: this.#self },
      });
      this.#failures = 0;
      // This worker may have parted meanwhile.
      if (this.#members.some((member) => member.id === id)) this.#take(id, connection);
      else connection.terminate();
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      if (this.#failures++ === 0) this.#handlers.lost(id, error.problem);
      this.#later();
    } finally {
      this.#calling.delete(id);
    }
  }

  #later(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#callAll(), Math.min(longestPause, shortestPause * 2 ** this.#failures));
  }

  #take(id: number, connection: Connection): void {
    this.#links.get(id)?.terminate();
    this.#links.set(id, connection);
    connection.watch(this.#silence);
    connection.handle({
      message: () => {},
      slab: (frame) => this.#handlers.slab(id, frame),
      landing: () => this.#handlers.landing(),
      blob: () => {},
      closed: (error) => {
        if (this.#links.get(id) !== connection) return;
        this.#links.delete(id);
        this.#handlers.changed();
        this.#handlers.lost(id, error?.problem ?? 'the link was closed');
        this.#later();
      },
    });
    this.#handlers.changed();
  }
}
