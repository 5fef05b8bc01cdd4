/** What the cells of recurrent layers consist of, by the names of their operations. */

export interface RecurrentParts {
  readonly gates: number;
  readonly states: number;
  /** Sequences that are kept for the way back, of `units` each, after the states. */
  readonly kept: readonly string[];
}

export const recurrentParts = {
  Lstm: { gates: 4, states: 2, kept: ['input', 'forget', 'candidate', 'output', 'shown'] },
  Gru: { gates: 3, states: 1, kept: ['update', 'reset', 'candidate', 'left'] },
  SimpleRnn: { gates: 1, states: 1, kept: ['shown'] },
} as const satisfies Record<string, RecurrentParts>;

/** Names of states: the one that is shown, and what an LSTM keeps to itself. */
export const stateNames = ['h', 'c'] as const;
