/** The tools that a run's config, or the job that it belongs to, asks to be told about it. */
import { basename, join } from 'node:path';
import { leaves } from '../../src/config/leaves.js';
import { resolvedYaml } from '../../src/config/load-config.js';
import type { RunConfig } from '../../src/config/run-config.js';
import type { StepModel } from '../../src/engine/step.js';
import { LockstepError } from '../../src/errors.js';
import { unwritten } from '../../src/ground/write-failure.js';
import { type SlabTensor, tensorOf } from '../../src/model/slab.js';
import { trainableIn } from '../../src/optimizer/optimizer.js';
import type { Reporter } from '../../src/report/events.js';
import type { LogOptions } from '../../src/report/log-file.js';
import { hooksTracker } from '../../src/track/hooks/hook-queue.js';
import { kubeflowServer, kubeflowTracker } from '../../src/track/kubeflow/kubeflow.js';
import { mlflowTracker } from '../../src/track/mlflow/mlflow.js';
import { mlflowParameters } from '../../src/track/mlflow/mlflow-entries.js';
import type { SentRun } from '../../src/track/mlflow/mlflow-sender.js';
import type { GraphNode, HyperParameter } from '../../src/track/tensorboard/event.js';
import { tensorboardTracker } from '../../src/track/tensorboard/tensorboard.js';
import type { Tracker } from '../../src/track/tracker.js';
import type { Trainer } from '../training/trainer.js';

export interface TrackedRun {
  readonly config: RunConfig;
  readonly folder: string;
  /** How far it is. */
  readonly step: number;
  readonly model: StepModel;
  /** For what is written to the path. */
  readonly optionsOf: (path: string) => Required<LogOptions>;
  /** For what they warn of. */
  readonly report: Reporter;
}

/** @throws OutputError when nothing can be written */
export function openTrackers(run: TrackedRun): Tracker[] {
  const { folder, report, config } = run;
  const { tensorboard, mlflow, hooks } = config.track;
  const warn = (message: string) => report({ event: 'warning', message });
  const trackers = tensorboard ? [openTensorboard(run)] : [];
  if (mlflow) trackers.push(mlflowTracker(mlflow, sentRun(config, folder, warn), warn));
  const kubeflow = kubeflowServer(process.env);
  if (kubeflow) trackers.push(kubeflowTracker(kubeflow, warn));
  if (hooks) trackers.push(hooksTracker(hooks, folder, warn));
  return trackers;
}

/** What MLflow is sent of a run. */
export function sentRun(config: RunConfig, folder: string, warn: (message: string) => void): SentRun {
  const model = async () => {
    try {
      const { exportOnnx } = await import('../inference/export.js');
      return await exportOnnx(folder);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      warn(`track.mlflow: no model is sent: ${error.problem}`);
      return undefined;
    }
  };
  return { folder, parameters: mlflowParameters(leaves(config)), model };
}

function openTensorboard({ config, folder, step, model, optionsOf }: TrackedRun): Tracker {
  const place = join(folder, 'tensorboard');
  const yaml = resolvedYaml(config);
  const described = { name: basename(folder), yaml, settings: settingsOf(config), layers: layersOf(model) };
  try {
    return tensorboardTracker(place, step, described, optionsOf(place));
  } catch (error) {
    throw unwritten(place, error, 'leave track.tensorboard out');
  }
}

/** What a run tells of its tensors, after an epoch. */
interface TensorRun {
  readonly step: StepModel;
  readonly trainer: Pick<Trainer, 'updateEvaluated' | 'lastGradient'>;
  readonly trackers: readonly Tracker[];
}

/** Milliseconds between two looks at all tensors, at least: the threads of a run wait meanwhile, and readers look no more often. */
const tensorInterval = 5000;

/**
 * Tells the trackers that ask for them the weights that are evaluated and the gradient of an epoch's last step: after the first epoch of this
 * process and the last one of the run, and after one between them where the last telling is some seconds ago.
 */
export class TensorTelling {
  readonly #run: TensorRun;
  readonly #asking: readonly Tracker[];
  readonly #now: () => number;
  #last = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(run: TensorRun, now: () => number = () => performance.now()) {
    this.#run = run;
    this.#asking = run.trackers.filter(({ tensors }) => tensors);
    this.#now = now;
  }

  /**
   * @param step of the run, the last of an epoch
   * @param isLast whether the run ends with it
   */
  afterEpoch(step: number, isLast: boolean): void {
    if (this.#asking.length === 0 || (!isLast && this.#now() - this.#last < tensorInterval)) return;
    const { trainer } = this.#run;
    const { layout } = this.#run.step;
    const tagged = (kind: string, slab: Float32Array, of: readonly SlabTensor[], scale = 1) =>
      of.map((tensor) => ({ tag: `${kind}/${tensor.name}`, values: tensorOf(slab, tensor), scale }));
    const tensors = tagged('weights', trainer.updateEvaluated(), layout.tensors);
    const gradient = trainer.lastGradient();
    if (gradient) tensors.push(...tagged('gradients', gradient.sums, trainableIn(layout), 1 / gradient.divisor));
    for (const tracker of this.#asking) tracker.tensors!(step, tensors);
    this.#last = this.#now();
  }
}

/** What is a list or nothing is shown as its JSON. */
function settingsOf(config: RunConfig): Map<string, HyperParameter> {
  const entries = [...leaves(config)].filter(([, json]) => json !== undefined);
  return new Map(
    entries.map(([path, json]) => {
      const value: unknown = JSON.parse(json);
      return [path, typeof value === 'object' ? json : (value as HyperParameter)];
    }),
  );
}

function layersOf({ built }: StepModel): GraphNode[] {
  return built.model.layers.map((layer) => ({
    name: layer.name,
    kind: layer.getClassName(),
    inputs: [
      ...new Set(layer.inboundNodes.flatMap(({ inboundLayers }) => inboundLayers.map((inbound) => inbound.name))),
    ],
  }));
}
