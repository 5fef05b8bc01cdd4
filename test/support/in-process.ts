/** A transport between two ends inside one process, over queues of frames: about the least that a transport has to do. */
import { ConfigError, WireError } from '../../src/errors.js';
import type { Channel, ChannelEvents, Doorkeeper, OpenChannel, Sent, Transport } from '../../src/wire/transport.js';

/** Milliseconds that the other side has to read what was sent before the end. */
const endLimit = 2000;

/** A frame, whose parts stay as they are until it has been read; or the end. */
type Piece = { readonly parts: readonly Uint8Array[]; readonly sent: Sent } | 'end';

/** One direction of a line: what is put into it waits until the other end reads, never in the same turn of the event loop. */
class Pipe {
  #pieces: Piece[] = [];
  #reader: ((frame: Buffer | 'end') => void) | undefined;
  #isPaused = false;

  put(piece: Piece): void {
    this.#pieces.push(piece);
    this.#flow();
  }

  open(reader: (frame: Buffer | 'end') => void): void {
    this.#reader = reader;
    this.#flow();
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#flow();
  }

  /** What is in it is lost, and whatever comes. */
  cut(): void {
    this.#reader = undefined;
    this.#pieces = [];
  }

  #flow(): void {
    setImmediate(() => {
      while (this.#reader && !this.#isPaused && this.#pieces.length > 0) {
        const piece = this.#pieces.shift()!;
        if (piece === 'end') return this.#reader('end');
        const frame = Buffer.concat(piece.parts);
        piece.sent();
        this.#reader(frame);
      }
    });
  }
}

/** Two ends and what lies between them. */
class Line {
  readonly #up = new Pipe();
  readonly #down = new Pipe();
  readonly #ends: ChannelEvents[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #patience: NodeJS.Timeout;
  #isOver = false;

  /** @param patience seconds after which it ends unless the caller is admitted */
  constructor(patience: number) {
    this.#patience = setTimeout(() => this.#end('connection lost'), patience * 1000);
  }

  readonly listener: OpenChannel = (events) => this.#open(events, this.#up, this.#down);
  readonly caller: OpenChannel = (events) => this.#open(events, this.#down, this.#up);

  #open(events: ChannelEvents, from: Pipe, to: Pipe): Channel {
    this.#ends.push(events);
    from.open((frame) => {
      if (frame === 'end') return this.#end('closed the connection');
      events.arrived(frame.length);
      events.frame(frame);
    });
    return {
      host: 'here',
      address: 'here:0',
      send: (frame, sent) => to.put({ parts: [frame], sent }),
      sendSlab: (header, payload, sent) => to.put({ parts: [header, payload], sent }),
      pause: () => from.pause(true),
      resume: () => from.pause(false),
      admitted: () => clearTimeout(this.#patience),
      terminate: () => this.#end('connection lost'),
      close: () => {
        to.put('end');
        if (!this.#isOver) this.#timers.push(setTimeout(() => this.#end('connection lost'), endLimit));
      },
    };
  }

  #end(problem: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of [this.#patience, ...this.#timers]) clearTimeout(timer);
    for (const pipe of [this.#up, this.#down]) pipe.cut();
    // After the call that caused it.
    setImmediate(() => {
      for (const { closed } of this.#ends) closed(problem);
    });
  }
}

const doors = new Map<number, { readonly doorkeeper: Doorkeeper; readonly patience: number }>();
let lastPort = 0;

export const inProcess: Transport = {
  schemes: { plain: 'here', encrypted: 'heres' },

  locate: async (host) => ({ address: host, isLocal: true }),

  async accept({ address, port: wanted, patience, tls }, doorkeeper) {
    const port = wanted === 0 ? ++lastPort : wanted;
    if (doors.has(port)) throw new ConfigError(`${address}:${port} is in use`, 'choose another port');
    if (tls) throw new ConfigError('what stays in a process needs no TLS', 'leave the certificate out');
    doors.set(port, { doorkeeper, patience });
    return { port, close: async () => void doors.delete(port) };
  },

  async connect(url, _ca, _signal, opened) {
    const door = doors.get(Number(url.port));
    if (!door) throw new WireError(`cannot connect to ${url.host} (nobody listens)`, 'check that it runs');
    const line = new Line(door.patience);
    door.doorkeeper.came(line.listener);
    opened(line.caller);
  },

  ownHost: async () => '127.0.0.1',
};
