/** What runs of many tests have in common: a model with noise that trains in no time. */

export const smallModel = {
  model: {
    layers: [
      'flatten',
      { dense: { units: 16, activation: 'relu' } },
      { dropout: { rate: 0.2 } },
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
};
