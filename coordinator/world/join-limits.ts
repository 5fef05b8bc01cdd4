/** How many may join, and how often: somebody who knows the token must not fill memory and logs with workers. */
import { WireError } from '../../src/errors.js';

const mostWorkers = 1024;
const mostOfHost = 256;
/** Losses of a host's workers in a row, and milliseconds after which one of them is forgotten. */
const mostLosses = 64;
const forgetting = 1000;
/** One that has worked may come back whatever its host's others do, until it is lost so many times in a row itself. */
const mostReturns = 8;

export class JoinLimits {
  /** Losses of each host and of each membership, and when they were counted last. */
  readonly #losses = new Map<string, { count: number; at: number }>();

  /**
   * @param host of somebody who wants to join
   * @param hosts of the workers that are here
   * @returns why it has to wait, if it has to
   */
  refusal(host: string, hosts: readonly string[], now: number): WireError | undefined {
    const here = hosts.filter((other) => other === host).length;
    if (hosts.length >= mostWorkers) return tooMany(`there are ${mostWorkers} workers already`);
    if (here >= mostOfHost) return tooMany(`there are ${mostOfHost} workers of ${host} already`);
    if (this.#countOf(host, now) < mostLosses) return undefined;
    return tooMany(`too many workers of ${host} were lost or refused lately`);
  }

  /** The same for a worker that comes back. */
  returnRefusal(membership: string, now: number): WireError | undefined {
    return this.#countOf(membership, now) < mostLosses ? undefined : tooMany('it was lost too often lately');
  }

  /** A worker of this host was lost or refused. @param membership its own, if it has worked before that */
  lost(host: string, membership: string | undefined, now: number): void {
    for (const key of [...this.#losses.keys()]) if (this.#countOf(key, now) === 0) this.#losses.delete(key);
    this.#losses.set(host, { count: this.#countOf(host, now) + 1, at: now });
    if (membership === undefined) return;
    this.#losses.set(membership, { count: this.#countOf(membership, now) + mostLosses / mostReturns, at: now });
  }

  #countOf(key: string, now: number): number {
    const losses = this.#losses.get(key);
    return losses ? Math.max(0, losses.count - (now - losses.at) / forgetting) : 0;
  }
}

const tooMany = (problem: string): WireError => new WireError(problem, 'wait a little: it tries again by itself');
