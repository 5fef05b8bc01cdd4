/**
 * Recurrent layers as operations that the compiled engine has as a whole, each with its gradient: LSTM (Hochreiter and Schmidhuber
 * 1997), GRU (Cho et al. 2014) and the plain recurrent layer. tfjs unrolls them, and makes dozens of operations for each step of a
 * sequence. Whoever calls tfjs's layers gets them; what they do not cover, and other backends, compute as ever. Imported for its
 * effect.
 */
import './gru-reset-after.js';

import tf = require('@tensorflow/tfjs-core');

import { type RecurrentParts, recurrentParts, stateNames } from '../recurrent-parts.js';
import { isWhole, prototypeOf } from './whole-operations.js';

/** All sequences are [steps, width, batch] inside, and states [units, batch]. */
interface RecurrentOperation extends RecurrentParts {
  readonly kernel: string;
  /** Masks that the cell draws for dropout, of which it uses the first. */
  readonly draws: number;
}
const operations: Readonly<Record<string, RecurrentOperation | undefined>> = {
  LSTMCell: { ...recurrentParts.Lstm, kernel: 'LstmSteps', draws: 4 },
  'GRUCell, reset after': { ...recurrentParts.GruAfter, kernel: 'GruAfterSteps', draws: 3 },
  GRUCell: { ...recurrentParts.Gru, kernel: 'GruSteps', draws: 3 },
  SimpleRNNCell: { ...recurrentParts.SimpleRnn, kernel: 'SimpleRnnSteps', draws: 1 },
};
const activations = ['linear', 'sigmoid', 'tanh', 'relu', 'hardSigmoid'];

