/** The phases of a run up to its steps, told as they begin. */
import type { Reporter, RunEvent, RunPhase } from './events.js';

/** In the order in which they come. */
const order: readonly RunPhase[] = ['reading', 'compiling', 'warmingUp', 'training'];

/** As a line says what goes on. */
export const phaseText: Readonly<Record<RunPhase, string>> = {
  reading: 'reading data',
  compiling: 'compiling',
  warmingUp: 'warming up',
  training: 'training',
};

/** Whether what a run was busy with is done, though no other phase begins: workers may be waited for, or nothing comes at all. */
export const endsPhase = ({ event }: RunEvent): boolean => event === 'start' || event === 'end' || event === 'error';

export class RunPhases {
  readonly #report: Reporter;
  readonly #start = performance.now();
  readonly #begun = new Map<RunPhase, number>();

  constructor(report: Reporter) {
    this.#report = report;
  }

  /** Tells that a phase begins, unless it or a later one has begun: each comes once. */
  begin(phase: RunPhase): void {
    if (order.slice(order.indexOf(phase)).some((later) => this.#begun.has(later))) return;
    const seconds = this.#seconds;
    this.#begun.set(phase, seconds);
    this.#report({ event: 'phase', phase, seconds });
  }

  /** Whether the first step of this process is done: those that follow are all alike. */
  get isTraining(): boolean {
    return this.#begun.has('training');
  }

  /** Seconds that reading and compiling took, the latter until now. */
  prepared(): { reading: number; compiling: number } {
    const { reading = 0, compiling = 0 } = Object.fromEntries(this.#begun);
    return { reading: compiling - reading, compiling: this.#seconds - compiling };
  }

  get #seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }
}
