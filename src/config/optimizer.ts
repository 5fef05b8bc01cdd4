/** The `optimizer` section: `adam`, or `{ adam: { learningRate: 0.01 } }`. */
import { z } from 'zod';

const learningRate = (standard: number) =>
  z.number().positive().default(standard).describe('Step size before the schedule; the schedule scales it.');

const epsilon = z
  .number()
  .min(1e-30)
  .default(1e-8)
  .describe('Added to the root of the squared gradients, against division by zero.');

// Above 0.999999, float32 has too few digits left for 1 - decay.
const decay = (standard: number, what: string) => z.number().min(0).max(0.999999).default(standard).describe(what);

const weightDecay = (standard: number) =>
  z
    .number()
    .min(0)
    .default(standard)
    .describe('Share of every parameter, times the learning rate, taken off at each step.');

const weightPatterns = z.array(z.string().min(1).max(200)).max(100);

const noDecay = weightPatterns
  .optional()
  .describe(
    'Weights that are not decayed, by their names: [bias, gamma, beta] are biases and normalizations. `*` stands for any letters; ' +
      'a pattern without a slash is compared with the last part of a name and with what follows each underscore in it, one with it with ' +
      'the whole, as in "dense_1/*".',
  );

const emaMomentum = z
  .number()
  .min(0)
  .max(0.999999)
  .optional()
  .describe(
    'Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.',
  );

const adamOptions = {
  emaMomentum,
  learningRate: learningRate(0.001),
  beta1: decay(0.9, 'Decay of the running mean of the gradients.'),
  beta2: decay(0.999, 'Decay of the running mean of the squared gradients.'),
  epsilon,
};

const mappingSchema = z.union([
  z.strictObject({
    sgd: z.strictObject({ learningRate: learningRate(0.01), emaMomentum }).describe('Plain gradient descent.'),
  }),
  z.strictObject({
    momentum: z
      .strictObject({
        learningRate: learningRate(0.01),
        emaMomentum,
        momentum: decay(0.9, 'Share of the velocity that the next step keeps.'),
        nesterov: z.boolean().default(false).describe('Take the gradient as if the velocity had already moved.'),
      })
      .describe('Gradient descent with momentum.'),
  }),
  z.strictObject({
    adagrad: z
      .strictObject({
        learningRate: learningRate(0.01),
        emaMomentum,
        initialAccumulator: z.number().min(0).default(0.1).describe('Where the sum of squared gradients starts.'),
        epsilon,
      })
      .describe('Steps shrink with the sum of all squared gradients so far.'),
  }),
  z.strictObject({
    rmsprop: z
      .strictObject({
        learningRate: learningRate(0.001),
        emaMomentum,
        decay: decay(0.9, 'Decay of the running mean of the squared gradients.'),
        epsilon,
      })
      .describe('Steps shrink with the running mean of the squared gradients.'),
  }),
  z.strictObject({
    adam: z.strictObject(adamOptions).describe('Running means of the gradients and of their squares.'),
  }),
  z.strictObject({
    adamw: z
      .strictObject({
        ...adamOptions,
        weightDecay: weightDecay(0.01),
        noDecay,
      })
      .describe('Adam with weight decay apart from the gradient.'),
  }),
  z.strictObject({
    lion: z
      .strictObject({
        learningRate: learningRate(0.0001),
        emaMomentum,
        beta1: decay(0.9, 'Share of the running mean of the gradients in the direction of a step.'),
        beta2: decay(0.99, 'Decay of the running mean of the gradients.'),
        weightDecay: weightDecay(0),
        noDecay,
      })
      .describe(
        'Steps of one size, in the direction of the sign of a running mean: a third of the learning rate of Adam, or less.',
      ),
  }),
  z.strictObject({
    muon: z
      .strictObject({
        learningRate: learningRate(0.001),
        emaMomentum,
        momentum: decay(0.95, 'Decay of the running mean of the gradients of matrices.'),
        nesterov: z.boolean().default(true).describe('Take the mean as it would be after the same gradient again.'),
        steps: z.int().min(1).max(20).default(5).describe('Newton-Schulz steps that make a matrix orthogonal.'),
        scale: z
          .enum(['matchRmsAdamw', 'original'])
          .default('matchRmsAdamw')
          .describe(
            'Length of the step of a matrix [in, out], times the learning rate: 0.2 times the root of the larger side, so that learning ' +
              'rates of AdamW fit; or the root of out / in, at least 1.',
          ),
        exclude: weightPatterns
          .optional()
          .describe('Matrices that AdamW is to update, named as in `noDecay`. Default: [embeddings].'),
        weightDecay: weightDecay(0.1),
        noDecay,
        adamw: z
          .strictObject({
            learningRate: z.number().positive().optional().describe('Default: that of the matrices.'),
            beta1: adamOptions.beta1,
            beta2: adamOptions.beta2,
            epsilon,
          })
          .prefault({})
          .describe('How all that is no matrix is updated; the decay is the same.'),
      })
      .describe('Orthogonal steps for matrices, AdamW for all else.'),
  }),
  z.strictObject({
    adafactor: z
      .strictObject({
        learningRate: learningRate(0.01).describe(
          'Largest length of a step as a part of the length of a weight; one over the root of the step, where that is less.',
        ),
        emaMomentum,
        beta2Decay: z
          .number()
          .min(-1)
          .max(0)
          .default(-0.8)
          .describe('The means of the squared gradients take in the step to the power of this of the new ones.'),
        epsilon: z
          .number()
          .min(1e-15)
          .default(2 ** -23)
          .describe('Least root of the squared gradients, and least mean of those of a matrix.'),
        epsilonScale: z
          .number()
          .min(0)
          .default(0.001)
          .describe('Least root mean square that a weight counts with for the length of its steps.'),
        clipThreshold: z.number().min(1).default(1).describe('Largest root mean square of a direction.'),
        weightDecay: weightDecay(0),
        noDecay,
      })
      .describe(
        'Steps as long as weights are, with little state: of squared gradients the means of rows and of columns.',
      ),
  }),
  z.strictObject({
    lamb: z
      .strictObject({
        ...adamOptions,
        epsilon: epsilon.default(1e-6),
        weightDecay: weightDecay(0),
        noDecay,
      })
      .describe('Steps of Adam, each as long as its weight is, for large batches.'),
  }),
]);

export const optimizerSchema = z
  .union([
    z
      .enum(['sgd', 'momentum', 'adagrad', 'rmsprop', 'adam', 'adamw', 'lion', 'muon', 'adafactor', 'lamb'])
      .transform((name) => mappingSchema.parse({ [name]: {} })),
    mappingSchema,
  ])
  .describe('How a gradient changes the parameters; a bare name takes its defaults.');

export type OptimizerConfig = z.output<typeof optimizerSchema>;

/** Those of one optimizer. */
export type OptimizerOptions<Name extends PropertyKey> = Extract<OptimizerConfig, Record<Name, unknown>>[Name];
