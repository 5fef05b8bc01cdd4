/** What Keras and PyTorch call what our configs name otherwise: for "did you mean ...?". */

/** Our names, each with the others'. A name may stand for several of ours: the key where it is used tells which. */
const others: Readonly<Record<string, string>> = {
  // Losses. PyTorch's cross_entropy and nll_loss take class indices.
  meanSquaredError: 'mse, l2, l2Loss, MSELoss, squaredError, quadratic, leastSquares, regression',
  meanAbsoluteError: 'mae, l1, L1Loss, absoluteError',
  huber: 'smoothL1, SmoothL1Loss, HuberLoss, logCosh',
  binaryCrossentropy:
    'bce, BCELoss, BCEWithLogits, BCEWithLogitsLoss, logLoss, logistic, sigmoidCrossEntropy, binaryCrossEntropyWithLogits, ' +
    'multiLabelSoftMarginLoss, softMarginLoss, binaryFocalCrossentropy',
  categoricalCrossentropy: 'cce, kl, kld, KLDivLoss, klDivergence, softmaxCrossEntropy, categoricalFocalCrossentropy',
  sparseCategoricalCrossentropy:
    'crossEntropy, CrossEntropyLoss, ce, scce, nll, NLLLoss, sparseCrossEntropy, sparseSoftmaxCrossEntropy, softmax',
  hinge: 'svm, squaredHinge, categoricalHinge, HingeEmbeddingLoss, MultiMarginLoss',
  // Metrics
  accuracy: 'acc, binaryAccuracy, categoricalAccuracy, sparseCategoricalAccuracy, multiclassAccuracy',
  topKAccuracy: 'topK, top5, top3, topKCategoricalAccuracy, sparseTopKCategoricalAccuracy, top5Accuracy, top3Accuracy',
  mse: 'meanSquaredError, squaredError',
  rmse: 'rootMeanSquaredError',
  mape: 'meanAbsolutePercentageError',
  smape: 'symmetricMeanAbsolutePercentageError',
  medianAbsoluteError: 'medae',
  pinball: 'meanPinballLoss, quantileLoss, d2PinballScore',
  explainedVariance: 'explainedVarianceScore',
  balancedAccuracy: 'balancedAccuracyScore, bacc',
  precision: 'precisionScore, ppv',
  recall: 'recallScore, sensitivity, tpr',
  f1: 'f1Score, fscore, dice, F1Score',
  fBeta: 'fbetaScore, FBetaScore',
  iou: 'jaccard, jaccardScore, jaccardIndex, meanIoU, binaryIoU',
  mcc: 'matthewsCorrcoef, phi, matthews',
  cohenKappa: 'cohenKappaScore, kappa, quadraticWeightedKappa',
  confusionMatrix: 'confusion, multilabelConfusionMatrix',
  perClass: 'classificationReport',
  auc: 'rocAuc, rocAucScore, AUROC',
  averagePrecision: 'averagePrecisionScore, prAuc, auprc',
  rocCurve: 'roc',
  precisionRecallCurve: 'prCurve',
  brier: 'brierScore, brierScoreLoss',
  calibrationError: 'ece, expectedCalibrationError',
  reliability: 'calibrationCurve, reliabilityDiagram',
  mrr: 'reciprocalRank, meanReciprocalRank, retrievalMRR',
  ndcg: 'ndcgScore, normalizedDcg, retrievalNormalizedDCG',
  map: 'meanAveragePrecision, mapAtK, retrievalMAP',
  hitRate: 'hr, hitRatio, retrievalHitRate',
  mae: 'meanAbsoluteError, absoluteError, l1',
  r2: 'R2Score, rSquared, rSquare, coefficientOfDetermination',
  // Optimizers
  sgd: 'gradientDescent, vanilla',
  momentum: 'nesterov, nag, sgdMomentum, sgdWithMomentum',
  rmsprop: 'RMSPropOptimizer, rms',
  adagrad: 'adadelta, AdagradOptimizer',
  adam: 'AdamOptimizer, nadam, radam, adamax, amsgrad',
  adamw: 'adamWeightDecay, adamWithWeightDecay, decoupledAdam',
  muon: 'newtonSchulz, shampoo, soap',
  adafactor: 'AdafactorOptimizer, came',
  lamb: 'lars',
  lion: 'LionOptimizer, signMomentum, signum, signSgd',
  // Options of optimizers
  learningRate: 'lr, stepSize, initialLearningRate, alpha, eta',
  epsilon: 'eps, layerNormEpsilon, normEps',
  decay: 'rho',
  beta1: 'b1, beta',
  emaMomentum: 'ema, useEma, emaDecay, averageDecay',
  noDecay: 'excludeFromWeightDecay, noWeightDecay, decayExcept',
  weightDecay: 'wd, decoupledWeightDecay',
  initialAccumulator: 'initialAccumulatorValue',
  // Activations
  relu: 'rectifier, leakyRelu, prelu, lrelu, reluN',
  swish: 'silu',
  linear: 'identity, none',
  hardSigmoid: 'hSigmoid, hardSilu, hardSwish',
  logSoftmax: 'logsoftmaxV2',
  // Initialisers
  glorotUniform: 'xavier, xavierUniform, glorot',
  glorotNormal: 'xavierNormal',
  heUniform: 'kaiming, kaimingUniform, he',
  heNormal: 'kaimingNormal, msra',
  leCunNormal: 'lecun',
  randomNormal: 'normal, gaussian',
  randomUniform: 'uniform',
  truncatedNormal: 'truncNormal',
  zeros: 'zero',
  ones: 'one',
  identity: 'eye',
  // Regularizers
  l1l2: 'l1, l2, l1_l2',
  // Layers
  dense: 'linear, fullyConnected, fc, InnerProduct',
  batchNormalization: 'batchNorm, BatchNorm1d, BatchNorm2d',
  layerNormalization: 'layerNorm',
  rmsNormalization: 'RMSNorm',
  groupedQueryAttention: 'GroupQueryAttention, gqa',
  transformerEncoder: 'TransformerEncoderLayer',
  transformerDecoder: 'TransformerDecoderLayer',
  positionEmbedding: 'positionalEncoding, positionalEmbedding, SinePositionEncoding, rotaryEmbedding',
  logits: 'lmHead, reversibleEmbedding',
  // Options of layers
  width: 'embeddingDim, embedDim, hiddenSize, hiddenDim, dModel, nEmbd',
  vocabulary: 'vocabularySize, vocabSize',
  keyValueHeads: 'numKeyValueHeads, numKvHeads',
  normalizeFirst: 'normFirst, preNorm',
  tied: 'tieWeights, tieWordEmbeddings, tieEmbeddings',

  maxPooling2d: 'maxPool, maxPool2d',
  averagePooling1d: 'avgPool1d',
  averagePooling2d: 'avgPool, avgPool2d',
  globalAveragePooling2d: 'AdaptiveAvgPool2d, globalAvgPool',
  conv2dTranspose: 'ConvTranspose2d, deconvolution, deconv',
  simpleRNN: 'rnn',
  gaussianNoise: 'noise',
  spatialDropout1d: 'dropout1d',
};

/** `MSELoss`, `mean_squared_error` and `meanSquaredError` alike: case, separators and a last "loss" mean nothing. */
const plain = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/(?<=.)loss$/, '');

const aliases = new Map<string, string[]>();
for (const [ours, theirs] of Object.entries(others)) {
  for (const name of [ours, ...theirs.split(', ')]) {
    const known = aliases.get(plain(name)) ?? [];
    if (!known.includes(ours)) aliases.set(plain(name), [...known, ours]);
  }
}

/** The candidate that another library calls `name`, or that `name` is in other letters; undefined where there is none. */
export function aliasOf(name: string, candidates: readonly string[]): string | undefined {
  const wanted = plain(name);
  const same = candidates.find((candidate) => plain(candidate) === wanted);
  if (same !== undefined || wanted === '') return same;
  const known = aliases.get(wanted)?.map((ours) => ours.toLowerCase());
  return known && candidates.find((candidate) => known.includes(candidate.toLowerCase()));
}
