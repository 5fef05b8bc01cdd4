/**
 * A line of two roads: slabs go by MPI, all else by a socket, which wakes up the other side and knows when that is gone. All
 * arrives in the order in which it was sent. Until both sides are part of one MPI job, and between processes that never are,
 * everything goes by the socket. Who called says that it is (`meet`): one that does not hears nothing of MPI.
 * MPI is only asked while slabs are on their way. Who sends the first one says so by socket (`sent`); from then on the other side looks.
 * When nothing has come for a while it says that it is tired, and looks until that has been answered by how many were sent: nothing is
 * missed, and in the middle of an exchange nothing is said by socket.
 */
import { LockstepError } from '../../errors.js';
import type { Channel, ChannelEvents, OpenChannel, Sent } from '../transport.js';
import { next, reached } from './counts.js';
import { decodeSaid, encodeSaid, type Said } from './message.js';
import type { MpiWorld, Watcher } from './mpi-world.js';
import { SlabsIn } from './slabs-in.js';
import { SlabsOut } from './slabs-out.js';

/** Milliseconds without a slab after which a side is tired, and those that slabs have to come or go when the line ends. */
const [rest, endLimit] = [0.3, 2000];

interface Road {
  readonly world: MpiWorld;
  readonly outgoing: SlabsOut;
  readonly incoming: SlabsIn;
}

export class MpiChannel implements Channel, Watcher {
  readonly #joined: Promise<MpiWorld>;
  readonly #isCaller: boolean;
  readonly #events: ChannelEvents;
  readonly #socket: Channel;
  #isAdmitted = false;
  /** Where the other side wants its slabs. */
  #theirs: Extract<Said, { kind: 'meet' }> | undefined;
  /** By which this side knows those that come to it. */
  #tag: number | undefined;
  #road: Road | undefined;
  /** Frames that went by socket and slabs that went by MPI, and how many of those the other side has been told of. */
  #frames = 0;
  #slabs = 0;
  #told = 0;
  /** Whether the other side looks for more. */
  #isAwaited = false;
  /** Frames from the socket and slabs from MPI that were passed on; slabs that are known to come. */
  #passed = 0;
  #taken = 0;
  #due = 0;
  /** Frames from the socket that come behind slabs that are not here yet, and behind how many. */
  readonly #held: { readonly frame: Buffer; readonly due: number }[] = [];
  #isLooking = false;
  #isTired = false;
  #isPaused = false;
  /** When a slab came last. */
  #last = 0;
  /** The other side has said how many slabs come before its end. */
  #isEnding = false;
  /** The socket is closed, why, and when to give up what is missing. */
  #end: { readonly problem: string; readonly deadline: number } | undefined;
  #limit: NodeJS.Timeout | undefined;
  #isOver = false;
  /** MPI failed, or what came by it is no slab. */
  #isBroken = false;

