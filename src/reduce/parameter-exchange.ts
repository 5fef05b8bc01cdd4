/**
 * Parameters after a step whose optimizer state is sharded: each member has updated a share of them, and is sent the others. Fed with
 * frames, it emits frames; it knows nothing of sockets and of time.
 */
import { WireError } from '../errors.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import { EarlyFrames } from './early.js';
import { LARGEST_SEGMENT } from './segments.js';
import { exceptOf, type ParameterRange, type ParameterShare, updatedBy } from './shares.js';
import { type SlabFrame, type SlabParts, sealSlab } from './slab-frame.js';
import { SpareBuffers } from './spare-buffers.js';

/** How a step is updated where its state is sharded. */
export interface ShardedStep {
  /** All that a step changes, in order. */
  readonly shares: readonly ParameterShare[];
  /** Members that send each other what they have updated, host by host: each host is sent a number once, and passes it on. */
  readonly hosts: readonly (readonly number[])[];
  /** Members that have from the coordinator all that they do not update. */
  readonly others: readonly number[];
}

export interface ParameterExchangeOptions {
  /** Id of this member; the coordinator is 0. */
  readonly self: number;
  readonly memory: WebAssembly.Memory;
  readonly kernels: Pick<UpdateKernels, 'checksum' | 'copyWithChecksum'>;
  /** Byte offset of the parameters. */
  readonly parameters: number;
  /** Floats of them that a step changes: the trainable ones, and the state of the model. */
  readonly changing: number;
  /** Rounds that one sender may be ahead. */
  readonly ahead: number;
  readonly send: (to: number, frame: SlabParts) => void;
  /** Whether a member is on the same host. */
  readonly isNear: (id: number) => boolean;
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
  readonly #copies = new SpareBuffers();
  #round = -1;
  #hosts: ShardedStep['hosts'] = [];
  /** Each piece that comes from others, by where it begins, and those that are not here yet. */
  #pieces = new Map<number, ParameterShare>();
  #missing = new Set<number>();
  #waiting: Waiting | undefined;
  #sent = { bytes: 0, bytesBetweenHosts: 0 };

  constructor(options: ParameterExchangeOptions) {
    this.#options = options;
    const { changing, ahead } = options;
    // Each of a thousand shares may end with a piece that is not full.
    const frames = ahead * (Math.ceil(changing / LARGEST_SEGMENT) + 1000);
    this.#early = new EarlyFrames({ bytes: ahead * changing * 4, frames });
  }

  /** Bytes of numbers sent since this was asked last, and of those what went to other hosts. */
  takeSent(): { readonly bytes: number; readonly bytesBetweenHosts: number } {
    const sent = this.#sent;
    this.#sent = { bytes: 0, bytesBetweenHosts: 0 };
    return sent;
  }

  /**
   * Takes in what others have updated, passes it on, and sends what this member has.
   * @param update updates a piece of what this member does, while the one before goes out and those of others arrive; of the coordinator all
   * @returns `updated` resolves when this member's updates are done, `complete` when it has all; that rejects with what `abort` is given
   */
  exchange(
    round: number,
    step: ShardedStep,
    update: (piece?: ParameterRange) => Promise<void>,
  ): { readonly updated: Promise<void>; readonly complete: Promise<void> } {
    const { shares, hosts } = step;
    const { self, refused } = this.#options;
    this.#round = round;
    this.#hosts = hosts;
    const expected = exceptOf(shares, self).flatMap(piecesOf);
    this.#pieces = new Map(expected.map((piece) => [piece.from, piece]));
    this.#missing = new Set(this.#pieces.keys());
    const complete = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#early.replay(round, 0, (from, frame) => this.receive(from, frame), refused);
    this.#settle();
    const updated = self === 0 ? this.#coordinate(round, step, update) : this.#updateShares(round, step, update);
    const all = updated.then(() => complete);
    // It may be given up before anybody waits for it.
    for (const each of [complete, all]) each.catch(() => {});
    return { updated, complete: all };
  }

