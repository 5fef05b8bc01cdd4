/** What graphs compute between the sessions of ONNX Runtime. */
export { activation, biasedActivation } from './activation';
export { attentionShares, attentionSlopes } from './attention-shares';
export { blockedLayerNorm, blockedLayerNormGradient } from './blocked-normalization';
export { crossEntropy, crossEntropyGradient } from './cross-entropy';
export { lstmGates } from './lstm-gates';
export { maxPoolGradient } from './max-pool-gradient';
export { layerNormGradient, rmsNormGradient } from './normalization-gradient';
export { blocksToHeads, headsToBlocks, turnBlocks } from './turned-blocks';
