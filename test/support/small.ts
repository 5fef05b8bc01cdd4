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

/** What tests of launchers train: it takes a second, in steps of which each is over at once. */
export const smallJob = {
  name: 'job',
  data: { source: 'digits', examples: 400, validation: 0.1, test: 0.1 },
  model: { layers: ['flatten', { dense: { units: 8, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: {} },
};
