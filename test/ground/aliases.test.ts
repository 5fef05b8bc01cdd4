/** Names that other libraries have for what configs name: each is answered by ours, in every key with a closed set of names. */
import { describe, expect, it } from 'vitest';
import { defineConfig } from '../../src/config/define.js';
import { type LayersConfig, modelSchema } from '../../src/config/model.js';
import { LockstepError } from '../../src/errors.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import { buildModel } from '../../src/model/build/layers.js';

const config = {
  data: { source: 'digits' },
  model: { layers: ['flatten', { dense: { units: 10 } }] },
  loss: 'hinge',
  training: { epochs: 1, batchSize: 8 },
};
const remedyOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    if (error instanceof LockstepError) return error.remedy;
    throw error;
  }
  return 'accepted';
};
const forConfig = (part: object) => remedyOf(() => defineConfig({ ...config, ...part } as never));
const forLayer = (layer: unknown) =>
  remedyOf(() => buildModel(modelSchema.parse({ layers: [layer] }) as LayersConfig, plainShape([8, 8, 1]), 1));

/** Ours, and identifiers of Keras 3.15.1 (keras.losses.get, ...), of torch.nn, torch.optim and torch.nn.init 2.x. */
const losses = {
  meanSquaredError: ['mse', 'MSE', 'mean_squared_error', 'MeanSquaredError', 'MSELoss', 'mse_loss'],
  meanAbsoluteError: ['mae', 'MAE', 'mean_absolute_error', 'L1Loss', 'l1_loss'],
  huber: ['Huber', 'HuberLoss', 'huber_loss', 'SmoothL1Loss', 'smooth_l1_loss'],
  binaryCrossentropy: ['bce', 'BCE', 'binary_crossentropy', 'BinaryCrossentropy', 'BCELoss', 'BCEWithLogitsLoss'],
  categoricalCrossentropy: ['cce', 'categorical_crossentropy', 'CategoricalCrossentropy', 'KLDivLoss'],
  sparseCategoricalCrossentropy: [
    ...['crossentropy', 'cross_entropy', 'CrossEntropyLoss', 'nll_loss', 'NLLLoss', 'scce'],
    'sparse_categorical_crossentropy',
  ],
  hinge: ['Hinge', 'hinge_loss', 'squared_hinge'],
};
const metrics = {
  accuracy: ['acc', 'Accuracy', 'binary_accuracy', 'categorical_accuracy', 'SparseCategoricalAccuracy'],
  topKAccuracy: ['top_k_accuracy', 'top_k_categorical_accuracy', 'SparseTopKCategoricalAccuracy', 'top5'],
  mae: ['MAE', 'mean_absolute_error', 'meanAbsoluteError'],
  mse: ['MSE', 'mean_squared_error', 'meanSquaredError'],
  rmse: ['RMSE', 'root_mean_squared_error', 'RootMeanSquaredError'],
  mape: ['mean_absolute_percentage_error', 'MeanAbsolutePercentageError'],
  f1: ['f1_score', 'F1Score'],
  precision: ['precision_score', 'Precision'],
  recall: ['recall_score', 'Recall'],
  iou: ['jaccard_score', 'MeanIoU'],
  mcc: ['matthews_corrcoef'],
  cohenKappa: ['cohen_kappa_score'],
  auc: ['roc_auc_score', 'AUC', 'AUROC'],
  averagePrecision: ['average_precision_score'],
  perClass: ['classification_report'],
  brier: ['brier_score_loss'],
  calibrationError: ['ece'],
  logLoss: ['log_loss'],
  ndcg: ['ndcg_score'],
  r2: ['R2', 'r2_score', 'R2Score', 'r_squared'],
};
const optimizers = {
  sgd: ['SGD'],
  momentum: ['Momentum', 'nesterov'],
  adagrad: ['Adagrad', 'adadelta'],
  rmsprop: ['RMSProp', 'RMSprop', 'rms_prop'],
  adam: ['Adam', 'Nadam', 'adamax', 'RAdam'],
  adamw: ['AdamW', 'adam_w'],
};
const activations = {
  relu: ['ReLU'],
  leakyRelu: ['leaky_relu'],
  relu6: ['ReLU6'],
  swish: ['Swish'],
  hardSigmoid: ['hard_sigmoid'],
  logSoftmax: ['log_softmax', 'LogSoftmax'],
  softmax: ['Softmax', 'soft_max'],
  sigmoid: ['Sigmoid', 'sigmod'],
  tanh: ['Tanh'],
  elu: ['ELU'],
};
const initializers = {
  glorotUniform: ['glorot_uniform', 'xavier', 'xavier_uniform', 'xavier_uniform_'],
  glorotNormal: ['glorot_normal', 'xavier_normal'],
  heUniform: ['he_uniform', 'kaiming_uniform'],
  heNormal: ['he_normal', 'kaiming_normal_'],
  leCunNormal: ['lecun_normal'],
  randomNormal: ['normal', 'random_normal'],
  randomUniform: ['uniform', 'random_uniform'],
  truncatedNormal: ['truncated_normal', 'trunc_normal_'],
  zeros: ['zero', 'zeroes'],
  ones: ['one'],
};
const layers = {
  dense: ['Linear', 'fc'],
  batchNormalization: ['BatchNorm2d', 'batch_normalization'],
  maxPooling2d: ['max_pooling2d'],
  rmsNormalization: ['RMSNorm', 'rms_normalization'],
  groupedQueryAttention: ['GroupQueryAttention'],
  transformerDecoder: ['TransformerDecoderLayer'],
  logits: ['ReversibleEmbedding'],
};
const options = {
  learningRate: ['lr', 'learning_rate'],
  epsilon: ['eps'],
  weightDecay: ['weight_decay'],
  beta1: ['beta_1'],
};

