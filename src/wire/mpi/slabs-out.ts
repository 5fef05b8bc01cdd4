/** Slabs on their way to another process of the job. */
import type { Sent } from '../transport.js';
import { announce, largestAnnouncement, smallPayload } from './message.js';
import type { MpiWorld } from './mpi-world.js';

/** A slab that is being sent; used again when it is through. */
interface Parcel {
  readonly announcement: Buffer;
  readonly requests: BigUint64Array;
  /** Where those two are. */
  readonly announcementAt: bigint;
  readonly requestsAt: bigint;
  count: 1 | 2;
  /** Kept from being collected. */
  payload: Uint8Array | undefined;
  sent: Sent;
}

const nothing = () => {};

export class SlabsOut {
  readonly #world: MpiWorld;
  readonly #rank: number;
  readonly #tag: number;
  readonly #pending: Parcel[] = [];
  readonly #spare: Parcel[] = [];

  /** @param tag that the other side has chosen */
  constructor(world: MpiWorld, rank: number, tag: number) {
    this.#world = world;
    this.#rank = rank;
    this.#tag = tag;
  }

  /** Whether nothing is under way. */
  get isDone(): boolean {
    return this.#pending.length === 0;
  }

  /** @param behind frames by socket that the other side is to take before it. @throws WireError when MPI refuses */
  send(behind: number, header: Uint8Array, payload: Uint8Array, sent: Sent): void {
    const parcel = this.#spare.pop() ?? this.#make();
    const isSmall = payload.length <= smallPayload;
    const length = announce(parcel.announcement, behind, header, payload);
    this.#send(parcel.announcementAt, length, parcel.requestsAt);
    if (!isSmall) {
      const { library } = this.#world;
      this.#send(library.address(payload), payload.length, parcel.requestsAt + BigInt(library.requestBytes));
    }
    Object.assign(parcel, { count: isSmall ? 1 : 2, payload, sent });
    this.#pending.push(parcel);
  }

  /** @returns whether something is through. @throws WireError when it is lost */
  poll(): boolean {
    const before = this.#pending.length;
    while (this.#pending.length > 0 && this.#isThrough(this.#pending[0])) {
      const parcel = this.#pending.shift()!;
      const { sent } = parcel;
      Object.assign(parcel, { payload: undefined, sent: nothing });
      this.#spare.push(parcel);
      sent();
    }
    return this.#pending.length < before;
  }

  #isThrough({ count, requestsAt }: Parcel): boolean {
    return this.#world.library.testAll(count, requestsAt);
  }

  #send(at: bigint, length: number, request: bigint): void {
    const { library } = this.#world;
    library.call('MPI_Isend', at, length, library.byte, this.#rank, this.#tag, library.world, request);
  }

  #make(): Parcel {
    const { library } = this.#world;
    const announcement = Buffer.from(new SharedArrayBuffer(largestAnnouncement));
    const requests = new BigUint64Array(new SharedArrayBuffer(16));
    return {
      announcement,
      requests,
      announcementAt: library.address(announcement),
      requestsAt: library.address(requests),
      count: 1,
      payload: undefined,
      sent: nothing,
    };
  }
}
