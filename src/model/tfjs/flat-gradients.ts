/**
 * Gradients of comparisons, which tfjs lacks: a step is flat wherever it has a slope. Training meets none of them between a
 * weight and the loss, but between an input and the output there are some, as in Masking. Imported for its effect.
 */
import tf = require('@tensorflow/tfjs-core');

const operands: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ['Equal', 'NotEqual', 'Greater', 'Less', 'LessEqual', 'LogicalAnd', 'LogicalOr'].map((kernel) => [
      kernel,
      ['a', 'b'],
    ]),
  ),
  ...Object.fromEntries(['LogicalNot', 'Any', 'All'].map((kernel) => [kernel, ['x']])),
};

for (const [kernelName, inputs] of Object.entries(operands)) {
  if (tf.getGradient(kernelName)) continue;
  tf.registerGradient({
    kernelName,
    inputsToSave: [...inputs],
    gradFunc: (_, saved) =>
      Object.fromEntries(inputs.map((name, i) => [name, () => tf.zeros(saved[i].shape, 'float32')])),
  });
}
