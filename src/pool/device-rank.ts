/** The thread of a pool that is alone with a device: every training step, from parameters that stay there. */
import { activeShards, type RowRange, roundOf, shardsOf } from '../data/geometry.js';
import type { OnnxEngine } from '../engine/onnx/onnx-engine.js';
import { chosenProvider } from '../engine/onnx/providers.js';
import { decideStep } from '../optimizer/decide.js';
import { hasDeviceRule } from '../optimizer/device-update.js';
import type { Control } from './control.js';
import { DeviceState } from './device-state.js';
import type { Gatherer } from './gather.js';
import type { PhaseClock } from './phase-clock.js';
import type { TrainingOptions } from './pool-options.js';
import type { PoolSpec } from './shared-state.js';
import { StepPlans } from './step-plans.js';
import { StepScaling } from './step-scaling.js';
import type { TrainTask } from './task.js';

export class DeviceRank {
  readonly #spec: PoolSpec<TrainingOptions>;
  readonly #engines: readonly OnnxEngine[];
  readonly #control: Control;
  readonly #clock: PhaseClock;
  readonly #gatherer: Gatherer;
  readonly #state: DeviceState;
  readonly #plans: StepPlans;
  readonly #scaling: StepScaling;

  constructor(
    spec: PoolSpec<TrainingOptions>,
    engines: readonly OnnxEngine[],
    control: Control,
    clock: PhaseClock,
    gatherer: Gatherer,
  ) {
    [this.#spec, this.#engines, this.#control, this.#clock] = [spec, engines, control, clock];
    this.#gatherer = gatherer;
    this.#plans = new StepPlans(spec);
    this.#scaling = new StepScaling(spec, 0);
    const models = spec.engine.kind === 'onnx' ? spec.engine.models : [];
    this.#state = new DeviceState(spec, models, engines);
  }

  /** Whether the steps of a pool can stay on the chosen device: one graph a step, and an optimizer that has a rule for devices. */
  static serves({ engine, threads, optimizer }: Pick<TrainingOptions, 'engine' | 'threads' | 'optimizer'>): boolean {
    if (engine.kind !== 'onnx' || threads !== 1 || chosenProvider().memory === undefined) return false;
    const graphs = engine.models.flatMap(({ gradients }) => [...gradients.values()]);
    return (
      hasDeviceRule(optimizer) &&
      graphs.every(({ subgraphs: [first, ...others] }) => first?.kind === 'session' && others.length === 0)
    );
  }

  /** As TrainingRank.train. What is here is true again when it returns. */
  async train({ epoch, first, last, rateScale, buckets }: TrainTask): Promise<void> {
    const { geometry, shared } = this.#spec;
    const control = this.#control;
    this.#clock.start();
    this.#scaling.begin();
    this.#state.upload();
    let total = 0;
    for (let step = first; step < last && !control.halted; step++) {
      total = this.#plans.of(step).total;
      const counts = await this.#compute(epoch, step, buckets?.[step] ?? 0);
      const sums = this.#state.figures(total, counts);
      shared.shardLosses.set(sums.losses);
      shared.shardDivisors.set(sums.divisors);
      this.#clock.mark('compute');
      const { loss, norm, update } = decideStep(this.#spec, roundOf(geometry, epoch, step), rateScale, sums);
      shared.stepLosses[step] = loss;
      shared.stepNorms[step] = norm;
      const decided = this.#scaling.decided(step, update);
      if (!decided) break;
      if (decided !== 'skipped') this.#state.update(total, decided);
      this.#clock.mark('update');
      control.decideHalt();
      this.#clock.endStep(step);
      control.commitStep();
    }
    this.#state.download(total);
    this.#clock.mark('update');
  }

  release(): void {
    this.#state.release();
  }

  /** Starts the step of each shard while the device computes the one before, and their sums. @returns examples of each */
  async #compute(epoch: number, step: number, bucket: number): Promise<number[]> {
    const { geometry, shared, seed } = this.#spec;
    const engine = this.#engines[bucket]!;
    const rows = this.#rowsOf(step);
    const after = step + 1 < geometry.stepsPerEpoch ? this.#rowsOf(step + 1)[0] : undefined;
    const { steps, final } = this.#plans.of(step);
    for (const action of [...steps[0]!, ...final]) {
      if ('add' in action) {
        this.#state.add(action);
        continue;
      }
      const { start, count } = rows[action.compute]!;
      const later = rows[action.compute + 1] ?? after;
      await this.#gatherer.load({ start, count }, engine.buffers(count), later, epoch);
      shared.used.set(shared.keys.subarray(start, start + count), start);
      this.#clock.mark('gather');
      const key = { seed, step: roundOf(geometry, epoch, step), shard: action.compute };
      this.#state.compute(bucket, count, key, action.into, this.#scaling.sumScale(step));
      this.#clock.mark('compute');
    }
    return rows.map(({ count }) => count);
  }

  #rowsOf(step: number): RowRange[] {
    const { geometry } = this.#spec;
    const active = activeShards(geometry, step);
    return Array.from({ length: active }, (_, shard) => shardsOf(geometry, step, shard, shard + 1));
  }
}
