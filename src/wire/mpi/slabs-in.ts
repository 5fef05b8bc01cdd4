/** Slabs that come from another process of the job: two at a time, so that one is on its way while another is added up. */
import { WireError } from '../../errors.js';
import type { Landing } from '../../reduce/landings.js';
import { SLAB_HEADER } from '../../reduce/slab-frame.js';
import { largestSlab } from '../frame.js';
import { type Announced, announced, largestAnnouncement, smallPayload, wholeFrame } from './message.js';
import type { MpiWorld } from './mpi-world.js';

/** Slabs that are here or on their way at once. */
const most = 2;
/** Where a payload starts in its part of a landing: kernels like that. */
const alignment = 64;

/** A slab that is here, or on its way. */
interface SlabUnderWay {
  /** Frames by socket that come first. */
  readonly behind: number;
  readonly frame: Uint8Array;
  /** Of its payload; undefined once it is here. */
  request: { readonly memory: BigUint64Array; readonly at: bigint } | undefined;
  /** Which part of the landing it is in. */
  readonly part: number | undefined;
}

/** A slab that is here. */
export interface Arrived {
  readonly behind: number;
  readonly frame: Uint8Array;
  /** Whether its bytes are overwritten once it has been taken. */
  readonly isLanded: boolean;
}

export class SlabsIn {
  readonly #world: MpiWorld;
  readonly #rank: number;
  readonly #tag: number;
  readonly #find: () => Landing | undefined;
  readonly #announcement = Buffer.from(new SharedArrayBuffer(largestAnnouncement));
  readonly #request = new BigUint64Array(new SharedArrayBuffer(8));
  readonly #announcementAt: bigint;
  readonly #requestAt: bigint;
  /** What has been announced, and finds no room yet. */
  #next: Announced | undefined;
  #isAsked = false;
  readonly #arriving: SlabUnderWay[] = [];
  #landing: Landing | undefined;

  /**
   * @param tag of messages for this line
   * @param find asked for a landing as long as there is none
   */
  constructor(world: MpiWorld, rank: number, tag: number, find: () => Landing | undefined) {
    this.#world = world;
    this.#rank = rank;
    this.#tag = tag;
    this.#find = find;
    this.#announcementAt = world.library.address(this.#announcement);
    this.#requestAt = world.library.address(this.#request);
    this.#ask();
  }

  /** The next slab, if it is here. */
  get first(): Arrived | undefined {
    const [first] = this.#arriving;
    return first && !first.request ? { ...first, isLanded: first.part !== undefined } : undefined;
  }

  /** It has been dealt with. */
  drop(): void {
    this.#arriving.shift();
  }

  /** @returns whether something has come. @throws WireError when nothing more will */
  poll(): boolean {
    let hasCome = false;
    for (;;) {
      if (this.#isAsked && this.#isHere(this.#requestAt)) {
        this.#isAsked = false;
        this.#next = announced(this.#announcement);
        hasCome = true;
      }
      if (!this.#next || this.#arriving.length === most) break;
      this.#arriving.push(this.#receive(this.#next));
      this.#next = undefined;
      this.#ask();
    }
    const [first] = this.#arriving;
    if (first?.request && this.#isHere(first.request.at)) {
      first.request = undefined;
      hasCome = true;
    }
    return hasCome;
  }

  /** Takes nothing more. @returns whether its memory is free: not while MPI may still write there */
  close(): boolean {
    const { library } = this.#world;
    if (this.#isAsked) {
      library.call('MPI_Cancel', this.#requestAt);
      library.call('MPI_Request_free', this.#requestAt);
      this.#isAsked = false;
    }
    this.#next = undefined;
    const underWay = this.#arriving.filter(({ request }) => request && !this.#isHere(request.at));
    this.#arriving.splice(0, this.#arriving.length, ...underWay);
    if (underWay.length > 0) return false;
    this.#landing?.release();
    this.#landing = undefined;
    return true;
  }

  #receive({ behind, header, payload }: Announced): SlabUnderWay {
    if (payload > largestSlab - SLAB_HEADER) {
      throw new WireError(`a slab of ${payload} bytes was announced by MPI`, 'run the same version on both sides');
    }
    if (payload <= smallPayload) {
      return {
        behind,
        frame: Buffer.from(wholeFrame(this.#announcement, payload)),
        request: undefined,
        part: undefined,
      };
    }
    this.#landing ??= this.#find();
    const part = this.#landing && this.#freePart();
    const frame = part === undefined ? Buffer.allocUnsafeSlow(SLAB_HEADER + payload) : this.#inPart(part, payload);
    frame.set(header);
    const memory = new BigUint64Array(new SharedArrayBuffer(8));
    const request = { memory, at: this.#world.library.address(memory) };
    this.#post(this.#world.library.address(frame.subarray(SLAB_HEADER)), payload, request.at);
    return { behind, frame, request, part };
  }

  #freePart(): number {
    return this.#arriving.some(({ part }) => part === 0) ? 1 : 0;
  }

  #inPart(part: number, payload: number): Uint8Array {
    const { bytes } = this.#landing!;
    const start = part * Math.floor(bytes.length / most / alignment) * alignment + alignment - SLAB_HEADER;
    return bytes.subarray(start, start + SLAB_HEADER + payload);
  }

  #ask(): void {
    this.#post(this.#announcementAt, this.#announcement.length, this.#requestAt);
    this.#isAsked = true;
  }

  #post(at: bigint, bytes: number, request: bigint): void {
    const { library } = this.#world;
    library.call('MPI_Irecv', at, bytes, library.byte, this.#rank, this.#tag, library.world, request);
  }

  #isHere(request: bigint): boolean {
    return this.#world.library.test(request);
  }
}
