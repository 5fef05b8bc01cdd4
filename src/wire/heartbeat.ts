/** Signs of life of the other side of a connection: when they stop, and what they tell about the line and its clock. */
import type { Ping, Pong } from './messages.js';

/** Milliseconds since 1970 by a clock that never jumps. */
export const clock = (): number => performance.timeOrigin + performance.now();

const samplesKept = 8;

export class Heartbeat {
  readonly #ping: (ping: Ping) => void;
  readonly #silent: (seconds: number) => void;

  /** Time of `performance.now` at the last sign of life. */
  #last = performance.now();
  #paused = false;
  #pinging?: NodeJS.Timeout;
  #waiting?: NodeJS.Timeout;
  #judging?: NodeJS.Immediate;
  readonly #samples: { readonly roundTrip: number; readonly offset: number }[] = [];

  /**
   * @param ping sends a ping
   * @param silent is told after how many seconds of silence the other side is given up
   */
  constructor(ping: (ping: Ping) => void, silent: (seconds: number) => void) {
    this.#ping = ping;
    this.#silent = silent;
  }

  start(silenceSeconds: number): void {
    this.stop();
    this.alive();
    const ping = () => this.#ping({ kind: 'ping', time: clock() });
    this.#pinging = setInterval(ping, Math.min(1000, silenceSeconds * 200));
    this.#wait(silenceSeconds * 1000);
    ping();
  }

  /** Bytes have come, of whatever. */
  alive(): void {
    this.#last = performance.now();
  }

  /** While this side does not read, the other one cannot be blamed for silence. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.alive();
  }

  pong({ time, clock: theirs }: Pong): void {
    const now = clock();
    const roundTrip = now - time;
    if (roundTrip < 0) return;
    this.#samples.push({ roundTrip, offset: theirs - (time + roundTrip / 2) });
    if (this.#samples.length > samplesKept) this.#samples.shift();
  }

  /** Of the last few pongs the fastest: the others waited behind data, and tell less about the line. */
  get best(): { readonly roundTrip: number; readonly offset: number } | undefined {
    if (this.#samples.length === 0) return undefined;
    return this.#samples.reduce((best, sample) => (sample.roundTrip < best.roundTrip ? sample : best));
  }

  stop(): void {
    clearInterval(this.#pinging);
    clearTimeout(this.#waiting);
    clearImmediate(this.#judging);
  }

  #wait(deadline: number): void {
    const rest = Math.max(0, this.#last + deadline - performance.now());
    this.#waiting = setTimeout(() => {
      // This thread may have been busy for long: what has come in the meantime is read before it is judged.
      this.#judging = setImmediate(() => this.#judge(deadline));
    }, rest);
  }

  #judge(deadline: number): void {
    if (this.#paused) this.alive();
    const silence = performance.now() - this.#last;
    if (silence < deadline) this.#wait(deadline);
    else this.#silent(silence / 1000);
  }
}
