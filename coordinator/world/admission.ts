/** Who may take part: whoever would give other bits is refused, and whoever comes too often has to wait. Others join the world. */
import type { NumericFingerprint } from '../../src/engine/onnx/numerics.js';
import { type LockstepError, RefusedError, WireError } from '../../src/errors.js';
import type { Reporter } from '../../src/report/events.js';
import type { Connection } from '../../src/wire/connection.js';
import type { Arrival, Visitors } from '../../src/wire/listen.js';
import type { Hello, RunEnding } from '../../src/wire/messages.js';
import type { Clock } from './clock.js';
import type { JoinLimits } from './join-limits.js';
import { RankRoll } from './rank-roll.js';
import { sayGoodbye } from './remote.js';
import { workerEvent } from './reports.js';
import type { World } from './world.js';

export interface AdmissionOptions {
  readonly world: World;
  readonly limits: JoinLimits;
  /** What this machine's arithmetic gives. */
  readonly numerics: NumericFingerprint;
  readonly allowMixedNumerics: boolean;
  /** Where the workers are ranks of a job: how many it has, with the coordinator. */
  readonly ranks?: number;
  /** Seconds without a sign of life after which a worker is given up. */
  readonly silence: number;
  readonly report: Reporter;
  readonly clock: Clock;
}

/** Milliseconds between two lines about strangers: anybody on the network can cause them. */
const strangerInterval = 1000;

/** How a warning begins of somebody whose name is not known, as it came no further. */
export const strangerTold = 'somebody could not join: ';

export class Admission implements Visitors<'hello'> {
  /** Whether somebody was admitted whose arithmetic gives other bits. */
  mixed = false;
  readonly #options: AdmissionOptions;
  /** Why nobody can take part any more. */
  #ending: RunEnding | undefined;
  readonly #roll: RankRoll | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  /** Strangers since the last line about one. */
  #untold = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { ranks, silence } = options;
    this.#roll = ranks === undefined ? undefined : new RankRoll(ranks, 2000 * silence);
  }

  /** Whoever comes from now on is let go. @param ending that they are told */
  end(ending: RunEnding): void {
    this.#ending = ending;
  }

  /** Somebody who knows the token. */
  arrived({ connection, hello, welcome }: Arrival<'hello'>): void {
    const crowded = this.#crowded(hello, connection);
    if (crowded) return void this.#putOff(connection, crowded, false);
    const { world, clock } = this.#options;
    const doubtful = this.#roll?.refusal(hello, world.workers, clock.now());
    if (doubtful && !(doubtful.error instanceof RefusedError)) {
      return void this.#putOff(connection, doubtful.error, doubtful.again);
    }
    const unfit = doubtful?.error ?? this.#unfit(hello);
    if (unfit) this.#turnAway(hello, connection, unfit);
    else this.#admit({ connection, hello, welcome });
  }

  /** Somebody who does not know the token, or went away before it was asked. */
  refused({ problem }: LockstepError): void {
    const now = this.#options.clock.now();
    if (now - this.#toldAt < strangerInterval) {
      this.#untold++;
      return;
    }
    const more = this.#untold > 0 ? ` (and ${this.#untold} before)` : '';
    [this.#toldAt, this.#untold] = [now, 0];
    this.#options.report({ event: 'warning', message: `${strangerTold}${problem}${more}` });
  }

  /** It tries again by itself. @param again whether that has been told of it before */
  #putOff(connection: Connection, { problem, remedy }: LockstepError, again: boolean): void {
    if (!again) this.refused(new WireError(`${connection.address}: ${problem}`, remedy));
    void connection.refuse(problem, remedy, false);
  }

  /** Why it has to wait. */
  #crowded({ membership }: Hello, { host }: Connection): LockstepError | undefined {
    const { world, limits, clock } = this.#options;
    if (world.known(membership)?.hasWorked) return limits.returnRefusal(membership, clock.now());
    const hosts = world.workers.map(({ connection }) => connection.host);
    return limits.refusal(host, hosts, clock.now());
  }

  /** Why it can never take part. */
  #unfit(hello: Hello): RefusedError | undefined {
    const { numerics, allowMixedNumerics } = this.#options;
    if (hello.engine !== numerics.engine) {
      return new RefusedError(
        `it has ${hello.engine}, the coordinator ${numerics.engine}: their results differ`,
        'install the same version of lockstep on both',
      );
    }
    if (hello.numerics === numerics.hash || allowMixedNumerics) return undefined;
    return new RefusedError(
      `its arithmetic gives other bits (${hello.processor}) than the coordinator's (${numerics.processor})`,
      'use machines of one kind, or start the coordinator with --allow-mixed-numerics',
    );
  }

  #turnAway({ name }: Hello, connection: Connection, { problem, remedy }: LockstepError): void {
    const { world, limits, clock, report } = this.#options;
    limits.lost(connection.host, undefined, clock.now());
    report(workerEvent({ name, connection }, 'refused', world.committed, problem));
    void connection.refuse(problem, remedy, true);
  }

  #admit({ connection, hello, welcome }: Arrival<'hello'>): void {
    const { world, numerics, silence } = this.#options;
    const place = world.place(hello);
    welcome(place.id, silence);
    // Else it would wait for a coordinator that is about to be gone.
    if (this.#ending !== undefined) return void sayGoodbye(connection, this.#ending);
    if (hello.numerics !== numerics.hash) this.#mix(hello);
    connection.watch(silence);
    world.join(hello, connection, place);
  }

  #mix({ name, processor }: Hello): void {
    this.mixed = true;
    const message = `${name} (${processor}) calculates otherwise than the coordinator: this run cannot be reproduced bit for bit`;
    this.#options.report({ event: 'warning', message });
  }
}
