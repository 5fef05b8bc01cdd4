/**
 * Parameters after a step whose optimizer state is sharded: each member has updated a share of them, and is sent the others. Fed with
 * frames, it emits frames; it knows nothing of sockets and of time.
 */
import { WireError } from '../errors.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import { EarlyFrames } from './early.js';
import { LARGEST_SEGMENT } from './segments.js';
import { type SlabFrame, type SlabParts, sealSlab } from './slab-frame.js';

/** Floats of the trainable parameters, multiples of 16. */
export interface ParameterRange {
  readonly from: number;
  readonly to: number;
}

/** What a member has the optimizer state of, and updates for all. */
export interface ParameterShare extends ParameterRange {
  readonly id: number;
}

/** How a step is updated where its state is sharded. */
export interface ShardedStep {
  /** All parameters, in order. Those of the coordinator, which has the state of all, are nobody else's at the time. */
  readonly shares: readonly ParameterShare[];
  /** Members that send each other what they have updated. */
  readonly linked: readonly number[];
  /** Members that have everything from the coordinator. */
  readonly others: readonly number[];
}

export interface ParameterExchangeOptions {
  /** Id of this member; the coordinator is 0. */
  readonly self: number;
  readonly memory: WebAssembly.Memory;
  readonly kernels: Pick<UpdateKernels, 'checksum' | 'copyWithChecksum'>;
  /** Byte offset of the parameters. */
  readonly parameters: number;
  readonly trainable: number;
  /** Rounds that one sender may be ahead. */
  readonly ahead: number;
  readonly send: (to: number, frame: SlabParts) => void;
  /** Told of a frame that broke the protocol, as `receive` would have thrown, had its step been there in time. */
  readonly refused: (from: number, error: WireError) => void;
}

