/** What a run could not write: said once when it happens, and at the end of the run where it is still missing. */
import { LockstepError, RunLostError, UnwrittenError } from '../errors.js';
import type { Reporter } from './events.js';

export class Unwritten {
  readonly #report: Reporter;
  readonly #told = new Set<string>();
  /** Reasons by path. */
  readonly #missing = new Map<string, string>();

  constructor(report: Reporter) {
    this.#report = report;
  }

  /**
   * A write has failed that the run can do without.
   * @param consequence what becomes of it
   * @throws RunLostError when that is why: the run must not go on
   */
  failed(path: string, error: unknown, consequence = 'the run goes on'): void {
    if (error instanceof RunLostError) throw error;
    const problem = error instanceof LockstepError ? error.problem : `${path}: cannot be written (${messageOf(error)})`;
    this.#missing.set(path, problem);
    if (this.#told.has(path)) return;
    this.#told.add(path);
    this.#report({ event: 'warning', message: `${problem}; ${consequence}` });
  }

  /** It could be written after all. */
  written(path: string): void {
    this.#missing.delete(path);
  }

  has(path: string): boolean {
    return this.#missing.has(path);
  }

  /** @param remedy what to do about it. @throws UnwrittenError when something is missing */
  raise(remedy: (missing: ReadonlySet<string>) => string): void {
    if (this.#missing.size === 0) return;
    const problems = [...this.#missing.values()].join('; ');
    throw new UnwrittenError(`the run has ended, but ${problems}`, remedy(new Set(this.#missing.keys())));
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
