/**
 * What Keras 2 and 3 write in a model's JSON that tfjs 4.22 does not read, in the words that it does read. Names of classes and
 * keys are those of Keras's sources: regularizers.py, initializers.py, saving/serialization_lib.py, models/functional.py.
 */
import { ModelError } from '../../errors.js';
import { isObject, type Json, nestedCalls, readableLayers, shifted } from './keras-graph.js';

/** Class names of tfjs by those of Keras. */
const classNames: Readonly<Record<string, string | undefined>> = {
  L1: 'L1L2',
  L2: 'L1L2',
  LecunNormal: 'LeCunNormal',
  LecunUniform: 'LeCunUniform',
  OrthogonalInitializer: 'Orthogonal',
};

const last = 'channels_last';
/** Options that tfjs ignores, by class, with the values for which that makes no difference. */
const ignored: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> = {
  ReLU: { negative_slope: 0, threshold: 0 },
  Conv1D: { groups: 1, data_format: last },
  Conv2D: { groups: 1 },
  Conv3D: { groups: 1 },
  Conv2DTranspose: { output_padding: null },
  Conv3DTranspose: { output_padding: null },
  LayerNormalization: { rms_scaling: false },
  LSTM: { time_major: false },
  GRU: { time_major: false },
  MaxPooling1D: { data_format: last },
  AveragePooling1D: { data_format: last },
  GlobalAveragePooling1D: { keepdims: false, data_format: last },
  GlobalAveragePooling2D: { keepdims: false },
  GlobalMaxPooling1D: { keepdims: false, data_format: last },
  // It reads other points between pixels than Keras.
  UpSampling2D: { interpolation: 'nearest' },
  BatchNormalization: { renorm: false },
  GlobalMaxPooling2D: { keepdims: false },
};

/** Activation functions by their names in Keras 3, where tfjs writes them otherwise than with capitals for underscores. */
const activations: Readonly<Record<string, string | undefined>> = {
  silu: 'swish',
  hard_swish: 'hard_silu',
  celu: 'elu',
  // tfjs and Keras 2 have another function of this name.
  hard_sigmoid: 'keras_hard_sigmoid',
};
/** Those that tfjs has not, and that are not made up for. */
const unknownActivations = ['glu', 'sparsemax', 'threshold'];

/**
 * A topology that tfjs can build; one that tfjs wrote stays as it is.
 * @param version of Keras that the file names, if it names one
 * @throws ModelError when a layer has an option that tfjs would ignore
 */
export function readableTopology(file: string, topology: Json, version: unknown): Json {
  const isKeras3 = version === undefined ? 'module' in topology : /^3\./.test(String(version));
  const masks = /"class_name":"Masking"|"mask_zero":true/.test(JSON.stringify(topology));
  const rewrite = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rewrite);
    if (!isObject(value)) return value;
    const { class_name: name, config } = value;
    if (/DTypePolicy$/.test(String(name)) && isObject(config)) return precision(file, name as string, config);
    if (typeof name !== 'string' || !isObject(config)) {
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, rewrite(part)]));
    }
    checkOptions(file, name, config, masks);
    const same = name === 'Bidirectional' ? bidirectional(file, config) : config;
    const own = isKeras3 ? keras3Config(file, name, same) : same;
    const inner = rewrite(own) as Json;
    const { config: _, ...around } = value;
    return { ...(rewrite(around) as Json), class_name: classNames[name] ?? name, config: rewriteConfig(name, inner) };
  };
  return rewrite(topology) as Json;
}

/** Half precision is a matter of Keras's machines: Lockstep computes in float32. */
function precision(file: string, name: string, config: Json): unknown {
  if (name === 'DTypePolicy') return config.name;
  throw new ModelError(
    `${file}: a layer is quantised (${name} ${config.mode ?? config.name ?? ''})`,
    'save the model before quantize() is called',
  );
}

/** Rewrites what means something else in Keras 3 than in Keras 2 and tfjs: activations and calls of layers. */
function keras3Config(file: string, name: string, config: Json): Json {
  const changed: Json = { ...config };
  for (const key of ['activation', 'recurrent_activation']) {
    if (key in config) changed[key] = activation(file, `layer ${config.name} (${name})`, key, config[key]);
  }
  if ((name === 'Functional' || name === 'Model') && Array.isArray(config.layers)) {
    const outputs = endpoints(config.output_layers) as [string, number, number][];
    const shifts = nestedCalls(config.layers as Json[], outputs);
    changed.layers = readableLayers(file, config.layers as Json[], shifts);
    changed.output_layers = outputs.map((end) => shifted(end, shifts));
  }
  return changed;
}

/** tfjs turns the one layer round by itself; zeros for masked places are what it has where it gives sequences. */
function bidirectional(file: string, config: Json): Json {
  // Keras 3 writes the names of both directions, and tfjs makes them.
  const forward = config.layer as { config: Json };
  const layer = {
    ...forward,
    config: { ...forward.config, name: String(forward.config.name).replace(/^forward_/, '') },
  };
  const back = config.backward_layer as { config: Json } | undefined;
  const told = ({ config: { name, go_backwards, zero_output_for_mask, ...rest } }: { config: Json }) =>
    JSON.stringify(rest).replace(/"(seed|name|shared_object_id|registered_name)":("[^"]*"|null|\d+),?/g, '');
  if (back && told(back) !== told(layer)) {
    throw new ModelError(
      `${file}: layer ${config.name} (Bidirectional): tfjs knows no backward_layer with options of its own`,
      'give both directions the same options, or build the model in model.module',
    );
  }
  const { backward_layer: _, ...rest } = config;
  return { ...rest, layer: { ...layer, config: { ...layer.config, zero_output_for_mask: false } } };
}

function activation(file: string, where: string, key: string, value: unknown): unknown {
  const remedy = 'use a layer of its own for it, such as leakyReLU, or build the model in model.module';
  if (typeof value === 'string' && !unknownActivations.includes(value)) return activations[value] ?? value;
  if (value === null || value === undefined) return value;
  const name = isObject(value) ? (value.class_name ?? value.config) : value;
  // Some activations are written as functions with their name.
  if (isObject(value) && value.class_name === 'function' && typeof value.config === 'string') {
    return activation(file, where, key, value.config);
  }
  throw new ModelError(`${file}: ${where}: tfjs has no ${key} ${JSON.stringify(name)}`, remedy);
}

/** @param masks whether anything in the model makes masks */
function checkOptions(file: string, name: string, config: Json, masks: boolean): void {
  if (masks && config.zero_output_for_mask === true) {
    throw new ModelError(
      `${file}: layer ${config.name} (${name}): tfjs knows no zero_output_for_mask where there is a mask`,
      'leave the option out, or the masking',
    );
  }
  for (const [key, harmless] of Object.entries({ lora_rank: null, ...ignored[name] })) {
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
