/**
 * Progress of a run in the status of the TrainJob that it belongs to. Kubeflow Trainer sets the variables where its feature gate
 * TrainJobRuntimeStatus is on; address, token and body are those of the callback in Hugging Face's transformers 5 (KubeflowCallback).
 */
import { readFileSync } from 'node:fs';
import type { EndEvent, EpochEvent, ProgressEvent, RunEvent } from '../../report/events.js';
import type { Tracker } from '../tracker.js';
import { postStatus } from './post-status.js';

/** Milliseconds between two reports at least, and that one may take. */
const [interval, patience] = [5000, 5000];

/** What goes with the token to the controller of TrainJobs. */
export interface TrainerStatus {
  readonly lastUpdatedTime: string;
  readonly progressPercentage?: number;
  readonly estimatedRemainingSeconds?: number;
  readonly metrics?: readonly { readonly name: string; readonly value: string }[];
}

/** Where it is to be reported; undefined where this is no such job. */
export interface KubeflowServer {
  readonly url: string;
  /** Files in PEM, and of the token, which is changed from time to time. */
  readonly ca: string | undefined;
  readonly token: string | undefined;
}

export function kubeflowServer(environment: NodeJS.ProcessEnv): KubeflowServer | undefined {
  const { KUBEFLOW_TRAINER_SERVER_URL: url } = environment;
  if (!url) return undefined;
  return {
    url,
    ca: environment.KUBEFLOW_TRAINER_SERVER_CA_CERT || undefined,
    token: environment.KUBEFLOW_TRAINER_SERVER_TOKEN || undefined,
  };
}

/** @param warn told once that reports do not arrive: the run goes on */
export function kubeflowTracker(server: KubeflowServer, warn: (message: string) => void): Tracker {
  const status = new JobStatus(server, warn);
  return { report: (event) => status.take(event), close: () => status.close() };
}

class JobStatus {
  readonly #server: KubeflowServer;
  readonly #warn: (message: string) => void;
  readonly #metrics = new Map<string, number>();
  /** When the first step was seen, and how many were done then. */
  #first: { readonly at: number; readonly done: number } | undefined;
  #sent = Number.NEGATIVE_INFINITY;
  #sending: Promise<void> = Promise.resolve();
  #isBusy = false;
  #isWarned = false;

  constructor(server: KubeflowServer, warn: (message: string) => void) {
    this.#server = server;
    this.#warn = warn;
  }

  take(event: RunEvent): void {
    if (event.event === 'start') {
      this.#metrics.set('total_steps', event.steps);
      this.#send({ progressPercentage: 0 });
    } else if (event.event === 'progress') this.#progress(event);
    else if (event.event === 'epoch') this.#epoch(event);
    else if (event.event === 'end') this.#end(event);
  }

  /** What is on its way is waited for, as long as one report may take. */
  close(): Promise<void> {
    return this.#sending;
  }

  #progress({ epoch, epochs, step, steps, loss }: ProgressEvent): void {
    const [done, all] = [(epoch - 1) * steps + step, epochs * steps];
    this.#metrics.set('loss', loss).set('current_step', done).set('current_epoch', epoch);
    const now = performance.now();
    this.#first ??= { at: now, done };
    if (this.#isBusy || now - this.#sent < interval) return;
    const each = (now - this.#first.at) / 1000 / (done - this.#first.done);
    this.#send({
      // All of it is done only when the end is.
      progressPercentage: Math.min(99, Math.floor((100 * done) / all)),
      ...(Number.isFinite(each) && { estimatedRemainingSeconds: Math.round(each * (all - done)) }),
    });
  }

  #epoch({ loss, validation }: EpochEvent): void {
    this.#metrics.set('loss', loss);
    for (const [name, value] of Object.entries(validation ?? {})) this.#metrics.set(`validation_${name}`, value);
  }

  #end({ interrupted }: EndEvent): void {
    if (!interrupted) this.#send({ progressPercentage: 100, estimatedRemainingSeconds: 0 });
  }

  #send(about: Omit<TrainerStatus, 'lastUpdatedTime' | 'metrics'>): void {
    this.#sent = performance.now();
    this.#isBusy = true;
    const metrics = [...this.#metrics].map(([name, value]) => ({ name, value: String(value) }));
    const trainerStatus = { lastUpdatedTime: new Date().toISOString(), ...about, metrics };
    this.#sending = this.#sending
      .then(() => this.#post(trainerStatus))
      .catch((error: Error) => this.#fail(error))
      .finally(() => {
        this.#isBusy = false;
      });
  }

  async #post(trainerStatus: TrainerStatus): Promise<void> {
    const { url, ca, token } = this.#server;
    if (token === undefined) throw new Error('KUBEFLOW_TRAINER_SERVER_TOKEN names no file');
    const secret = readFileSync(token, 'utf8').trim();
    const trusted = ca === undefined ? undefined : readFileSync(ca, 'utf8');
    await postStatus(url, { trainerStatus }, secret, trusted, patience);
  }

  #fail(error: Error): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    this.#warn(`Kubeflow is not told how the run goes: ${this.#server.url}: ${error.message}`);
  }
}