const pairs = (names: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(names).flatMap(([ours, theirs]) => theirs.map((name) => [name, ours] as const));

describe('a name of another library for', () => {
  it.each(pairs(losses))('a loss: %s', (name, ours) => {
    expect(forConfig({ loss: name })).toBe(`did you mean ${ours}?`);
    expect(forConfig({ loss: { [name]: {} } })).toContain(`did you mean ${ours}?`);
  });
  it.each(pairs(metrics))('a metric: %s', (name, ours) => {
    expect(forConfig({ metrics: [name] })).toBe(`did you mean ${ours}?`);
  });
  it.each(pairs(optimizers))('an optimizer: %s', (name, ours) => {
    expect(forConfig({ optimizer: name })).toBe(`did you mean ${ours}?`);
    expect(forConfig({ optimizer: { [name]: { learningRate: 0.1 } } })).toContain(`did you mean ${ours}?`);
  });
  it.each(pairs(options))("an optimizer's option: %s", (name, ours) => {
    expect(forConfig({ optimizer: { adamw: { [name]: 0.1 } } })).toContain(`did you mean ${ours}?`);
  });
  it.each(pairs(activations))('an activation: %s', (name, ours) => {
    const recurrent = { lstm: { units: 2, recurrentActivation: name } };
    for (const layer of [{ dense: { units: 2, activation: name } }, { activation: { activation: name } }, recurrent]) {
      expect(forLayer(layer)).toBe(`did you mean ${ours}?`);
    }
  });
  it.each(pairs(initializers))('an initializer: %s', (name, ours) => {
    expect(forLayer({ dense: { units: 2, kernelInitializer: name } })).toBe(`did you mean ${ours}?`);
  });
  it.each(pairs(layers))('a layer: %s', (name, ours) => {
    expect(forLayer({ [name]: {} })).toBe(`did you mean ${ours}?`);
  });
  it.each([
    [{ conv2d: { filters: 1, kernelSize: 1, padding: 'SAME' } }, 'same'],
    [{ conv2d: { filters: 1, kernelSize: 1, dataFormat: 'channels_last' } }, 'channelsLast'],
    [{ dense: { units: 1, kernelRegularizer: 'l2' } }, 'l1l2'],
    [{ tokenAndPositionEmbedding: { embedding_dim: 8 } }, 'width'],
    [{ tokenAndPositionEmbedding: { vocabulary_size: 8 } }, 'vocabulary'],
    [{ logits: { tie_weights: true } }, 'tied'],
  ])('another option of a layer: %j', (layer, ours) => expect(forLayer(layer)).toBe(`did you mean ${ours}?`));
});

it.each(['loss', 'metrics', 'optimizer'])('what is like nothing is not guessed: %s', (key) => {
  expect(forConfig({ [key]: key === 'metrics' ? ['zzzzqqqq'] : 'zzzzqqqq' })).toMatch(/^correct it/);
  expect(forLayer({ dense: { units: 2, activation: 'zzzzqqqq' } })).toMatch(/^use one of elu, selu, relu,/);
});