const run = (kernel: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor[] =>
  tf.engine().runKernel(kernel, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap) as tf.Tensor[];

/** [steps, rows, batch] as a matrix of all steps: [steps * batch, rows]. */
const columnsOf = (x: tf.Tensor): tf.Tensor => tf.reshape(tf.transpose(x, [0, 2, 1]), [-1, x.shape[1]!]);
/** [rows, steps * batch] as [steps, rows, batch]. */
const inSteps = (rows: tf.Tensor, steps: number): tf.Tensor =>
  tf.transpose(tf.reshape(rows, [rows.shape[0], steps, -1]), [1, 0, 2]);
/** a * b^T of matrices of all steps; this way round the product is the fastest. */
const ofAllSteps = (columns: tf.Tensor, rows: tf.Tensor): tf.Tensor =>
  tf.transpose(tf.matMul(rows as tf.Tensor2D, columns as tf.Tensor2D));

/**
 * Gradients of the gates' sums over inputs, and over states, which differ for the last `apart` gates: their rows over states come first.
 */
function rowsApart(rows: tf.Tensor, units: number, gates: number, apart: number): [tf.Tensor, tf.Tensor] {
  if (apart === 0) return [rows, rows];
  const [shared, ofStates, ofInputs] = tf.split(rows, [(gates - apart) * units, apart * units, apart * units], 0);
  return [tf.concat([shared!, ofInputs!], 0), tf.concat([shared!, ofStates!], 0)];
}

/** The gradient of weights is one product over all steps, and so is that of the inputs. */
for (const { kernel, gates, states, kept, apart = 0 } of Object.values(operations) as RecurrentOperation[]) {
  const names = stateNames.slice(0, states);
  tf.registerGradient({
    kernelName: kernel,
    inputsToSave: ['x', 'kernel', 'recurrentKernel', 'mask', 'drop', 'table', 'ids'],
    // The sequence and the last states are for others.
    outputsToSave: [...Array<boolean>(1 + states).fill(false), ...Array<boolean>(states + kept.length + 1).fill(true)],
    gradFunc: (dys, [x, weights, recurrentKernel, mask, drop, table, ids, ...saved], attrs) => {
      const [dSequence, ...ends] = dys as tf.Tensor[];
      const all = [...names, ...kept, ...(attrs.isDropped ? ['dropped'] : [])];
      const known = Object.fromEntries(all.map((name, i) => [name, saved[i]!]));
      const slopes = Object.fromEntries(names.map((name, i) => [`d_${name}`, ends[i]!]));
      const [gradients, ...starts] = run(
        `${kernel}Grad`,
        { dSequence: dSequence!, recurrentKernel, mask, drop, ...known, ...slopes },
        attrs,
      ) as [tf.Tensor, ...tf.Tensor[]];
      const units = recurrentKernel.shape[0];
      const [rows, ofStates] = rowsApart(gradients, units, gates, apart);
      const steps = x.shape[0];
      const before = () => (attrs.isDropped ? known.dropped! : tf.slice(known.h!, [0, 0, 0], [steps, units, -1]));
      const recurrentGradient = () => {
        const states = columnsOf(before());
        if (kernel !== 'GruSteps') return ofAllSteps(states, ofStates);
        // The candidate's sum is over what the reset gate has left of the state.
        const [ofGates, ofCandidate] = tf.split(ofStates, [2 * units, units], 0);
        return tf.concat([ofAllSteps(states, ofGates!), ofAllSteps(columnsOf(known.left!), ofCandidate!)], 1);
      };
      /** Of the sums of each word: what the gradients of its row and of the weights have in common. */
      const ofWords = attrs.isLookedUp
        ? tf.matMul(rows, tf.oneHot(ids as tf.Tensor1D, table.shape[0], 1, 0, 'float32'))
        : rows;
      return {
        x: () => inSteps(tf.matMul(weights as tf.Tensor2D, rows as tf.Tensor2D), steps),
        kernel: () => (attrs.isLookedUp ? tf.matMul(table, ofWords, true, true) : ofAllSteps(columnsOf(x), rows)),
        table: () => tf.matMul(ofWords, weights, true, true),
        ids: () => tf.zerosLike(ids),
        recurrentKernel: recurrentGradient,
        bias: () => {
          const ofInputs = tf.reshape(tf.sum(ofWords, 1), [gates * units]);
          return apart > 0 ? tf.stack([ofInputs, tf.sum(ofStates, 1)]) : ofInputs;
        },
        ...Object.fromEntries(names.map((name, i) => [name, () => starts[i]!])),
        mask: () => tf.zerosLike(mask),
        drop: () => tf.zerosLike(drop),
      };
    },
  });
}

interface Weight {
  read(): tf.Tensor;
}
type TfjsActivation = { getClassName(): string };
/** The fields of tfjs's layers and cells that are read here. */
interface TfjsCell {
  readonly units: number;
  readonly kernel: Weight;
  readonly recurrentKernel: Weight;
  readonly bias: Weight | null;
  readonly activation: TfjsActivation;
  readonly recurrentActivation?: TfjsActivation;
  readonly resetAfter?: boolean;
  readonly dropout: number;
  readonly recurrentDropout: number;
  readonly dropoutFunc?: (x: tf.Tensor, rate: number) => tf.Tensor;
  getClassName(): string;
  call: unknown;
}
interface TfjsRecurrent {
  readonly cell: TfjsCell;
  readonly stateful: boolean;
  readonly returnSequences: boolean;
  readonly returnState: boolean;
  readonly goBackwards: boolean;
  getClassName(): string;
  call(inputs: tf.Tensor | tf.Tensor[], kwargs: Arguments | null): tf.Tensor | tf.Tensor[];
}
interface Arguments {
  readonly mask?: tf.Tensor | null;
  readonly training?: boolean | null;
  readonly initialState?: readonly tf.Tensor[] | null;
}

/** Calls of cells as tfjs has them: one that somebody has changed does something else. */
const calls = new Map(['LSTMCell', 'GRUCell', 'SimpleRNNCell'].map((name) => [name, prototypeOf<TfjsCell>(name).call]));
const isPart = (rate: number): boolean => rate > 0 && rate < 1;

/** The operation that does what a layer does with these arguments. */
function operationOf(
  layer: TfjsRecurrent,
  x: tf.Tensor,
  { mask, training }: Arguments,
): RecurrentOperation | undefined {
  const { cell } = layer;
  const name = cell.getClassName();
  const operation = operations[cell.resetAfter ? `${name}, reset after` : name];
  if (!operation || !isWhole(operation.kernel) || cell.call !== calls.get(name)) return undefined;
  if (layer.stateful || x.rank !== 3 || x.size === 0 || (mask && mask.rank !== 2)) return undefined;
  const kinds = [cell.activation, cell.recurrentActivation].flatMap((each) => each?.getClassName() ?? []);
  // Without loops there is what ONNX's operators have: no masks, no way back, and other factors of its linear gates.
  const { hasLoops } = tf.backend() as { hasLoops?: boolean };
  if (!hasLoops && (mask || training || kinds.includes('linear'))) return undefined;
  const known = kinds.every((kind) => activations.includes(kind));
  // A cell that tf.layers.rnn was given keeps its first masks for ever.
  const draws = training && (isPart(cell.dropout) || isPart(cell.recurrentDropout));
  return known && (!draws || (cell.dropoutFunc && layer.getClassName() !== 'RNN')) ? operation : undefined;
}

const layer = prototypeOf<TfjsRecurrent>('RNN');
const unrolled = layer.call;
layer.call = function whole(inputs, kwargs) {
  const [x] = [inputs].flat() as [tf.Tensor];
  const operation = operationOf(this, x, kwargs ?? {});
  return operation ? tf.tidy(() => outputsOf(this, operation, x, kwargs ?? {})) : unrolled.call(this, inputs, kwargs);
};

/** What lookups in tables have given, while a step lasts. */
const lookups = new WeakMap<tf.Tensor, { readonly table: tf.Tensor; readonly ids: tf.Tensor }>();
const embedding = prototypeOf<TfjsEmbedding>('Embedding');
const lookUp = embedding.call;
embedding.call = function remembered(inputs, kwargs) {
  const output = lookUp.call(this, inputs, kwargs);
  const [ids] = [inputs].flat() as [tf.Tensor];
  lookups.set(output, { table: this.embeddings.read(), ids });
  return output;
};
interface TfjsEmbedding {
  readonly embeddings: Weight;
  call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor;
}

/**
 * The table and the ids, [steps, batch], that a sequence was looked up by, where the gradients cost less by way of them: as many
 * columns as there are words, instead of two products as wide as a word's row.
 */
function lookupOf(x: tf.Tensor): { table: tf.Tensor; ids: tf.Tensor } | undefined {
  const known = lookups.get(x);
  if (known?.ids.rank !== 2 || known.table.shape[0] >= 2 * x.shape[2]!) return undefined;
  return { table: known.table, ids: tf.transpose(tf.cast(known.ids, 'int32')) };
}

/** The same numbers, through which no gradient flows. */
function constantOf({ dataId, shape, dtype }: tf.Tensor): tf.Tensor {
  const engine = tf.engine();
  return engine.makeTensorFromDataId(dataId, shape, dtype, tf.backend() as tf.KernelBackend);
}

function outputsOf(
  { cell, goBackwards, returnSequences, returnState }: TfjsRecurrent,
  { kernel, states, draws }: RecurrentOperation,
  x: tf.Tensor,
  { mask, training, initialState }: Arguments,
): tf.Tensor | tf.Tensor[] {
  const [batch, , width] = x.shape as [number, number, number];
  const { units, bias } = cell;
  /** One mask for all steps; those that are not used are drawn all the same, so that all noise is as tfjs's own cells draw it. */
  const noise = (rate: number, size: number): tf.Tensor | undefined => {
    if (!training || !isPart(rate)) return undefined;
    return Array.from({ length: draws }, () => cell.dropoutFunc!(tf.ones([batch, size]), rate))[0];
  };
  const [ofInput, ofState] = [noise(cell.dropout, width), noise(cell.recurrentDropout, units)];
  const ordered = (sequence: tf.Tensor) => (goBackwards ? tf.reverse(sequence, 0) : sequence);
  const lookup = ofInput ? undefined : lookupOf(x);
  const read = lookup ? constantOf(x) : x;
  const counts = mask && tf.cast(tf.cast(mask, 'bool'), 'float32');
  const starts = Array.from({ length: states }, (_, i) =>
    initialState ? tf.transpose(initialState[i]!) : tf.zeros([units, batch]),
  );
  const none = tf.scalar(1);
  const given = {
    x: ordered(tf.transpose(ofInput ? tf.mul(read, tf.expandDims(ofInput, 1)) : read, [1, 2, 0])),
    kernel: cell.kernel.read(),
    recurrentKernel: cell.recurrentKernel.read(),
    bias: bias ? bias.read() : none,
    mask: counts ? ordered(tf.expandDims(tf.transpose(counts), 1)) : none,
    drop: ofState ? tf.transpose(ofState) : none,
    table: lookup?.table ?? none,
    ids: lookup ? tf.reshape(ordered(lookup.ids), [-1]) : none,
    ...Object.fromEntries(starts.map((start, i) => [stateNames[i]!, start])),
  };
  const [sequence, ...ends] = run(kernel, given, {
    hasBias: bias !== null && bias !== undefined,
    isMasked: Boolean(counts),
    isDropped: ofState !== undefined,
    isLookedUp: lookup !== undefined,
    keeps: (tf.engine() as unknown as { isTapeOn(): boolean }).isTapeOn(),
    activation: cell.activation.getClassName(),
    gate: (cell.recurrentActivation ?? cell.activation).getClassName(),
  }) as [tf.Tensor, ...tf.Tensor[]];
  const last = ends.slice(0, states).map((state) => tf.transpose(state));
  const output = returnSequences ? tf.transpose(sequence, [2, 0, 1]) : last[0]!;
  return returnState ? [output, ...last] : output;
}
