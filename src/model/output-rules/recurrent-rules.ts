/** What recurrent layers and wrappers make of their steps. */
import { weighs } from './activation-rules.js';
import {
  type Call,
  type Known,
  type Layer,
  type LayerRule,
  logits,
  type Shape,
  softmaxAlong,
  undecided,
} from './known.js';
import { multiply, sums } from './merge-rules.js';

/**
 * The steps of recurrent layers: simpleRNN gives the activation itself, gru a mean of it and the state before, which starts
 * as zeros, lstm a part of it.
 */
export const cellRules: Readonly<Record<string, LayerRule | undefined>> = {
  SimpleRNNCell: weighs,
  GRUCell: (call) => part(call, weighs(call)),
  LSTMCell: (call) => part(call, weighs(call)),
  ConvLSTM2DCell: (call) => part(call, weighs(call)),
  StackedRNNCells: (call) => {
    const cell = (call.layer as unknown as { cells: Layer[] }).cells.at(-1)!;
    return call.inside(cell, logits, call.shape, call.shape);
  },
};

function part({ config, where }: Call, known: Known): Known {
  if (known.kind === 'softmax') return undecided(`${where} gives parts of a softmax`);
  const gate = config.recurrentActivation;
  const opens = gate === 'sigmoid' || gate === 'hardSigmoid' || gate === 'kerasHardSigmoid';
  return known.kind === 'sigmoid' && !opens ? undecided(`${where} has gates of ${gate}`) : known;
}

export const recurrent: LayerRule = ({ layer, shape, inside }) => {
  const { cell } = layer as unknown as { cell: Layer };
  return inside(cell, logits, shape, shape);
};

export const timeDistributed: LayerRule = ({ layer, inputs: [input], shapes, shape, inside, where }) => {
  const { layer: inner } = layer as unknown as { layer: Layer };
  const at = (shape: Shape): Shape => [shape[0], ...shape.slice(2)];
  if (input.kind === 'softmax' && input.axis === 1) return undecided(`${where} takes a softmax over places apart`);
  const known = inside(
    inner,
    input.kind === 'softmax' ? softmaxAlong(input.axis - 1) : input,
    at(shapes[0]),
    at(shape),
  );
  return known.kind === 'softmax' ? softmaxAlong(known.axis + 1) : known;
};

export const bidirectional: LayerRule = (call) => {
  const { layer, shapes, inputs, shape, inside, config, where } = call;
  const { forwardLayer } = layer as unknown as { forwardLayer: Layer };
  const known = inside(forwardLayer, inputs[0], shapes[0], shape);
  const both = { ...call, inputs: [known, known] };
  switch (config.mergeMode) {
    case 'sum':
      return sums('adds up')(both);
    case 'mul':
      return multiply(both);
    case 'ave':
      return known;
    default:
      return known.kind === 'softmax' ? undecided(`${where} joins several softmaxes into one row`) : known;
  }
};
