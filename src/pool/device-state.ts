/**
 * What a run changes, where it stays on a device from step to step: parameters, the optimizer's slabs and gradients. A step reads one
 * set of parameters and slabs and writes the other, as a device may not write what it reads. Of a step its figures alone come here.
 */
import type { NoiseKey } from '../engine/engine.js';
import type { DeviceMemory, DeviceTensor } from '../engine/onnx/device-memory.js';
import { divisorName, gradientName, parameterName } from '../engine/onnx/names.js';
import type { CompiledModel, OnnxEngine } from '../engine/onnx/onnx-engine.js';
import { createSession, type Session } from '../engine/onnx/runtime.js';
import { PrivateMemory } from '../engine/private-memory.js';
import { type SlabTensor, tensorOf } from '../model/slab.js';
import type { StepSums, Update } from '../optimizer/decide.js';
import { type DeviceUpdate, deviceUpdate, nextName, numbersName, slotName } from '../optimizer/device-update.js';
import { addition, additionNames, figureNames, figures, figuresName, figuresShape } from '../reduce/device-sums.js';
import type { Addition } from '../reduce/tree.js';
import type { TrainingOptions } from './pool-options.js';
import type { PoolSpec } from './shared-state.js';

/** One of the two sets: parameters of all tensors, and of each slot those of the trainable ones. All have one axis. */
interface StateSet {
  readonly parameters: readonly DeviceTensor[];
  readonly slots: readonly (readonly DeviceTensor[])[];
}

/** The sum of some gradients, by tensors of one axis. */
interface GradientSum {
  readonly id: number;
  readonly tensors: readonly DeviceTensor[];
}

type NamedTensors = Record<string, DeviceTensor>;
type Tied = (key: NoiseKey, lossScale?: number) => void;

const notHere = new Float32Array();

export class DeviceState {
  readonly #models: readonly CompiledModel[];
  readonly #engines: readonly OnnxEngine[];
  /** The tensors that steps change. */
  readonly #changing: readonly SlabTensor[];
  readonly #trainable: readonly SlabTensor[];
  readonly #rule: DeviceUpdate;
  readonly #sessions: { readonly update: Session; readonly addition: Session; readonly figures: Session };
  readonly #memory: DeviceMemory;
  readonly #sets: readonly StateSet[];
  /** The set that holds the parameters of now. */
  #now = 0;
  /** By slots. */
  readonly #sums: GradientSum[];
  /** Into which two others are added up. */
  #spare: GradientSum;
  /** Of each shard: its loss and, where it has one, its divisor. */
  readonly #shardFigures: NamedTensors;
  readonly #figures: DeviceTensor;
  readonly #numbers: DeviceTensor;
  /** Where gradients of trainable tensors belong here, by slots. */
  readonly #gradients: readonly (readonly Float32Array[])[];
  readonly #shards: number;
  /** What has been tied to tensors, by what it is tied to. */
  readonly #tied = new Map<string, Tied>();

