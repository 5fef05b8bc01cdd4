/** What the cells of recurrent layers consist of, by the names of their operations. */

export interface RecurrentParts {
  readonly gates: number;
  readonly states: number;
  /** Sequences that are kept for the way back, of `units` each, after the states. */
  readonly kept: readonly string[];
  /** Gates whose sums over the state are other than those over the input: rows of their own on the way back, before the latter. */
  readonly apart?: number;
}

export const recurrentParts = {
  Lstm: { gates: 4, states: 2, kept: ['input', 'forget', 'candidate', 'output', 'shown'] },
  Gru: { gates: 3, states: 1, kept: ['update', 'reset', 'candidate', 'left'] },
  /** Whose reset gate comes after the product; `left` is that product. */
  GruAfter: { gates: 3, states: 1, kept: ['update', 'reset', 'candidate', 'left'], apart: 1 },
  SimpleRnn: { gates: 1, states: 1, kept: ['shown'] },
} as const satisfies Record<string, RecurrentParts>;

/** Names of states: the one that is shown, and what an LSTM keeps to itself. */
export const stateNames = ['h', 'c'] as const;
