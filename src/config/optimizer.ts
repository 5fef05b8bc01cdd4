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
      'a pattern without a slash is compared with the last part of a name, one with it with the whole, as in "dense_1/*".',
  );

const adamOptions = {
  learningRate: learningRate(0.001),
  beta1: decay(0.9, 'Decay of the running mean of the gradients.'),
  beta2: decay(0.999, 'Decay of the running mean of the squared gradients.'),
  epsilon,
};

const mappingSchema = z.union([
  z.strictObject({
    sgd: z.strictObject({ learningRate: learningRate(0.01) }).describe('Plain gradient descent.'),
  }),
  z.strictObject({
    momentum: z
      .strictObject({
        learningRate: learningRate(0.01),
        momentum: decay(0.9, 'Share of the velocity that the next step keeps.'),
        nesterov: z.boolean().default(false).describe('Take the gradient as if the velocity had already moved.'),
      })
      .describe('Gradient descent with momentum.'),
  }),
  z.strictObject({
    adagrad: z
      .strictObject({
        learningRate: learningRate(0.01),
        initialAccumulator: z.number().min(0).default(0.1).describe('Where the sum of squared gradients starts.'),
        epsilon,
      })
      .describe('Steps shrink with the sum of all squared gradients so far.'),
  }),
  z.strictObject({
    rmsprop: z
      .strictObject({
        learningRate: learningRate(0.001),
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
        beta1: decay(0.9, 'Share of the running mean of the gradients in the direction of a step.'),
        beta2: decay(0.99, 'Decay of the running mean of the gradients.'),
        weightDecay: weightDecay(0),
        noDecay,
      })
      .describe(
        'Steps of one size, in the direction of the sign of a running mean: a third of the learning rate of Adam, or less.',
      ),
  }),
]);

export const optimizerSchema = z
  .union([
    z
      .enum(['sgd', 'momentum', 'adagrad', 'rmsprop', 'adam', 'adamw', 'lion'])
      .transform((name) => mappingSchema.parse({ [name]: {} })),
    mappingSchema,
  ])
  .describe('How a gradient changes the parameters; a bare name takes its defaults.');

export type OptimizerConfig = z.output<typeof optimizerSchema>;

/** Those of one optimizer. */
export type OptimizerOptions<Name extends PropertyKey> = Extract<OptimizerConfig, Record<Name, unknown>>[Name];
