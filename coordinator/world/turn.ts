/** Between two steps: who wants to leave does, who cannot keep up is left behind, and who is ready gets the parameters. */
import { type LockstepError, WireError } from '../../src/errors.js';
import type { Clock } from './clock.js';
import type { Provision } from './provision.js';
import type { RemoteWorker } from './remote.js';

export interface TurnOptions {
  readonly provision: Pick<Provision, 'sync'>;
  readonly clock: Clock;
  /** Seconds that a worker that was left behind may take to read what it was sent. */
  readonly grace: number;
  /** Bytes of the gradient slab. */
  readonly bytes: number;
}

/** What a turn needs of the world. */
export interface Turning {
  readonly workers: readonly RemoteWorker[];
  /** Steps that are committed. */
  readonly committed: number;
  /** Resolves when the coordinator's parameters hold the last of them. @throws StateLostError when nobody's do */
  reach(): Promise<void>;
  /** Lets a worker go. */
  dismiss(worker: RemoteWorker): void;
  leaveBehind(worker: RemoteWorker): void;
  drop(worker: RemoteWorker, error: LockstepError): void;
}

/** Bytes that may wait to be sent to a worker: so many, or so many gradients. */
const [mostBacklog, mostGradients] = [64e6, 6];

/** @throws StateLostError when nobody has the parameters of the last step any more */
export async function takeTurn(world: Turning, options: TurnOptions): Promise<void> {
  // Who leaves may be the only one who has the parameters.
  if (world.workers.some(({ standing }) => standing.state === 'draining')) await world.reach();
  for (const worker of world.workers) look(worker, world, options);
  // Half of an update must not be sent.
  if (world.workers.some(isReady)) await world.reach();
  for (const worker of world.workers.filter(isReady)) {
    const round = world.committed - 1;
    worker.standing.sync(round);
    options.provision.sync(worker, round).catch((error: LockstepError) => world.drop(worker, error));
  }
}

const isReady = ({ standing }: RemoteWorker): boolean => standing.state === 'ready';

function look(worker: RemoteWorker, world: Turning, { clock, grace, bytes }: TurnOptions): void {
  const { standing, backlog } = worker;
  if (standing.state === 'draining') world.dismiss(worker);
  if (standing.lags(backlog > Math.max(mostBacklog, mostGradients * bytes))) world.leaveBehind(worker);
  // Nobody may make the coordinator keep what is not read.
  if (backlog > 0 && standing.behindFor(clock.now()) > grace * 1000) {
    world.drop(worker, new WireError('it does not read what it is sent', 'it can join again'));
  }
  if (standing.hasCaughtUp) standing.catchUp();
}