  /** @param engines of the models, one for each bucket */
  constructor(spec: PoolSpec<TrainingOptions>, models: readonly CompiledModel[], engines: readonly OnnxEngine[]) {
    const { layout, optimizer, geometry, shared } = spec;
    [this.#models, this.#engines, this.#shards] = [models, engines, geometry.shards];
    this.#changing = layout.tensors.filter(({ offset }) => offset < layout.state);
    this.#trainable = layout.tensors.filter(({ offset }) => offset < layout.trainable);
    this.#rule = deviceUpdate(optimizer, layout)!;
    const hasDivisors = models.some((model) => [...model.gradients.values()].some(hasDivisor));
    const others = figureNames(geometry.shards, hasDivisors);
    this.#sessions = {
      update: createSession(this.#rule.model),
      addition: createSession(addition(layout)),
      figures: createSession(figures(layout, others)),
    };
    this.#memory = this.#sessions.update.deviceMemory()!;
    const slab = (offset: number, length: number) => new Float32Array(shared.memory.buffer, offset, length);
    this.#gradients = shared.offsets.gradients.map((offset) =>
      this.#trainable.map((tensor) => tensorOf(slab(offset, layout.state), tensor)),
    );
    const own = slab(shared.offsets.parameters, layout.length);
    const ownSlots = shared.offsets.optimizer.map((offset, slot) => slab(offset, this.#rule.slots[slot]!.length));
    const kept = (from: Float32Array) => (tensor: SlabTensor) => this.#room(tensorOf(from, tensor));
    const frozen = layout.tensors.slice(this.#changing.length).map(kept(own));
    this.#sets = [0, 1].map(() => ({
      parameters: [...this.#changing.map(kept(own)), ...frozen],
      slots: ownSlots.map((from) => this.#trainable.map(kept(from))),
    }));
    const sum = (id: number) => ({ id, tensors: this.#changing.map(({ size }) => this.#room(notHere, size)) });
    this.#sums = this.#gradients.map((_, id) => sum(id));
    this.#spare = sum(this.#sums.length);
    const numbers = this.#rule.numbersOf(nothing).length;
    const figureCount = this.#trainable.length + others.length;
    const memory = new PrivateMemory([4 * figureCount, 4 * numbers]);
    this.#figures = this.#room(memory.floats(figureCount));
    this.#numbers = this.#room(memory.floats(numbers));
    this.#shardFigures = Object.fromEntries(others.map((name) => [name, this.#room(notHere, 1)]));
  }

  /** Brings parameters and slabs to the device. */
  upload(): void {
    this.#now = 0;
    const { parameters, slots } = this.#sets[0]!;
    this.#memory.upload([...parameters, ...slots.flat()]);
  }

  /** Fetches what steps have made of them, and the gradient of the last one. @param total its slot */
  download(total: number): void {
    const { parameters, slots } = this.#sets[this.#now]!;
    const sum = this.#sums[total]!;
    const here = this.#gradients[total]!.map((data, i) => ({ ...sum.tensors[i]!, data }));
    this.#memory.download([...parameters.slice(0, this.#changing.length), ...slots.flat(), ...here]);
  }

  /** Starts the step of a shard, whose batch is in the buffers of its engine: on the device it is done some time later. */
  compute(bucket: number, count: number, key: NoiseKey, slot: number, lossScale: number | undefined): void {
    const sum = this.#sums[slot]!;
    const tie = () => this.#engines[bucket]!.tie(count, this.#stepTensors(bucket, count, key.shard, sum));
    this.#start(['compute', bucket, count, key.shard, this.#now, sum.id], tie, key, lossScale);
  }

  add({ to, add }: Addition): void {
    const [into, from, made] = [this.#sums[to]!, this.#sums[add]!, this.#spare];
    this.#start(['add', into.id, from.id, made.id], () => {
      const [given, sums]: [NamedTensors, NamedTensors] = [{}, {}];
      this.#changing.forEach((_, i) => {
        const names = additionNames(i);
        given[names.to] = into.tensors[i]!;
        given[names.from] = from.tensors[i]!;
        sums[names.sum] = made.tensors[i]!;
      });
      return this.#sessions.addition.bind(given, sums);
    });
    [this.#sums[to], this.#spare] = [made, into];
  }

  /**
   * Waits for the device.
   * @param total slot of the step's gradient
   * @param counts examples of each shard
   */
  figures(total: number, counts: readonly number[]): StepSums {
    const sum = this.#sums[total]!;
    this.#start(['figures', sum.id], () => {
      const gradients = this.#trainable.map((tensor, i): [string, DeviceTensor] => [
        gradientName(i),
        this.#memory.seenAs(sum.tensors[i]!, figuresShape(tensor)),
      ]);
      const given = { ...Object.fromEntries(gradients), ...this.#shardFigures };
      return this.#sessions.figures.bind(given, { [figuresName]: this.#figures });
    });
    this.#memory.download([this.#figures]);
    const all = Float64Array.from(this.#figures.data);
    const first = this.#trainable.length;
    const ofShards = (from: number) => all.subarray(from, from + counts.length);
    const hasDivisors = all.length > first + this.#shards;
    const divisors = hasDivisors ? ofShards(first + this.#shards) : Float64Array.from(counts);
    const squares = all.subarray(0, first).reduce((whole, part) => whole + part, 0);
    return { losses: ofShards(first), divisors, squares };
  }

  /** Takes the optimizer's step. @param total slot of the step's gradient */
  update(total: number, update: Update): void {
    const sum = this.#sums[total]!;
    const [now, next] = [this.#sets[this.#now]!, this.#sets[1 - this.#now]!];
    (this.#numbers.data as Float32Array).set(this.#rule.numbersOf(update));
    this.#memory.upload([this.#numbers]);
    this.#start(['update', sum.id, this.#now], () => {
      const given: NamedTensors = { [numbersName]: this.#numbers };
      const made: NamedTensors = {};
      this.#changing.forEach((_, i) => {
        given[gradientName(i)] = sum.tensors[i]!;
        made[nextName(parameterName(i))] = next.parameters[i]!;
      });
      this.#trainable.forEach((_, i) => {
        given[parameterName(i)] = now.parameters[i]!;
        now.slots.forEach((tensors, slot) => {
          given[slotName(slot, i)] = tensors[i]!;
          made[nextName(slotName(slot, i))] = next.slots[slot]![i]!;
        });
      });
      return this.#sessions.update.bind(given, made);
    });
    this.#now = 1 - this.#now;
  }

  release(): void {
    // The first has the memory of all.
    for (const session of Object.values(this.#sessions).toReversed()) session.release();
  }

  #start(what: readonly (string | number)[], tie: () => Tied, key: NoiseKey = noKey, lossScale?: number): void {
    const name = what.join();
    let run = this.#tied.get(name);
    if (!run) {
      run = tie();
      this.#tied.set(name, run);
    }
    run(key, lossScale);
  }

  /** Parameters and results of a step, in the shapes in which its graph has them. */
  #stepTensors(bucket: number, count: number, shard: number, sum: GradientSum): NamedTensors {
    const { layout, gradients } = this.#models[bucket]!;
    const { written } = gradients.get(count)!;
    const shapes = new Map(written.map(({ name, shape }) => [name, shape]));
    const named: NamedTensors = {};
    layout.tensors.forEach(({ shape }, i) => {
      named[parameterName(i)] = this.#memory.seenAs(this.#sets[this.#now]!.parameters[i]!, shape);
    });
    this.#changing.forEach((_, i) => {
      named[gradientName(i)] = this.#memory.seenAs(sum.tensors[i]!, shapes.get(gradientName(i))!);
    });
    for (const [name, of] of [
      ['loss', 'loss'],
      [divisorName, 'divisor'],
    ] as const) {
      const shape = shapes.get(name);
      if (shape) named[name] = this.#memory.seenAs(this.#shardFigures[`${of}${shard}`]!, shape);
    }
    return named;
  }

  #room(data: Float32Array, length = data.length): DeviceTensor {
    return this.#memory.room({ type: 'float32', shape: [length], data });
  }
}

const noKey: NoiseKey = { seed: 0, step: 0, shard: 0 };
const nothing: Update = { round: 0, learningRate: 0, gradientScale: 0, stateScale: 0 };
const hasDivisor = ({ written }: { readonly written: readonly { readonly name: string }[] }): boolean =>
  written.some(({ name }) => name === divisorName);
