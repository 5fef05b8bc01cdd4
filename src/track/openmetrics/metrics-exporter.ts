/** A run as OpenMetrics: gauges and counters, fed with its events, printed when somebody asks. */
import { basename } from 'node:path';
import type { Counter, Gauge, OpenMetricsContentType, Registry } from 'prom-client';
import type { EpochEvent, ProgressEvent, RunEvent, StartEvent, Throughput } from '../../report/events.js';
import type { WorkerEvent, WorldEvent } from '../../report/world-events.js';

/** What prom-client gives; it is loaded late, as few runs are watched so. */
export type PromClient = Pick<typeof import('prom-client'), 'Counter' | 'Gauge' | 'Registry'>;

type OpenRegistry = Registry<OpenMetricsContentType>;

/** The constructor's declaration has no parameters. */
function openRegistry(client: PromClient): OpenRegistry {
  const registry = new client.Registry() as Registry<never>;
  registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE as never);
  return registry;
}

/** Name and help. A label `run` comes first in all of them: one without labels would be 0 before it has a value. */
const gauges = {
  step: 'Steps that are done, counted from the start of the run.',
  steps: 'Steps of the whole run.',
  epoch: 'The epoch under way, counted from 1.',
  epochs: 'Epochs of the whole run.',
  loss: 'Mean training loss of the epoch so far, with regularization.',
  step_loss: 'Loss of the last step that was logged.',
  learning_rate: 'Learning rate of the last step that was logged.',
  gradient_norm: 'Norm of the gradient of the last step that was logged, before clipping.',
  loss_scale: 'What the loss of the last step that was logged was multiplied by (training.precision).',
  skipped_steps: 'Steps of the run that overflowed in float16 and were not taken, as of the last epoch.',
  examples_per_second: 'Training examples a second.',
  tokens_per_second: 'Training tokens a second, of models of texts.',
  world_size: 'Workers that take part, the coordinator included where it computes.',
  checkpoint_step: 'Step of the newest checkpoint.',
  checkpoint_timestamp_seconds: 'When the newest checkpoint was written, in seconds since 1970.',
} as const;

const counters = {
  workers_joined: 'Workers that joined, those that came back included.',
  warnings: 'Warnings that the run gave.',
  sent_bytes: 'Bytes that the coordinator sent to workers.',
  received_bytes: 'Bytes that the coordinator received from workers.',
} as const;

type GaugeName = keyof typeof gauges;
type CounterName = keyof typeof counters;

/** Why a worker was lost, in few words: each value of a label is a line of its own for ever. */
function lossReason(reason: string | null): 'silent' | 'connection' | 'violation' {
  if (/no sign of life|it owes|does not confirm|does not read/.test(reason ?? '')) return 'silent';
  return /connection|closed|ECONN|EPIPE/.test(reason ?? '') ? 'connection' : 'violation';
}

export class MetricsExporter {
  readonly #registry: OpenRegistry;
  readonly #gauges: Readonly<Record<GaugeName, Gauge<'run'>>>;
  readonly #counters: Readonly<Record<CounterName, Counter<'run'>>>;
  readonly #info: Gauge<'run' | 'name' | 'engine'>;
  readonly #validation: Gauge<'run' | 'metric'>;
  readonly #lost: Counter<'run' | 'reason'>;
  /** The run's folder, by its name; unknown until it starts. */
  #run = '';
  /** What happens before that. */
  #early: RunEvent[] = [];
  #active = new Set<string>();
  #bytes = { sent: 0, received: 0 };