/** A frame names its first float by a number of these. */
const UNIT = 16;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ParameterExchange {
  readonly #options: ParameterExchangeOptions;
  readonly #early: EarlyFrames;
  #round = -1;
  /** Floats of each piece that comes from others, by where it begins, and those that are not here yet. */
  #pieces = new Map<number, number>();
  #missing = new Set<number>();
  #waiting: Waiting | undefined;

  constructor(options: ParameterExchangeOptions) {
    this.#options = options;
    const { trainable, ahead } = options;
    // Each of a thousand shares may end with a piece that is not full.
    const frames = ahead * (Math.ceil(trainable / LARGEST_SEGMENT) + 1000);
    this.#early = new EarlyFrames({ bytes: ahead * trainable * 4, frames });
  }

  /** Sends what this member has updated. Resolves when it has all that others have. Rejects with what `abort` is given. */
  exchange(round: number, { shares, linked, others }: ShardedStep): Promise<void> {
    const { self } = this.#options;
    this.#round = round;
    const expected = self === 0 ? [] : shares.filter(({ id }) => id !== self).flatMap(piecesOf);
    this.#pieces = new Map(expected.map(({ from, to }) => [from, to - from]));
    this.#missing = new Set(this.#pieces.keys());
    const mine = shares.filter(({ id }) => id === self);
    if (self === 0) {
      this.send(round, mine, linked);
      for (const id of others) this.send(round, exceptOf(shares, id), [id]);
    } else if (linked.includes(self)) {
      // Everybody begins with another one.
      const at = linked.indexOf(self);
      this.send(round, mine, [...linked.slice(at + 1), ...linked.slice(0, at)]);
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#replay();
      this.#settle();
    });
  }

  /** Sends ranges of the parameters as they are now to some members. */
  send(round: number, ranges: readonly ParameterRange[], to: readonly number[]): void {
    if (to.length === 0) return;
    const { memory, kernels, parameters, send } = this.#options;
    for (const { from, to: end } of ranges.flatMap(piecesOf)) {
      const [at, floats] = [parameters + from * 4, end - from];
      // A copy: the next step changes the parameters, whoever is still to be sent these.
      const payload = Uint8Array.from(new Uint8Array(memory.buffer, at, floats * 4));
      const header = sealSlab({
        kind: 'parameters',
        precision: 'float32',
        attempt: 0,
        round,
        low: 0,
        high: 1,
        segment: from / UNIT,
        checksum: kernels.checksum(at, floats) >>> 0,
      });
      for (const id of to) send(id, { header, payload });
    }
  }

  /**
   * A frame from another member. What has come before is dropped silently.
   * @throws WireError when it breaks the protocol
   */
  receive(from: number, frame: SlabFrame): void {
    if (this.#options.self === 0) throw broken(from, frame, 'the coordinator needs none');
    if (frame.round > this.#round) {
      this.#early.keep(from, frame);
      return;
    }
    if (frame.round < this.#round) return;
    const start = frame.segment * UNIT;
    const floats = this.#pieces.get(start);
    if (floats === undefined) throw broken(from, frame, 'no piece begins there');
    if (frame.precision !== 'float32' || frame.payload.length !== floats * 4)
      throw broken(from, frame, `expected ${floats} numbers of float32`);
    if (!this.#missing.has(start)) return;
    if (this.#put(frame, start, floats) !== frame.checksum) throw broken(from, frame, 'its checksum is wrong');
    this.#missing.delete(start);
    this.#settle();
  }

  /** Gives up the wait. */
  abort(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  /** This member has been given all parameters as they are after `round`. */
  restart(round: number): void {
    this.#round = round;
    this.#missing.clear();
    this.#early.clear();
    this.#settle();
  }

  #settle(): void {
    if (this.#missing.size > 0) return;
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #replay(): void {
    this.#early.replay(this.#round, 0, (from, frame) => {
      try {
        this.receive(from, frame);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        this.#options.refused(from, error);
      }
    });
  }

  /** @returns the checksum of what came */
  #put({ payload }: SlabFrame, start: number, floats: number): number {
    const { memory, kernels, parameters } = this.#options;
    const at = parameters + start * 4;
    if (payload.buffer === memory.buffer) return kernels.copyWithChecksum(at, payload.byteOffset, floats) >>> 0;
    new Uint8Array(memory.buffer, at, floats * 4).set(payload);
    return kernels.checksum(at, floats) >>> 0;
  }
}

/** What a member has not updated itself. */
export const exceptOf = (shares: readonly ParameterShare[], id: number): ParameterShare[] =>
  shares.filter((share) => share.id !== id);

/** As large as frames may be. */
function piecesOf({ from, to }: ParameterRange): ParameterRange[] {
  return Array.from({ length: Math.ceil((to - from) / LARGEST_SEGMENT) }, (_, i) => {
    const start = from + i * LARGEST_SEGMENT;
    return { from: start, to: Math.min(start + LARGEST_SEGMENT, to) };
  });
}

/** Equal shares of the parameters for members, in order. */
export function dealShares(trainable: number, ids: readonly number[]): ParameterShare[] {
  const units = trainable / UNIT;
  const border = (i: number) => Math.floor((i * units) / ids.length) * UNIT;
  return ids.map((id, i) => ({ id, from: border(i), to: border(i + 1) }));
}

/** @throws WireError unless the shares are all parameters, in order */
export function checkShares(shares: readonly ParameterShare[], trainable: number): void {
  let end = 0;
  for (const { from, to } of shares) {
    if (from !== end || to < from || to % UNIT !== 0) throw notAll(trainable);
    end = to;
  }
  if (end !== trainable) throw notAll(trainable);
}

const notAll = (trainable: number): WireError =>
  new WireError(
    `the shares of a step are not the parameters [0, ${trainable}) in order`,
    'the coordinator must run the same version of Lockstep',
  );

const broken = (from: number, { segment, round, payload }: SlabFrame, why: string): WireError =>
  new WireError(
    `member ${from} sent ${payload.length} bytes of parameters from number ${segment * UNIT}, round ${round}: ${why}`,
    'it is dropped; it must run the same version of Lockstep',
  );