  /** @param joined this process as one of its job, once it is @param isCaller whether this side called the other */
  constructor(joined: Promise<MpiWorld>, isCaller: boolean, open: OpenChannel, events: ChannelEvents) {
    this.#joined = joined;
    this.#isCaller = isCaller;
    this.#events = events;
    this.#socket = open({
      ...events,
      frame: (frame) => this.#frame(frame),
      landed: (frame) => this.#landed(frame),
      closed: (problem) => this.#closed(problem),
    });
  }

  get host(): string {
    return this.#socket.host;
  }
  get address(): string {
    return this.#socket.address;
  }
  get rank(): number | undefined {
    return this.#road && this.#theirs?.rank;
  }

  send(frame: Uint8Array, sent: Sent): void {
    if (this.#told !== this.#slabs) this.#say({ kind: 'sent', count: this.#slabs, rests: !this.#isAwaited });
    this.#frames = next(this.#frames);
    this.#socket.send(frame, sent);
  }

  sendSlab(header: Uint8Array, payload: Uint8Array, sent: Sent): void {
    const road = this.#road;
    if (!road) {
      this.#frames = next(this.#frames);
      this.#socket.sendSlab(header, payload, sent);
      return;
    }
    if (this.#isBroken || this.#end) return;
    const behind = this.#frames;
    road.world.whenFree(() => this.#guard(() => road.outgoing.send(behind, header, payload, sent)));
    this.#slabs = next(this.#slabs);
    if (!this.#isAwaited) this.#say({ kind: 'sent', count: this.#slabs, rests: false });
    this.#isAwaited = true;
    road.world.watch(this);
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
    this.#look();
  }

  admitted(): void {
    this.#socket.admitted();
    this.#isAdmitted = true;
    if (this.#isCaller || this.#theirs) this.#greet();
  }

  close(cause: 'done' | 'violation'): void {
    if (this.#road) this.#say({ kind: 'end', count: this.#slabs });
    this.#socket.close(cause);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  poll(): 'moved' | 'waiting' | 'idle' {
    const now = performance.now();
    if (this.#isBroken) return this.#end ? this.#finish(now) : 'idle';
    let hasMoved = false;
    this.#guard(() => {
      hasMoved = this.#road!.outgoing.poll();
      if (!this.#isExpecting) return;
      if (this.#road!.incoming.poll()) hasMoved = true;
      this.#flow();
    });
    if (hasMoved) this.#last = now;
    else if (this.#isLooking && !this.#isTired && now - this.#last > rest) {
      this.#isTired = true;
      this.#say({ kind: 'tired' });
    }
    if (this.#end) return this.#finish(now);
    return this.#road!.outgoing.isDone && !this.#isExpecting ? 'idle' : hasMoved ? 'moved' : 'waiting';
  }

  /** Whether something that the other side has sent by MPI, or behind that, is not here yet. */
  get #isMissing(): boolean {
    return !reached(this.#taken, this.#due) || this.#held.length > 0;
  }

  /** Whether slabs are on their way, or may be, and may come. */
  get #isExpecting(): boolean {
    return !this.#isPaused && (this.#isLooking || !reached(this.#taken, this.#due));
  }

  #say(said: Said): void {
    if (said.kind === 'sent') this.#told = said.count;
    this.#socket.send(encodeSaid(said), () => {});
  }

  #frame(frame: Buffer): void {
    const said = decodeSaid(frame);
    if (said) this.#hear(said);
    else if (!this.#isMissing) this.#pass(frame);
    else this.#held.push({ frame, due: this.#due });
  }

  #landed(frame: Uint8Array): void {
    if (this.#isMissing) return void this.#frame(Buffer.from(frame));
    this.#passed = next(this.#passed);
    this.#events.landed(frame);
    this.#flow();
  }

  #hear(said: Said): void {
    switch (said.kind) {
      case 'meet':
        this.#theirs ??= said;
        if (this.#isAdmitted) this.#greet();
        break;
      case 'sent':
        this.#due = said.count;
        this.#isLooking = !said.rests;
        this.#isTired = false;
        this.#last = performance.now();
        this.#look();
        break;
      case 'end':
        this.#due = said.count;
        this.#isLooking = false;
        this.#isEnding = true;
        this.#look();
        break;
      case 'tired':
        this.#isAwaited = false;
        this.#say({ kind: 'sent', count: this.#slabs, rests: true });
        break;
    }
  }

  /** Says where this side wants slabs. Where the other side has done so they go by MPI from here on, if it is of this job. */
  #greet(): void {
    this.#joined.then(
      (world) => {
        if (this.#tag === undefined) {
          this.#tag = world.takeTag();
          this.#say({ kind: 'meet', rank: world.rank, tag: this.#tag, job: world.job });
        }
        const { rank, tag, job } = this.#theirs ?? {};
        if (this.#road || rank === undefined || tag === undefined || !job) return;
        if (!Buffer.from(world.job).equals(job) || rank >= world.size) return;
        world.whenFree(() => this.#guard(() => this.#open(world, rank, tag)));
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #open(world: MpiWorld, rank: number, tag: number): void {
    const incoming = new SlabsIn(world, rank, this.#tag!, () => this.#events.landing());
    this.#road = { world, incoming, outgoing: new SlabsOut(world, rank, tag) };
    this.#look(); // The other side may have said already that slabs come.
  }

  #look(): void {
    if (!this.#isOver && !this.#isBroken) this.#road?.world.watch(this);
  }

  /** Passes on what is here, in order. */
  #flow(): void {
    for (let moves = true; moves && !this.#isOver && !this.#isPaused; ) {
      moves = false;
      while (this.#held.length > 0 && reached(this.#taken, this.#held[0].due)) {
        this.#pass(this.#held.shift()!.frame);
        moves = true;
      }
      const first = this.#road?.incoming.first;
      if (!first || !reached(this.#passed, first.behind)) continue;
      moves = true;
      this.#events.arrived(first.frame.length);
      if (first.isLanded) this.#events.landed(first.frame);
      else this.#events.frame(first.frame as Buffer);
      this.#taken = next(this.#taken);
      this.#road!.incoming.drop();
    }
  }

  #pass(frame: Buffer): void {
    this.#passed = next(this.#passed);
    this.#events.frame(frame);
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof LockstepError)) throw error;
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#events.failed(error.problem);
    this.#socket.terminate();
  }

  #closed(problem: string): void {
    // Slabs that the other side has sent before it closed the line are here soon; of one that is lost none may come.
    if (!this.#road || !this.#isEnding || !this.#isMissing) this.#over(problem);
    // Nobody looks for them while a thread waits inside of MPI, which may be for ever.
    else this.#limit = setTimeout(() => this.#over(problem), endLimit);
    this.#end = { problem, deadline: performance.now() + endLimit };
    this.#road?.world.watch(this);
  }

  #finish(now: number): 'waiting' | 'idle' {
    const { problem, deadline } = this.#end!;
    if (!this.#isOver && this.#isMissing && !this.#isBroken && now < deadline) return 'waiting';
    if (!this.#isOver) this.#over(problem);
    let isFree = true;
    this.#guard(() => {
      isFree = this.#road!.incoming.close() && this.#road!.outgoing.isDone;
    });
    return isFree || now >= deadline ? 'idle' : 'waiting';
  }

  #over(problem: string): void {
    this.#isOver = true;
    clearTimeout(this.#limit);
    this.#events.closed(problem);
  }
}
