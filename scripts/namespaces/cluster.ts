/** A coordinator on the first host of a network and a worker on each of the others. */
import { join } from 'node:path';
import type { EndEvent, RunEvent } from '../../src/report/events.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import type { WatchedProgram } from '../programs/watched-program.js';
import type { Network } from './network.js';
import { startOn } from './program.js';

export interface ClusterOptions {
  readonly network: Network;
  /** Path of the run's config, and values that replace some of it, such as `training.epochs=1`. */
  readonly config: string;
  readonly set: readonly string[];
  /** Hosts with workers. */
  readonly workers: number;
  /** Workers on each of them; default 1. */
  readonly processes?: number;
  /** Workers without which no step begins. */
  readonly minimum: number;
  /** For runs and caches. */
  readonly folder: string;
}

const token = 'hosts-that-are-apart';

export class Cluster {
  readonly coordinator: WatchedProgram<RunEvent>;
  readonly workers: WatchedProgram<WorkerProgramEvent>[] = [];
  readonly #options: ClusterOptions;

  /** Name of a worker on a host: the first one, unless `process` says another. */
  static nameOf(host: number, process = 1): string {
    return process === 1 ? `host${host}` : `host${host}-${process}`;
  }

  /** Starts the coordinator, which does not compute itself. */
  constructor(options: ClusterOptions) {
    const { network, config, set, minimum, folder } = options;
    this.#options = options;
    const values = ['training.logEvery=1', ...set].flatMap((value) => ['--set', value]);
    const place = ['--host', network.addresses[0], '--port', '0', '--token', token];
    const crew = ['--threads', '0', '--min-workers', String(minimum)];
    this.coordinator = startOn(network, 0, ['coordinator', config, ...place, ...crew, ...values], folder);
  }

  /** Starts the workers. @throws Error when the coordinator ends before it listens */
  async start(): Promise<void> {
    const { network, workers, processes = 1, folder } = this.#options;
    const { url } = await this.coordinator.until('listening');
    for (let host = 1; host <= workers; host++) {
      for (let process = 1; process <= processes; process++) {
        const name = Cluster.nameOf(host, process);
        const cache = ['--cache', join(folder, `cache-${name}`)];
        const args = ['worker', url, '--token', token, '--threads', '1', '--name', name, ...cache];
        this.workers.push(startOn<WorkerProgramEvent>(network, host, args, folder));
      }
    }
  }

  /** When something happened to the worker of a host, for the first time after a time. */
  changed(host: number, change: 'active' | 'lost' | 'returned', after = 0) {
    return this.coordinator.until(
      'worker',
      (event) => event.at > after && event.change === change && event.name === Cluster.nameOf(host),
    );
  }

  /** When so many steps more are done after a time. */
  async steps(count: number, after: number) {
    const { step } = await this.coordinator.until('step', ({ at }) => at > after);
    return this.coordinator.until('step', (event) => event.at > after && event.step >= step + count - 1);
  }

  /** The end of the run. @throws Error when it did not end well */
  async end(): Promise<EndEvent> {
    const end = await this.coordinator.until('end');
    await Promise.all([this.coordinator, ...this.workers].map(({ ended }) => ended));
    return end;
  }

  async close(): Promise<void> {
    await Promise.all([this.coordinator, ...this.workers].map((program) => program.kill()));
  }
}
