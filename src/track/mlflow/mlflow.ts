/** A run for MLflow's tracking server: sent beside the run, which neither waits for it nor fails by it. */
import { printable } from '../../ground/printable.js';
import { commandLine } from '../../ground/shell-words.js';
import type { RunEvent } from '../../report/events.js';
import type { Tracker } from '../tracker.js';
import { MlflowSender, type MlflowStatus, type MlflowTarget, type SentRun } from './mlflow-sender.js';

/** Milliseconds between two sendings; after a failed one twice as many, and so on to the most. */
const interval = 5000;
const longestInterval = 60_000;
/** Milliseconds that the end of a run waits for what is left to be sent. */
const atEnd = 60_000;

/**
 * @param warn told once of a server that cannot be reached, and at the end where something is missing there
 * @throws ConfigError where the record of what was sent cannot be read
 */
export function mlflowTracker(target: MlflowTarget, run: SentRun, warn: (message: string) => void): Tracker {
  const sender = new MlflowSender(target, run);
  sender.reopen();
  const courier = new Courier(sender, target, run, warn);
  return {
    report: (event) => courier.report(event),
    close: () => courier.close(),
  };
}

class Courier {
  readonly #sender: MlflowSender;
  readonly #target: MlflowTarget;
  readonly #run: SentRun;
  readonly #warn: (message: string) => void;
  readonly #abort = new AbortController();
  #status: MlflowStatus = 'KILLED';
  #wait = interval;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #isTold = false;
  #hasBegun = false;

  constructor(sender: MlflowSender, target: MlflowTarget, run: SentRun, warn: (message: string) => void) {
    this.#sender = sender;
    this.#target = target;
    this.#run = run;
    this.#warn = warn;
  }

  report(event: RunEvent): void {
    if (event.event === 'error') this.#status = 'FAILED';
    if (event.event === 'end') this.#status = event.interrupted ? 'KILLED' : 'FINISHED';
    // Progress comes after every step, and would have a timer each.
    if (event.event === 'step' || event.event === 'epoch' || event.event === 'start') this.#soon();
  }

  /** Sends what is left, within a limited time. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const timer = setTimeout(() => this.#abort.abort(), atEnd);
    try {
      await this.#sending;
      await this.#send();
      await this.#sender.finish(this.#status, this.#status === 'FINISHED', this.#abort.signal);
    } catch (error) {
      this.#say(error, `${commandLine(['track', this.#run.folder])} sends what is missing there`);
    } finally {
      clearTimeout(timer);
    }
  }

  #soon(): void {
    if (this.#timer || this.#sending) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#try().finally(() => {
        this.#sending = undefined;
      });
    }, this.#wait);
    this.#timer.unref();
  }

  async #try(): Promise<void> {
    try {
      await this.#send();
      this.#wait = interval;
    } catch (error) {
      this.#wait = Math.min(2 * this.#wait, longestInterval);
      if (!this.#isTold) this.#say(error, 'the run goes on, and what is missing there is sent later');
      this.#isTold = true;
    }
  }

  async #send(): Promise<void> {
    const { signal } = this.#abort;
    await this.#sender.send(signal);
    // One that is taken up again had ended.
    if (!this.#hasBegun) await this.#sender.finish('RUNNING', false, signal);
    this.#hasBegun = true;
  }

  #say(error: unknown, consequence: string): void {
    this.#warn(`track.mlflow: ${this.#target.uri}: ${printable((error as Error).message)}; ${consequence}`);
  }
}