  constructor(client: PromClient) {
    const registry = openRegistry(client);
    this.#registry = registry;
    const registers = [registry];
    const named = <Name extends string, Metric>(
      helps: Readonly<Record<Name, string>>,
      make: (o: MetricChoices) => Metric,
    ) =>
      Object.fromEntries(
        Object.entries<string>(helps).map(([name, help]) => [
          name,
          make({ name: `lockstep_${name}`, help, registers }),
        ]),
      ) as Record<Name, Metric>;
    this.#gauges = named(gauges, (options) => new client.Gauge({ ...options, labelNames: ['run'] }));
    this.#counters = named(counters, (options) => new client.Counter({ ...options, labelNames: ['run'] }));
    const help = 'Validation metrics of the last epoch, loss among them.';
    this.#validation = new client.Gauge({
      ...{ name: 'lockstep_validation', help, registers },
      labelNames: ['run', 'metric'],
    });
    this.#lost = new client.Counter({
      ...{ name: 'lockstep_workers_lost', help: 'Workers that were lost, by reason.', registers },
      labelNames: ['run', 'reason'],
    });
    this.#info = new client.Gauge({
      ...{ name: 'lockstep_run_info', help: 'What the run is; always 1.', registers },
      labelNames: ['run', 'name', 'engine'],
    });
    new client.Gauge({
      ...{ name: 'process_resident_memory_bytes', help: 'Memory of this process.', registers },
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  print(): Promise<string> {
    return this.#registry.metrics();
  }

  readonly report = (event: RunEvent): void => {
    if (event.event === 'start') this.#start(event);
    else if (this.#run === '') this.#early.push(event);
    else if (event.event === 'progress') this.#progress(event);
    else if (event.event === 'step') {
      this.#set('step_loss', event.loss);
      this.#set('learning_rate', event.learningRate);
      this.#set('gradient_norm', event.gradientNorm);
      if (event.lossScale !== undefined) this.#set('loss_scale', event.lossScale);
    } else if (event.event === 'epoch') this.#epoch(event);
    else if (event.event === 'checkpoint') {
      this.#set('checkpoint_step', event.step);
      this.#set('checkpoint_timestamp_seconds', Date.now() / 1000);
    } else if (event.event === 'world') this.#world(event);
    else if (event.event === 'worker') this.#worker(event);
    else if (event.event === 'warning') this.#count('warnings', 1);
  };

  #start({ folder, name, engine, steps, epochs, resumed, threads }: StartEvent): void {
    this.#run = basename(folder);
    this.#info.set({ run: this.#run, name, engine }, 1);
    this.#set('steps', steps);
    this.#set('epochs', epochs);
    this.#set('step', resumed?.step ?? 0);
    for (const counter of ['warnings', 'workers_joined'] as const) this.#count(counter, 0);
    if (threads > 0) this.#active.add('coordinator');
    this.#set('world_size', this.#active.size);
    for (const early of this.#early.splice(0)) this.report(early);
  }

  #progress({ epoch, step, steps, loss, ...speed }: ProgressEvent): void {
    this.#set('epoch', epoch);
    this.#set('step', (epoch - 1) * steps + step);
    this.#set('loss', loss);
    this.#speed(speed);
  }

  /** Not known before the second step. */
  #speed({ examplesPerSecond, tokensPerSecond = Number.NaN }: Throughput): void {
    if (!Number.isNaN(examplesPerSecond)) this.#set('examples_per_second', examplesPerSecond);
    if (!Number.isNaN(tokensPerSecond)) this.#set('tokens_per_second', tokensPerSecond);
  }

  #epoch({ step, loss, validation, skippedSteps, ...speed }: EpochEvent): void {
    if (skippedSteps !== undefined) this.#set('skipped_steps', skippedSteps);
    this.#set('step', step);
    this.#set('loss', loss);
    this.#speed(speed);
    for (const [metric, value] of Object.entries(validation ?? {})) {
      this.#validation.set({ run: this.#run, metric }, value);
    }
  }

  #world({ workers, bytesSent, bytesReceived }: WorldEvent): void {
    this.#active = new Set(workers.filter(({ state }) => state === 'active').map(({ name }) => name));
    this.#set('world_size', this.#active.size);
    this.#count('sent_bytes', bytesSent - this.#bytes.sent);
    this.#count('received_bytes', bytesReceived - this.#bytes.received);
    this.#bytes = { sent: bytesSent, received: bytesReceived };
  }

  #worker({ change, name, reason }: WorkerEvent): void {
    if (change === 'joined' || change === 'returned') this.#count('workers_joined', 1);
    if (change === 'lost') this.#lost.inc({ run: this.#run, reason: lossReason(reason) });
    if (change === 'active') this.#active.add(name);
    else if (!this.#active.delete(name)) return;
    this.#set('world_size', this.#active.size);
  }

  #set(name: GaugeName, value: number): void {
    this.#gauges[name].set({ run: this.#run }, value);
  }

  #count(name: CounterName, more: number): void {
    this.#counters[name].inc({ run: this.#run }, Math.max(0, more));
  }
}

interface MetricChoices {
  readonly name: string;
  readonly help: string;
  readonly registers: OpenRegistry[];
}
