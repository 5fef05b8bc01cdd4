/** The cells of recurrent layers: what they do in a step, there and back. */
import { type RecurrentParts, recurrentParts } from '../../../model/recurrent-parts.js';
import { activate, activationGradient, type LoopStep } from './loop-step.js';

/** Of a cell: what it does in a step, and what goes back through one. */
export interface RecurrentCell extends RecurrentParts {
  /** Gates whose sums are over the same state: from which, and how many. */
  readonly sums: readonly (readonly [from: number, count: number])[];
  /** @returns the new states */
  forward(at: Forward): string[];
  /** @returns what the gradients of the gates' sums are, [gates * units, batch] and those that are apart, and those of the states before */
  backward(at: Backward): { sums: string; states: string[] };
}

interface StepCall {
  readonly step: LoopStep;
  /** Names of activations. */
  readonly gate: string;
  readonly activation: string;
}
interface Forward extends StepCall {
  /** Of the states before, the first as dropout leaves it. */
  readonly states: readonly string[];
  /** Sums over inputs and bias of `count` gates from gate `from` on, and over a state. */
  sums(from: number, count: number, state: string): string;
  /** Those over the inputs and their bias alone, and those over a state and its own bias. */
  ofInput(from: number, count: number): string;
  ofState(from: number, count: number, state: string): string;
  keep(name: string, value: string): void;
}
interface Backward extends StepCall {
  /** Gradients of the new states. */
  readonly slopes: readonly string[];
  kept(name: string): string;
  /** The states before, the first as dropout left it. */
  before(state: number): string;
  /** Gradient of the state whose sums these are, and more. */
  stateOf(from: number, count: number, sums: string, more?: string): string;
}

const lstm: RecurrentCell = {
  ...recurrentParts.Lstm,
  sums: [[0, 4]],
  forward: ({ step, states: [h, c], sums, keep, gate, activation }) => {
    const names = ['input', 'forget', 'candidate', 'output'];
    const [input, forget, candidate, output] = step.parts(sums(0, 4, h!), 4).map((sum, i) => {
      const value = activate(step, i === 2 ? activation : gate, sum);
      keep(names[i]!, value);
      return value;
    }) as [string, string, string, string];
    const next = step.add(step.mul(forget, c!), step.mul(input, candidate));
    const shown = activate(step, activation, next);
    keep('shown', shown);
    return [step.mul(output, shown), next];
  },
  backward: ({ step, slopes: [dh, dc], kept, before, stateOf, gate, activation }) => {
    const [input, forget, candidate, output, shown] = lstm.kept.map(kept) as [string, string, string, string, string];
    const total = step.add(dc!, activationGradient(step, activation, shown, step.mul(dh!, output)));
    const sums = step.joined([
      activationGradient(step, gate, input, step.mul(total, candidate)),
      activationGradient(step, gate, forget, step.mul(total, before(1))),
      activationGradient(step, activation, candidate, step.mul(total, input)),
      activationGradient(step, gate, output, step.mul(dh!, shown)),
    ]);
    return { sums, states: [stateOf(0, 4, sums), step.mul(total, forget)] };
  },
};

/** As in Cho et al. 2014: the state is reset before the product. */
const gru: RecurrentCell = {
  ...recurrentParts.Gru,
  sums: [
    [0, 2],
    [2, 1],
  ],
  forward: ({ step, states: [h], sums, keep, gate, activation }) => {
    const [update, reset] = step.parts(activate(step, gate, sums(0, 2, h!)), 2) as [string, string];
    const left = step.mul(reset, h!);
    const candidate = activate(step, activation, sums(2, 1, left));
    for (const [name, value] of Object.entries({ update, reset, candidate, left })) keep(name, value);
    return [step.add(step.mul(update, h!), step.mul(step.rest(update), candidate))];
  },
  backward: ({ step, slopes: [dh], kept, before, stateOf, gate, activation }) => {
    const [update, reset, candidate] = gru.kept.map(kept) as [string, string, string];
    const h = before(0);
    const difference = step.node('Sub', [h, candidate]);
    const dCandidate = activationGradient(step, activation, candidate, step.mul(dh!, step.rest(update)));
    const dLeft = stateOf(2, 1, dCandidate);
    const gates = step.joined([
      activationGradient(step, gate, update, step.mul(dh!, difference)),
      activationGradient(step, gate, reset, step.mul(dLeft, h)),
    ]);
    const direct = step.add(step.mul(dh!, update), step.mul(dLeft, reset));
    return { sums: step.joined([gates, dCandidate]), states: [stateOf(0, 2, gates, direct)] };
  },
};

/** As Keras 3 and PyTorch have it: the product of the state is reset, its bias included. */
const gruAfter: RecurrentCell = {
  ...recurrentParts.GruAfter,
  sums: [
    [0, 2],
    [2, 1],
  ],
  forward: ({ step, states: [h], ofInput, ofState, keep, gate, activation }) => {
    const gates = activate(step, gate, step.add(ofInput(0, 2), ofState(0, 2, h!)));
    const [update, reset] = step.parts(gates, 2) as [string, string];
    const left = ofState(2, 1, h!);
    const candidate = activate(step, activation, step.add(ofInput(2, 1), step.mul(reset, left)));
    for (const [name, value] of Object.entries({ update, reset, candidate, left })) keep(name, value);
    return [step.add(step.mul(update, h!), step.mul(step.rest(update), candidate))];
  },
  backward: ({ step, slopes: [dh], kept, before, stateOf, gate, activation }) => {
    const [update, reset, candidate, left] = gruAfter.kept.map(kept) as [string, string, string, string];
    const difference = step.node('Sub', [before(0), candidate]);
    const dCandidate = activationGradient(step, activation, candidate, step.mul(dh!, step.rest(update)));
    const dLeft = step.mul(dCandidate, reset);
    const gates = step.joined([
      activationGradient(step, gate, update, step.mul(dh!, difference)),
      activationGradient(step, gate, reset, step.mul(dCandidate, left)),
    ]);
    const state = stateOf(0, 2, gates, stateOf(2, 1, dLeft, step.mul(dh!, update)));
    return { sums: step.joined([gates, dLeft, dCandidate]), states: [state] };
  },
};

const simple: RecurrentCell = {
  ...recurrentParts.SimpleRnn,
  sums: [[0, 1]],
  forward: ({ step, states: [h], sums, keep, activation }) => {
    const shown = activate(step, activation, sums(0, 1, h!));
    keep('shown', shown);
    return [shown];
  },
  backward: ({ step, slopes: [dh], kept, stateOf, activation }) => {
    const sums = activationGradient(step, activation, kept('shown'), dh!);
    return { sums, states: [stateOf(0, 1, sums)] };
  },
};

/** By the names of their operations. */
export const cells = { Lstm: lstm, Gru: gru, GruAfter: gruAfter, SimpleRnn: simple };
