/** What reports say of workers. */
import { grouped } from '../../src/ground/units.js';
import type { Worker } from '../../src/pool/round-worker.js';
import type { WarningEvent } from '../../src/report/events.js';
import type { WorkerEvent, WorkerInfo } from '../../src/report/world-events.js';
import type { PeerLost } from '../../src/wire/messages.js';
import type { Pace } from './pace.js';
import type { RemoteWorker } from './remote.js';
import type { WorkerTotals } from './worker-totals.js';

/** Characters of a reason: workers choose what stands there. */
const longestReason = 500;

/** @param step steps committed by then */
export function workerEvent(
  { name, connection: { address } }: { readonly name: string; readonly connection: { readonly address: string } },
  change: WorkerEvent['change'],
  step: number,
  reason: string | null,
): WorkerEvent {
  return { event: 'worker', change, name, address, step, reason: reason && line(reason) };
}

/** One line, not too long: what a worker says of itself must not look like the coordinator's own words. */
function line(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length > longestReason ? `${flat.slice(0, longestReason)}...` : flat;
}

export function cutOffWarning({ name }: Worker, peer: Worker, { round, reason }: PeerLost): WarningEvent {
  const problem = `${name} has lost its link to ${peer.name} at step ${grouped(round + 1)} (${reason})`;
  return { event: 'warning', message: `${problem}: their sums go through the coordinator meanwhile` };
}

/** Everybody who takes part: the coordinator too, if it computes. */
export function workerInfos(
  self: Worker,
  remotes: readonly RemoteWorker[],
  pace: Pace,
  totals: WorkerTotals,
): WorkerInfo[] {
  const { id, name, threads } = self;
  const own: WorkerInfo = {
    id,
    name,
    address: 'here',
    threads,
    state: 'active',
    examplesPerSecond: pace.examplesPerSecond(self),
    share: totals.share(name),
    roundTrip: null,
    optimizerBytes: totals.optimizerBytes(name),
  };
  const others = remotes.map((worker) => ({
    id: worker.id,
    name: worker.name,
    address: worker.connection.address,
    threads: worker.threads,
    state: worker.standing.state,
    examplesPerSecond: pace.examplesPerSecond(worker),
    share: totals.share(worker.name),
    roundTrip: worker.connection.roundTrip ?? null,
    optimizerBytes: totals.optimizerBytes(worker.name),
  }));
  return threads > 0 ? [own, ...others] : others;
}
