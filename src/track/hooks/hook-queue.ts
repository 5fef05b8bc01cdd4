/** Programs and URLs that are told what happens to a run: one after another, beside it, and each for a limited time. */
import { basename, resolve } from 'node:path';
import { printable } from '../../ground/printable.js';
import { plural } from '../../ground/units.js';
import type { RunEvent } from '../../report/events.js';
import { jsonLine } from '../../report/json.js';
import type { Tracker } from '../tracker.js';
import type { HookCall, HookName, Hooks } from './hook-call.js';
import { postTo } from './hook-post.js';
import { callCommand } from './hook-program.js';

/** Calls that wait, beyond which more are left out. */
const mostWaiting = 32;
/** Milliseconds between two calls for a best epoch: short epochs may each be the best, and to start a process takes from the run. */
const bestInterval = 5000;

/** @param warn told of a hook that failed: the run goes on */
export function hooksTracker(hooks: Hooks, folder: string, warn: (message: string) => void): Tracker {
  const queue = new HookQueue(hooks, folder, warn);
  const report = (event: RunEvent) => {
    if (event.event === 'end') queue.add('end', event);
    else if (event.event === 'epoch' && event.best) queue.add('best', event);
    else if (event.event === 'worker' && event.change === 'lost') queue.add('workerLost', event);
    else if (event.event === 'error' && event.code === 'LOCKSTEP_DIVERGED') queue.add('divergence', event);
  };
  return { report, close: () => queue.close() };
}

class HookQueue {
  readonly #hooks: Hooks;
  readonly #folder: string;
  readonly #warn: (message: string) => void;
  #waiting: { readonly name: HookName; readonly event: RunEvent }[] = [];
  #leftOut = 0;
  /** The newest best epoch that is not to be told yet, and when it is. */
  #best: RunEvent | undefined;
  #bestTimer: NodeJS.Timeout | undefined;
  #nextBest = 0;
  /** The calls that are made now, one after another. */
  #working: Promise<void> | undefined;
  /** When no more are begun. */
  #deadline = Number.POSITIVE_INFINITY;

  constructor(hooks: Hooks, folder: string, warn: (message: string) => void) {
    this.#hooks = hooks;
    this.#folder = folder;
    this.#warn = warn;
  }

  add(name: HookName, event: RunEvent): void {
    if (this.#hooks[name] === undefined) return;
    if (name === 'best') {
      this.#best = event;
      const left = Math.max(0, this.#nextBest - performance.now());
      this.#bestTimer ??= setTimeout(() => this.#releaseBest(), left).unref();
      return;
    }
    // What comes last is told last.
    if (name !== 'workerLost') this.#releaseBest();
    this.#push(name, event);
  }

  #releaseBest(): void {
    clearTimeout(this.#bestTimer);
    this.#bestTimer = undefined;
    if (!this.#best) return;
    this.#nextBest = performance.now() + bestInterval;
    // Of models that were the best while it waited, the last is.
    this.#waiting = this.#waiting.filter((call) => call.name !== 'best');
    this.#push('best', this.#best);
    this.#best = undefined;
  }

  #push(name: HookName, event: RunEvent): void {
    if (this.#waiting.length >= mostWaiting) this.#leftOut++;
    else this.#waiting.push({ name, event });
    this.#working ??= this.#work();
  }

  /** What has begun to wait may take the time of one call, and what tells of the end its own. */
  async close(): Promise<void> {
    this.#deadline = performance.now() + this.#hooks.timeout * 1000;
    this.#releaseBest();
    await this.#working;
    if (this.#leftOut > 0)
      this.#warn(`track.hooks: ${plural(this.#leftOut, 'call')} left out, as others took too long`);
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const left = this.#timeFor(next.name);
      if (left > 0) await this.#call(next.name, next.event, left);
      else this.#leftOut++;
    }
    this.#working = undefined;
  }

  /** Milliseconds: others that hang do not keep anybody from being told of the end. */
  #timeFor(name: HookName): number {
    const most = this.#hooks.timeout * 1000;
    return name === 'end' || name === 'divergence' ? most : Math.min(most, this.#deadline - performance.now());
  }

  /** @param left milliseconds that it may take */
  async #call(name: HookName, event: RunEvent, left: number): Promise<void> {
    const target = this.#hooks[name]!;
    const folder = resolve(this.#folder);
    const json = jsonLine({ hook: name, run: basename(folder), folder, ...event });
    const signal = AbortSignal.timeout(Math.ceil(left));
    try {
      const call: HookCall = { name, folder, json, signal };
      await (/^https?:\/\//i.test(target) ? postTo(target, call) : callCommand(target, call));
    } catch (error) {
      const reason = signal.aborted ? `it took more than ${(left / 1000).toFixed(0)} s` : (error as Error).message;
      this.#warn(`track.hooks.${name}: ${printable(reason)}; the run is not touched by it`);
    }
  }
}