  /** Others wait for its own share, and for nothing of which it has the second copy. */
  async #updateShares(
    round: number,
    { shares, hosts }: ShardedStep,
    update: (piece: ParameterRange) => Promise<void>,
  ): Promise<void> {
    const { self } = this.#options;
    const isOwn = ({ id }: ParameterShare) => id === self;
    const mine = updatedBy(shares, self);
    const pieces = [...mine.filter(isOwn), ...mine.filter((share) => !isOwn(share))].flatMap(piecesOf);
    let updated = pieces.length > 0 ? update(pieces[0]) : undefined;
    for (const [i, piece] of pieces.entries()) {
      await updated;
      if (i + 1 < pieces.length) updated = update(pieces[i + 1]);
      if (isOwn(piece)) this.send(round, [piece], nextOf(hosts, self, piece));
    }
  }

  async #coordinate(round: number, { shares, hosts, others }: ShardedStep, update: () => Promise<void>): Promise<void> {
    await update();
    for (const share of shares) if (share.id === 0) this.send(round, [share], nextOf(hosts, 0, share));
    for (const id of others) this.send(round, exceptOf(shares, id), [id]);
  }

  /**
   * Sends ranges of the parameters as they are now to some members.
   * @param known checksum of what is one piece
   */
  send(round: number, ranges: readonly ParameterRange[], to: readonly number[], known?: number): void {
    if (to.length === 0) return;
    const { memory, kernels, parameters, send, isNear } = this.#options;
    for (const { from, to: end } of ranges.flatMap(piecesOf)) {
      const [at, floats] = [parameters + from * 4, end - from];
      // A copy: the next step changes the parameters, whoever is still to be sent these.
      const payload = this.#copies.of(new Uint8Array(memory.buffer, at, floats * 4));
      const header = sealSlab({
        kind: 'parameters',
        precision: 'float32',
        attempt: 0,
        round,
        low: 0,
        high: 1,
        segment: from / UNIT,
        checksum: known ?? kernels.checksum(at, floats) >>> 0,
      });
      let waiting = to.length;
      const sent = () => {
        if (--waiting === 0) this.#copies.release(payload);
      };
      for (const id of to) send(id, { header, payload, sent });
      this.#sent.bytes += to.length * payload.length;
      this.#sent.bytesBetweenHosts += to.filter((id) => !isNear(id)).length * payload.length;
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
    const piece = this.#pieces.get(start);
    if (!piece) throw broken(from, frame, 'no piece begins there');
    const floats = piece.to - piece.from;
    if (frame.precision !== 'float32' || frame.payload.length !== floats * 4)
      throw broken(from, frame, `expected ${floats} numbers of float32`);
    if (!this.#missing.has(start)) return;
    if (this.#put(frame, start, floats) !== frame.checksum) throw broken(from, frame, 'its checksum is wrong');
    this.#missing.delete(start);
    this.send(frame.round, [piece], nextOf(this.#hosts, this.#options.self, piece), frame.checksum);
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

  /** @returns the checksum of what came; undefined where the frame has none */
  #put({ payload, checksum }: SlabFrame, start: number, floats: number): number | undefined {
    const { memory, kernels, parameters } = this.#options;
    const at = parameters + start * 4;
    if (payload.buffer === memory.buffer && checksum !== undefined)
      return kernels.copyWithChecksum(at, payload.byteOffset, floats) >>> 0;
    new Uint8Array(memory.buffer, at, floats * 4).set(payload);
    if (checksum === undefined) return undefined;
    return kernels.checksum(at, floats) >>> 0;
  }
}

/** As large as frames may be. */
function piecesOf<Range extends ParameterRange>(range: Range): Range[] {
  const { from, to } = range;
  return Array.from({ length: Math.ceil((to - from) / LARGEST_SEGMENT) }, (_, i) => {
    const start = from + i * LARGEST_SEGMENT;
    return { ...range, from: start, to: Math.min(start + LARGEST_SEGMENT, to) };
  });
}

/**
 * To whom a member sends what one has updated: that one to all of its host, and to a member of each other host, which passes it on
 * to the rest. Members of a host share out that work. Who has the second copy needs nothing.
 */
function nextOf(
  all: ShardedStep['hosts'],
  self: number,
  { id: owner, second }: Pick<ParameterShare, 'id' | 'second'>,
): number[] {
  const hosts = all.map((host) => host.filter((id) => id !== second)).filter(({ length }) => length > 0);
  const home = hosts.find((host) => host.includes(owner)) ?? [];
  const rank = Math.max(0, home.indexOf(owner));
  const heads = hosts.filter((host) => host !== home).map((host) => host[rank % host.length]);
  // Everybody begins with another one.
  if (self === owner) return [...heads, ...home.slice(rank + 1), ...home.slice(0, rank)];
  if (!heads.includes(self)) return [];
  return hosts.find((host) => host.includes(self))!.filter((id) => id !== self);
}

const broken = (from: number, { segment, round, payload }: SlabFrame, why: string): WireError =>
  new WireError(
    `member ${from} sent ${payload.length} bytes of parameters from number ${segment * UNIT}, round ${round}: ${why}`,
    'it is dropped; it must run the same version of Lockstep',
  );
