/**
 * What Keras 2 and 3 write in a model's JSON that tfjs 4.22 does not read, in the words that it does read. Names of classes and
 * keys are those of Keras's sources: regularizers.py, initializers.py, saving/serialization_lib.py, models/functional.py.
 */
import { ModelError } from '../errors.js';

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Class names of tfjs by those of Keras. */
const classNames: Readonly<Record<string, string | undefined>> = {
  L1: 'L1L2',
  L2: 'L1L2',
  LecunNormal: 'LeCunNormal',
  LecunUniform: 'LeCunUniform',
  OrthogonalInitializer: 'Orthogonal',
};

/** Options that tfjs ignores, by class, with the values for which that makes no difference. */
const ignored: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> = {
  ReLU: { negative_slope: 0, threshold: 0 },
  Conv1D: { groups: 1 },
  Conv2D: { groups: 1 },
  Conv3D: { groups: 1 },
  Conv2DTranspose: { output_padding: null },
  Conv3DTranspose: { output_padding: null },
  LayerNormalization: { rms_scaling: false },
  SimpleRNN: { zero_output_for_mask: false },
  LSTM: { zero_output_for_mask: false, time_major: false },
  GRU: { zero_output_for_mask: false, time_major: false },
  GlobalAveragePooling1D: { keepdims: false },
  GlobalAveragePooling2D: { keepdims: false },
  GlobalMaxPooling1D: { keepdims: false },
  GlobalMaxPooling2D: { keepdims: false },
};

/**
 * A topology that tfjs can build; one that tfjs wrote stays as it is.
 * @throws ModelError when a layer has an option that tfjs would ignore
 */
export function readableTopology(file: string, topology: Json): Json {
  const rewrite = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rewrite);
    if (!isObject(value)) return value;
    const { class_name: name, config } = value;
    if (name === 'DTypePolicy' && isObject(config)) return config.name;
    const inner = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, rewrite(part)]));
    if (typeof name !== 'string' || !isObject(config)) return inner;
    checkIgnored(file, name, config);
    if (Array.isArray(value.inbound_nodes)) inner.inbound_nodes = value.inbound_nodes.map(inboundNode);
    return { ...inner, class_name: classNames[name] ?? name, config: rewriteConfig(name, inner.config as Json) };
  };
  return rewrite(topology) as Json;
}

function checkIgnored(file: string, name: string, config: Json): void {
  for (const [key, harmless] of Object.entries(ignored[name] ?? {})) {
    const value = config[key] ?? harmless;
    if (value === harmless) continue;
    throw new ModelError(
      `${file}: layer ${config.name} (${name}): tfjs knows no ${key}, which is ${JSON.stringify(value)}`,
      'use another layer for it, such as leakyReLU, separableConv2d or reshape',
    );
  }
}

function rewriteConfig(name: string, config: Json): Json {
  // tfjs's one regularizer fills in 0.01 for a factor that is missing.
  if (name === 'L1' || name === 'L2') return { l1: config.l1 ?? 0, l2: config.l2 ?? 0 };
  const { batch_shape: batchShape, input_layers: inputs, output_layers: outputs, ...rest } = config;
  // Half precision is a matter of Keras's machines: Lockstep computes in float32.
  if (typeof rest.dtype === 'string' && /float/.test(rest.dtype)) rest.dtype = 'float32';
  // Keras 3's name for it: without alpha tfjs takes 0.3.
  if (name === 'LeakyReLU' && 'negative_slope' in rest) rest.alpha = rest.negative_slope;
  if (Array.isArray(rest.axis) && rest.axis.length === 1) rest.axis = rest.axis[0];
  if (batchShape !== undefined) rest.batch_input_shape = batchShape;
  if (inputs !== undefined) rest.input_layers = endpoints(inputs);
  if (outputs !== undefined) rest.output_layers = endpoints(outputs);
  return rest;
}

/** Keras 3 leaves out the outer list where there is one endpoint. */
const endpoints = (list: unknown): unknown => (Array.isArray(list) && typeof list[0] === 'string' ? [list] : list);

/** Keras 3 writes a call's arguments; Keras 2 and tfjs the tensors among them: [layer, node, tensor, options]. */
function inboundNode(node: unknown): unknown {
  if (!isObject(node)) return node;
  const tensors = (value: unknown): unknown[] => {
    if (Array.isArray(value)) return value.flatMap(tensors);
    if (!isObject(value) || value.class_name !== '__keras_tensor__') return [];
    return [[...((value.config as Json).keras_history as unknown[]), {}]];
  };
  return tensors(node.args);
}
