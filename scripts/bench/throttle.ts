/**
 * Links of limited bandwidth and latency between workers and a coordinator, in user space: a TCP proxy that passes on each
 * piece when it would be through both cables, that of the worker and that of the coordinator, which all workers share. As
 * with TCP, no connection has more on its way than a window, so that whoever begins late gets its share at once.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface Limits {
  /** Bytes a second of each cable, each way. */
  readonly bandwidth: number;
  /** Seconds one way. */
  readonly latency: number;
}

/** One direction of a cable: when its last byte will be through, in seconds. */
interface Cable {
  free: number;
}

interface Due {
  readonly at: number;
  readonly action: (at: number) => void;
}

/** Bytes that go through a cable without others in between. */
const piece = 16_384;
/** Seconds of bandwidth that a connection has on its way, besides those until it could be told to go on. */
const queue = 0.005;
const smallestWindow = 131_072;
const seconds = (): number => performance.now() / 1000;

export class Throttle {
  readonly #server: Server;
  readonly #target: number;
  readonly #limits: Limits;
  readonly #coordinator = { into: { free: 0 }, out: { free: 0 } };
  readonly #sockets = new Set<Socket>();
  /** In the order of their times, which count, however late timers are. */
  readonly #due: Due[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(server: Server, target: number, limits: Limits) {
    this.#server = server;
    this.#target = target;
    this.#limits = limits;
    server.on('connection', (near) => this.#join(near));
  }

  /** @param target port on this machine that it passes on to */
  static async start(target: number, limits: Limits): Promise<Throttle> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Throttle(server, target, limits);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.#target, noDelay: true });
    this.#carry(near, far, { free: 0 }, this.#coordinator.into);
    this.#carry(far, near, this.#coordinator.out, { free: 0 });
  }

  #carry(from: Socket, to: Socket, out: Cable, into: Cable): void {
    const { bandwidth, latency } = this.#limits;
    const window = Math.max(smallestWindow, bandwidth * (2 * latency + queue));
    let under = 0;
    this.#sockets.add(from);
    from.on('data', (bytes: Buffer) => {
      under += bytes.length;
      if (under >= window) from.pause();
      for (let start = 0; start < bytes.length; start += piece) {
        const part = bytes.subarray(start, start + piece);
        // Its first byte comes to the other cable while its last one is on this: see Simulation.
        const first = Math.max(out.free, seconds());
        out.free = first + part.length / bandwidth;
        this.#plan(first + latency, (at) => {
          into.free = Math.max(into.free, at) + part.length / bandwidth;
          this.#plan(into.free, () => {
            to.write(part);
            under -= part.length;
            if (under < window) from.resume();
          });
        });
      }
    });
    const end = () => {
      this.#sockets.delete(from);
      to.destroy();
    };
    from.on('close', end).on('error', end);
  }

  #plan(at: number, action: Due['action']): void {
    let place = this.#due.length;
    while (place > 0 && this.#due[place - 1].at > at) place--;
    this.#due.splice(place, 0, { at, action });
    if (place === 0) this.#wake();
  }

  #wake(): void {
    clearTimeout(this.#timer);
    if (this.#due.length === 0) return;
    this.#timer = setTimeout(
      () => {
        for (let next = this.#due[0]; next && next.at <= seconds(); next = this.#due[0]) {
          this.#due.shift();
          next.action(next.at);
        }
        this.#wake();
      },
      Math.max(0, 1000 * (this.#due[0].at - seconds())),
    );
  }
}
