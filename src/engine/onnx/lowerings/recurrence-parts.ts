/** What the loops of recurrent layers have in common, there and back. */

import { elements } from '../../../ground/elements.js';
import { stateNames } from '../../../model/recurrent-parts.js';
import type { GraphBuilder } from '../graph.js';
import { kernelDomain } from '../graph.js';
import type { TracedLoop } from '../proto.js';
import { eachSlot, type LoopView } from '../step-loop.js';
import type { StoredValue } from '../storage.js';
import type { LoopStep } from './loop-step.js';
import type { KernelCall } from './lowering.js';
import { seenAs } from './pieces.js';
import type { RecurrentCell } from './recurrent-cells.js';

const loopOperator = 'loop';
export const isZero = ({ storage }: StoredValue): boolean => storage.splat === 0;

/** Appends a loop; what it reads and writes goes by names of its own. */
export function looped(
  graph: GraphBuilder,
  reads: Readonly<Record<string, string | undefined>>,
  writes: Readonly<Record<string, readonly number[]>>,
  steps: number,
  body: (name: (key: string) => string) => Pick<TracedLoop, 'parts' | 'begins'>,
): Record<string, string> {
  const given = Object.entries(reads).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const keys = Object.keys(writes);
  const inputs = given.map(([, name]) => graph.written(name));
  const outputs = graph.nodes(loopOperator, inputs, keys.length, {}, kernelDomain, (results) => {
    const names = new Map<string, string>([
      ...given.map(([key], i): [string, string] => [key, inputs[i]!]),
      ...keys.map((key, i): [string, string] => [key, results[i]!]),
    ]);
    return { steps, ...body((key) => names.get(key)!) };
  });
  keys.forEach((key, i) => {
    graph.value(outputs[i]!, writes[key]!);
  });
  return Object.fromEntries(keys.map((key, i) => [key, outputs[i]!]));
}

/** The first rows of some slots of a tensor [slots, rows, batch], as many as `shape` has. */
export function cutOut(
  graph: GraphBuilder,
  name: string,
  from: number,
  to: number,
  shape: readonly number[],
): StoredValue {
  const ends = [
    [from, 0],
    [to, shape.at(-2)!],
    [0, 1],
  ].map((list) => graph.int64(list));
  return seenAs(graph.value(graph.node('Slice', [name, ...ends]), [to - from, ...shape.slice(-2)]), shape);
}

/** A step as its mask has it: what is new where it counts, what was before elsewhere. */
export const masked = (step: LoopStep, mask: string | undefined, next: string, before: string): string =>
  mask === undefined ? next : step.add(step.mul(next, mask), step.mul(before, step.rest(mask)));

/** What lowerings of both ways know of a call. */
export function recurrence(cell: RecurrentCell, call: KernelCall) {
  const units = call.input('recurrentKernel').shape[0]!;
  const flag = (name: string) => call.attribute<boolean>(name);
  const names = stateNames.slice(0, cell.states);
  return {
    units,
    names,
    isMasked: flag('isMasked'),
    isDropped: flag('isDropped'),
    kept: [...cell.kept, ...(flag('isDropped') ? ['dropped'] : [])],
    activations: { gate: call.attribute<string>('gate'), activation: call.attribute<string>('activation') },
    /** Tensors that are there only where a flag says so. */
    given: (graph: GraphBuilder) => ({
      mask: flag('isMasked') ? graph.rows(call.input('mask')) : undefined,
      drop: flag('isDropped') ? graph.rows(call.input('drop')) : undefined,
    }),
  };
}

/** Where a loop finds its tensors. */
export type Named = (key: string) => string;

/** Where the slots of states are read and written. @param strides of their slots */
export const stateViews = (
  named: Named,
  names: readonly string[],
  slots: readonly number[],
  state: readonly number[],
  strides = names.map(() => elements(state)),
) =>
  names.map((name, i) => {
    const view = { ...eachSlot(named(name), slots[i]!, state), stride: strides[i]! };
    return { before: view, after: { ...view, first: 1 } };
  });
/** @param values those that are not zeros go by the names of the states and a zero */
export const beginsOf = (
  named: Named,
  names: readonly string[],
  views: readonly { before: LoopView }[],
  values: StoredValue[],
) =>
  views.map(({ before }, i) => (isZero(values[i]!) ? { view: before } : { view: before, from: named(`${names[i]}0`) }));
export const startsOf = (graph: GraphBuilder, names: readonly string[], values: readonly StoredValue[]) =>
  Object.fromEntries(names.map((name, i) => [`${name}0`, isZero(values[i]!) ? undefined : graph.rows(values[i]!)]));
