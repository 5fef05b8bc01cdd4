/** A config as one writes it, made from its schema by `npm run schema`: what has a default may be left out. */
import type {LayerInput} from './layer-input.js';

/**
 * The columns of a table that make a target.
 */
export type TargetColumns =
  | (string | string[])
  | (TargetColumnKeys & {
      column: string | string[];
    })
  | (TargetColumnKeys & {
      columns: string | string[];
    });
/**
 * The columns of a table that make an input.
 */
export type InputColumns =
  | (string | string[])
  | {
      /**
       * A column of texts, which become their tokens, filled up at their ends, with a mask.
       */
      text: string;
      /**
       * As data.tokens of source text; learned from all rows of data.file.
       */
      tokens?:
        | {
            /**
             * Byte-level byte pair encoding (Sennrich et al. 2016, as GPT-2 has it), learned from the training split: the merges of ByteLevelBPETokenizer of Hugging Face's tokenizers.
             */
            bpe: {
              /**
               * Tokens at most, the 256 bytes among them; a short text gives fewer.
               */
              vocabulary?: number;
              /**
               * Pairs of tokens that the training split has less often are not merged.
               */
              minFrequency?: number;
            };
          }
        | {
            /**
             * A tokenizer.json of Hugging Face's tokenizers: BPE, WordPiece or Unigram; a relative path starts at the current folder.
             */
            file: string;
          };
      /**
       * Tokens that texts are filled up to; longest: as many as the longest of the training split has, and others are cut there.
       */
      length: 'longest' | number;
      /**
       * Cut off the tokens that a text has beyond length. Default: false.
       */
      truncate?: boolean;
    }
  | {
      /**
       * A column whose categories become whole numbers from 0.
       */
      index: string;
    }
  | {
      columns: string | string[];
      /**
       * As data.standardize, for this input.
       */
      standardize?: boolean;
    };
/**
 * Height and width, or one number for both.
 */
export type ImageSize = number | [number, number];
/**
 * Pictures that a column of a table names.
 */
export type PictureColumn = ImageKeysOfDir &
  ImageKeysOfSize &
  ImageKeysOfGreyscale & {
    /**
     * The column of their names.
     */
    image: string;
  };
/**
 * Pictures in a folder, whose names are those of other files.
 */
export type PictureFolder = ImageKeysOfSize &
  ImageKeysOfGreyscale & {
    /**
     * A folder with a file for each picture, of the same name but for its ending.
     */
    images: string;
  };
/**
 * Metrics of a target.
 */
export type MetricList = (
  | (
      | 'accuracy'
      | 'topKAccuracy'
      | 'balancedAccuracy'
      | 'precision'
      | 'recall'
      | 'f1'
      | 'iou'
      | 'mcc'
      | 'cohenKappa'
      | 'perClass'
      | 'confusionMatrix'
      | 'auc'
      | 'averagePrecision'
      | 'rocCurve'
      | 'precisionRecallCurve'
      | 'logLoss'
      | 'perplexity'
      | 'bitsPerPlace'
      | 'bitsPerByte'
      | 'brier'
      | 'calibrationError'
      | 'reliability'
      | 'mrr'
      | 'mae'
      | 'mse'
      | 'rmse'
      | 'mape'
      | 'smape'
      | 'maxError'
      | 'medianAbsoluteError'
      | 'r2'
      | 'explainedVariance'
    )
  | {
      topKAccuracy: {
        /**
         * The target counts as found among the k highest outputs
         */
        k: number;
      };
    }
  | {
      precision: {
        /**
         * Over classes: macro counts each alike, weighted by how often it is the truth, micro counts all places alike. Of two classes the default is the second one by itself
         */
        average?: 'macro' | 'micro' | 'weighted';
      };
    }
  | {
      recall: {
        /**
         * Over classes: macro counts each alike, weighted by how often it is the truth, micro counts all places alike. Of two classes the default is the second one by itself
         */
        average?: 'macro' | 'micro' | 'weighted';
      };
    }
  | {
      f1: {
        /**
         * Over classes: macro counts each alike, weighted by how often it is the truth, micro counts all places alike. Of two classes the default is the second one by itself
         */
        average?: 'macro' | 'micro' | 'weighted';
      };
    }
  | {
      fBeta: {
        /**
         * How much more recall counts than precision: 2 for twice as much
         */
        beta: number;
        /**
         * Over classes: macro counts each alike, weighted by how often it is the truth, micro counts all places alike. Of two classes the default is the second one by itself
         */
        average?: 'macro' | 'micro' | 'weighted';
      };
    }
  | {
      iou: {
        /**
         * Over classes: macro counts each alike, weighted by how often it is the truth, micro counts all places alike. Of two classes the default is the second one by itself
         */
        average?: 'macro' | 'micro' | 'weighted';
      };
    }
  | {
      cohenKappa: {
        /**
         * Classes are grades: what a confusion costs grows with the distance of the two, or with its square
         */
        weights: 'linear' | 'quadratic';
      };
    }
  | {
      confusionMatrix: {
        /**
         * Shares in the place of counts: of the examples of a class, of those predicted as it, or of all
         */
        normalize: 'truth' | 'predicted' | 'all';
      };
    }
  | {
      auc: {
        /**
         * Over classes or labels: macro counts each alike, weighted by how often it is the truth
         */
        average?: 'macro' | 'weighted';
        /**
         * Each class against all others (the default), or each pair of classes in both directions (Hand and Till 2001)
         */
        of?: 'oneVsRest' | 'oneVsOne';
      };
    }
  | {
      averagePrecision: {
        /**
         * Over classes or labels: macro counts each alike, weighted by how often it is the truth
         */
        average?: 'macro' | 'weighted';
      };
    }
  | {
      calibrationError: {
        /**
         * Equally wide bins of the probability; a probability between two belongs to the lower one
         */
        bins: number;
      };
    }
  | {
      reliability: {
        /**
         * Equally wide bins of the probability; a probability between two belongs to the lower one
         */
        bins: number;
      };
    }
  | {
      hitRate: {
        /**
         * Places that count, from the top
         */
        k: number;
        /**
         * Ranks the wanted item against so many others, drawn alike from the rest; the mean over all draws. Default: the full catalogue
         */
        candidates?: number;
      };
    }
  | {
      ndcg: {
        /**
         * Places that count, from the top
         */
        k: number;
        /**
         * Ranks the wanted item against so many others, drawn alike from the rest; the mean over all draws. Default: the full catalogue
         */
        candidates?: number;
      };
    }
  | {
      map: {
        /**
         * Places that count, from the top
         */
        k: number;
        /**
         * Ranks the wanted item against so many others, drawn alike from the rest; the mean over all draws. Default: the full catalogue
         */
        candidates?: number;
      };
    }
  | {
      mrr: {
        /**
         * Ranks the wanted item against so many others, drawn alike from the rest; the mean over all draws. Default: the full catalogue
         */
        candidates?: number;
      };
    }
  | {
      pinball: {
        /**
         * Part of the targets that should lie below the prediction
         */
        quantile: number;
      };
    }
  | {
      r2: {
        /**
         * Over several targets: pooled (as r2 alone) sums errors and deviations over all of them, so that those of large values decide; uniform is the mean of each target's own, as scikit-learn's r2_score has it
         */
        average: 'pooled' | 'uniform';
      };
    }
  | {
      /**
       * A function of yours
       */
      custom: {
        /**
         * The module's export: a function of tf, targets and outputs; one number an example
         */
        name: string;
        /**
         * The module; default: the model's
         */
        module?: string;
      };
    }
)[];
/**
 * A CSV file.
 */
export type CsvData = TableKeys & {
  source: 'csv';
  /**
   * Table of text, one row a line; a relative path starts at the current folder.
   */
  file: string;
  /**
   * Whether the first line names the columns; else they are c1, c2, ...
   */
  header?: boolean;
  /**
   * What separates the columns.
   */
  delimiter?: string;
  /**
   * What stands before the decimals of a number.
   */
  decimal?: '.' | ',';
  /**
   * What stands between groups of three digits, such as , in 1,100; a blank means no-break spaces too.
   */
  thousands?: string;
  /**
   * Texts that stand for a missing value.
   */
  missingValues?: string[];
};
/**
 * A Parquet file.
 */
export type ParquetData = TableKeys & {
  source: 'parquet';
  /**
   * A Parquet file; a relative path starts at the current folder.
   */
  file: string;
};
/**
 * A file of JSON lines.
 */
export type JsonlData = TableKeys & {
  source: 'jsonl';
  /**
   * JSON lines, an object a line with a value for each column; plain or gzip. A relative path starts at the current folder.
   */
  file: string;
};

/**
 * A config as one writes it, for defineConfig: what has a default may be left out.
 */
export interface RunConfigInput {
  /**
   * Name of the run's folder. By default the name of the config file.
   */
  name?: string;
  /**
   * Fixes every random choice: initial weights, splits, order, noise.
   */
  seed?: number;
  /**
   * Where the examples come from, and how they are split.
   */
  data:
    | DigitsData
    | IdxData
    | ValuesData
    | CsvData
    | ParquetData
    | JsonlData
    | NpyData
    | ImagesData
    | TextData
    | ModuleData;
  /**
   * Random changes to the training images; the same ones for any number of threads.
   */
  augment?: {
    /**
     * Largest shift in each direction, as a fraction of the size.
     */
    shift?: number;
    /**
     * Largest rotation either way, in degrees.
     */
    rotate?: number;
    /**
     * Scales by a factor from 1 - zoom to 1 + zoom.
     */
    zoom?: number;
    /**
     * Mirrors every other image, left to right, top to bottom, or each by itself.
     */
    flip?: 'none' | 'horizontal' | 'vertical' | 'both';
    /**
     * Side of a square that is blanked somewhere in the image, as a fraction of the size.
     */
    cutout?: number;
    /**
     * What comes in from outside the image, and what a cutout leaves, as stored.
     */
    fill?: number;
  };
  /**
   * The model
   */
  model:
    | (ModelKeys & {
        /**
         * Layers from the input to the output; the input shape comes from the data
         *
         * @minItems 1
         */
        layers: LayerInput[];
      })
    | (ModelKeys & {
        /**
         * A tfjs LayersModel's model.json, a Keras model's JSON, or a run (its best model); starts from its weights if it has any.
         */
        file: string;
      })
    | (ModelKeys & {
        /**
         * JavaScript or TypeScript file whose default export is a function of `tf` and { inputShape, classes, options } that returns a tf.LayersModel.
         */
        module: string;
        /**
         * Given to the function.
         */
        options?: {
          [k: string]: unknown;
        };
      });
  /**
   * Loss, alone or with its options; cross-entropies read logits where the last layers do not end in probabilities. Where data.targets has names: a loss for each.
   */
  loss:
    | (
        | 'meanSquaredError'
        | 'meanAbsoluteError'
        | 'huber'
        | 'binaryCrossentropy'
        | 'categoricalCrossentropy'
        | 'sparseCategoricalCrossentropy'
        | 'hinge'
      )
    | {
        meanSquaredError: {};
      }
    | {
        meanAbsoluteError: {};
      }
    | {
        huber: {
          /**
           * Where the square turns into a straight line; default: 1
           */
          delta?: number;
        };
      }
    | {
        binaryCrossentropy: {
          /**
           * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
           */
          fromLogits?: boolean;
        };
      }
    | {
        categoricalCrossentropy: {
          /**
           * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
           */
          fromLogits?: boolean;
          /**
           * Class index whose places count neither in the loss nor in metrics, such as that of padding; it may be none of the classes, such as -1 or 255.
           */
          ignoreClass?: number;
        };
      }
    | {
        sparseCategoricalCrossentropy: {
          /**
           * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
           */
          fromLogits?: boolean;
          /**
           * Class index whose places count neither in the loss nor in metrics, such as that of padding; it may be none of the classes, such as -1 or 255.
           */
          ignoreClass?: number;
        };
      }
    | {
        hinge: {};
      }
    | {
        custom: {
          /**
           * The module's export: a function of tf, targets and outputs; one number an example
           */
          name: string;
          /**
           * The module; default: the model's
           */
          module?: string;
          /**
           * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
           */
          fromLogits?: boolean;
        };
      }
    | {
        [k: string]:
          | 'meanSquaredError'
          | 'meanAbsoluteError'
          | 'huber'
          | 'binaryCrossentropy'
          | 'categoricalCrossentropy'
          | 'sparseCategoricalCrossentropy'
          | 'hinge'
          | {
              meanSquaredError: {
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            }
          | {
              meanAbsoluteError: {
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            }
          | {
              huber: {
                /**
                 * Where the square turns into a straight line; default: 1
                 */
                delta?: number;
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            }
          | {
              binaryCrossentropy: {
                /**
                 * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
                 */
                fromLogits?: boolean;
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            }
          | {
              categoricalCrossentropy: {
                /**
                 * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
                 */
                fromLogits?: boolean;
                /**
                 * Class index whose places count neither in the loss nor in metrics, such as that of padding; it may be none of the classes, such as -1 or 255.
                 */
                ignoreClass?: number;
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            }
          | {
              sparseCategoricalCrossentropy: {
                /**
                 * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
                 */
                fromLogits?: boolean;
                /**
                 * Class index whose places count neither in the loss nor in metrics, such as that of padding; it may be none of the classes, such as -1 or 255.
                 */
                ignoreClass?: number;
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            }
          | {
              hinge: {
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            }
          | {
              custom: {
                /**
                 * The module's export: a function of tf, targets and outputs; one number an example
                 */
                name: string;
                /**
                 * The module; default: the model's
                 */
                module?: string;
                /**
                 * Whether the outputs are logits (true) or probabilities (false). Default: as the last layers say; needed where they do not.
                 */
                fromLogits?: boolean;
                /**
                 * Factor of this loss in the sum of all; default: 1
                 */
                weight?: number;
              };
            };
      };
  /**
   * Metrics of validation and test, besides the loss; where data.targets has names: a list for each
   */
  metrics?:
    | MetricList
    | {
        /**
         * Metrics of validation and test, besides the loss
         */
        [k: string]: MetricList;
      };
  /**
   * How a gradient changes the parameters; a bare name takes its defaults.
   */
  optimizer?:
    | ('sgd' | 'momentum' | 'adagrad' | 'rmsprop' | 'adam' | 'adamw' | 'lion' | 'muon' | 'adafactor' | 'lamb')
    | (
        | {
            /**
             * Plain gradient descent.
             */
            sgd: {
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
            };
          }
        | {
            /**
             * Gradient descent with momentum.
             */
            momentum: {
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Share of the velocity that the next step keeps.
               */
              momentum?: number;
              /**
               * Take the gradient as if the velocity had already moved.
               */
              nesterov?: boolean;
            };
          }
        | {
            /**
             * Steps shrink with the sum of all squared gradients so far.
             */
            adagrad: {
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Where the sum of squared gradients starts.
               */
              initialAccumulator?: number;
              /**
               * Added to the root of the squared gradients, against division by zero.
               */
              epsilon?: number;
            };
          }
        | {
            /**
             * Steps shrink with the running mean of the squared gradients.
             */
            rmsprop: {
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Decay of the running mean of the squared gradients.
               */
              decay?: number;
              /**
               * Added to the root of the squared gradients, against division by zero.
               */
              epsilon?: number;
            };
          }
        | {
            /**
             * Running means of the gradients and of their squares.
             */
            adam: {
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Decay of the running mean of the gradients.
               */
              beta1?: number;
              /**
               * Decay of the running mean of the squared gradients.
               */
              beta2?: number;
              /**
               * Added to the root of the squared gradients, against division by zero.
               */
              epsilon?: number;
            };
          }
        | {
            /**
             * Adam with weight decay apart from the gradient.
             */
            adamw: {
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Decay of the running mean of the gradients.
               */
              beta1?: number;
              /**
               * Decay of the running mean of the squared gradients.
               */
              beta2?: number;
              /**
               * Added to the root of the squared gradients, against division by zero.
               */
              epsilon?: number;
              /**
               * Share of every parameter, times the learning rate, taken off at each step.
               */
              weightDecay?: number;
              /**
               * Weights that are not decayed, by their names: [bias, gamma, beta] are biases and normalizations. `*` stands for any letters; a pattern without a slash is compared with the last part of a name and with what follows each underscore in it, one with it with the whole, as in "dense_1/*".
               *
               * @maxItems 100
               */
              noDecay?: string[];
            };
          }
        | {
            /**
             * Steps of one size, in the direction of the sign of a running mean: a third of the learning rate of Adam, or less.
             */
            lion: {
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Share of the running mean of the gradients in the direction of a step.
               */
              beta1?: number;
              /**
               * Decay of the running mean of the gradients.
               */
              beta2?: number;
              /**
               * Share of every parameter, times the learning rate, taken off at each step.
               */
              weightDecay?: number;
              /**
               * Weights that are not decayed, by their names: [bias, gamma, beta] are biases and normalizations. `*` stands for any letters; a pattern without a slash is compared with the last part of a name and with what follows each underscore in it, one with it with the whole, as in "dense_1/*".
               *
               * @maxItems 100
               */
              noDecay?: string[];
            };
          }
        | {
            /**
             * Orthogonal steps for matrices, AdamW for all else.
             */
            muon: {
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Decay of the running mean of the gradients of matrices.
               */
              momentum?: number;
              /**
               * Take the mean as it would be after the same gradient again.
               */
              nesterov?: boolean;
              /**
               * Newton-Schulz steps that make a matrix orthogonal.
               */
              steps?: number;
              /**
               * Length of the step of a matrix [in, out], times the learning rate: 0.2 times the root of the larger side, so that learning rates of AdamW fit; or the root of out / in, at least 1.
               */
              scale?: 'matchRmsAdamw' | 'original';
              /**
               * Matrices that AdamW is to update, named as in `noDecay`. Default: [embeddings].
               *
               * @maxItems 100
               */
              exclude?: string[];
              /**
               * Share of every parameter, times the learning rate, taken off at each step.
               */
              weightDecay?: number;
              /**
               * Weights that are not decayed, by their names: [bias, gamma, beta] are biases and normalizations. `*` stands for any letters; a pattern without a slash is compared with the last part of a name and with what follows each underscore in it, one with it with the whole, as in "dense_1/*".
               *
               * @maxItems 100
               */
              noDecay?: string[];
              /**
               * How all that is no matrix is updated; the decay is the same.
               */
              adamw?: {
                /**
                 * Default: that of the matrices.
                 */
                learningRate?: number;
                /**
                 * Decay of the running mean of the gradients.
                 */
                beta1?: number;
                /**
                 * Decay of the running mean of the squared gradients.
                 */
                beta2?: number;
                /**
                 * Added to the root of the squared gradients, against division by zero.
                 */
                epsilon?: number;
              };
            };
          }
        | {
            /**
             * Steps as long as weights are, with little state: of squared gradients the means of rows and of columns.
             */
            adafactor: {
              /**
               * Largest length of a step as a part of the length of a weight; one over the root of the step, where that is less.
               */
              learningRate?: number;
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * The means of the squared gradients take in the step to the power of this of the new ones.
               */
              beta2Decay?: number;
              /**
               * Least root of the squared gradients, and least mean of those of a matrix.
               */
              epsilon?: number;
              /**
               * Least root mean square that a weight counts with for the length of its steps.
               */
              epsilonScale?: number;
              /**
               * Largest root mean square of a direction.
               */
              clipThreshold?: number;
              /**
               * Share of every parameter, times the learning rate, taken off at each step.
               */
              weightDecay?: number;
              /**
               * Weights that are not decayed, by their names: [bias, gamma, beta] are biases and normalizations. `*` stands for any letters; a pattern without a slash is compared with the last part of a name and with what follows each underscore in it, one with it with the whole, as in "dense_1/*".
               *
               * @maxItems 100
               */
              noDecay?: string[];
            };
          }
        | {
            /**
             * Steps of Adam, each as long as its weight is, for large batches.
             */
            lamb: {
              /**
               * Keep a moving average of the weights, of which a step leaves this share, and evaluate and save it in their place. Default: no average.
               */
              emaMomentum?: number;
              /**
               * Step size before the schedule; the schedule scales it.
               */
              learningRate?: number;
              /**
               * Decay of the running mean of the gradients.
               */
              beta1?: number;
              /**
               * Decay of the running mean of the squared gradients.
               */
              beta2?: number;
              /**
               * Added to the root of the squared gradients, against division by zero.
               */
              epsilon?: number;
              /**
               * Share of every parameter, times the learning rate, taken off at each step.
               */
              weightDecay?: number;
              /**
               * Weights that are not decayed, by their names: [bias, gamma, beta] are biases and normalizations. `*` stands for any letters; a pattern without a slash is compared with the last part of a name and with what follows each underscore in it, one with it with the whole, as in "dense_1/*".
               *
               * @maxItems 100
               */
              noDecay?: string[];
            };
          }
      );
  /**
   * How the learning rate changes over the run; a bare name takes its defaults.
   */
  schedule?:
    | ('constant' | 'linear' | 'cosine' | 'step' | 'exponential' | 'plateau' | 'wsd' | 'oneCycle')
    | (
        | {
            /**
             * The same learning rate throughout.
             */
            constant: {
              /**
               * Steps over which the learning rate first rises, in equal increments, to its full value.
               */
              warmupSteps?: number;
            };
          }
        | {
            /**
             * Falls in a straight line from warm-up to the end.
             */
            linear: {
              /**
               * What remains at the end of the run, as a fraction of the learning rate.
               */
              end?: number;
              /**
               * Steps over which the learning rate first rises, in equal increments, to its full value.
               */
              warmupSteps?: number;
            };
          }
        | {
            /**
             * Falls along half a cosine from warm-up to the end.
             */
            cosine: {
              /**
               * What remains at the end of the run, as a fraction of the learning rate.
               */
              end?: number;
              /**
               * Steps over which the learning rate first rises, in equal increments, to its full value.
               */
              warmupSteps?: number;
            };
          }
        | {
            /**
             * Drops at once at the end of each interval.
             */
            step: {
              /**
               * Length of an interval, in `unit`.
               */
              every?: number;
              /**
               * What `every` counts, from the start of the run.
               */
              unit?: 'epochs' | 'steps';
              /**
               * What each interval multiplies the learning rate by.
               */
              factor?: number;
              /**
               * Steps over which the learning rate first rises, in equal increments, to its full value.
               */
              warmupSteps?: number;
            };
          }
        | {
            /**
             * Falls a little at each step, by the factor over an interval.
             */
            exponential: {
              /**
               * Length of an interval, in `unit`.
               */
              every?: number;
              /**
               * What `every` counts, from the start of the run.
               */
              unit?: 'epochs' | 'steps';
              /**
               * What each interval multiplies the learning rate by.
               */
              factor?: number;
              /**
               * Steps over which the learning rate first rises, in equal increments, to its full value.
               */
              warmupSteps?: number;
            };
          }
        | {
            /**
             * Drops when the epochs stop getting better.
             */
            plateau: {
              /**
               * What each drop multiplies the learning rate by.
               */
              factor?: number;
              /**
               * Epochs in which `training.monitor` does not get better before a drop.
               */
              patience?: number;
              /**
               * How much better counts as better.
               */
              minDelta?: number;
              /**
               * Epochs after a drop that do not count.
               */
              cooldown?: number;
              /**
               * What remains at the end of the run, as a fraction of the learning rate.
               */
              end?: number;
              /**
               * Steps over which the learning rate first rises, in equal increments, to its full value.
               */
              warmupSteps?: number;
            };
          }
        | {
            /**
             * Warm-up, stable, decay: rises, stays at its full value, and falls at the end.
             */
            wsd: {
              /**
               * Steps over which the learning rate first rises, in equal increments, to its full value.
               */
              warmupSteps?: number;
              /**
               * Part of the run, at its end, in which the rate falls.
               */
              decay?: number;
              /**
               * How it falls: in a straight line, along half a cosine, or as 1 less the square root of what has passed.
               */
              shape?: 'linear' | 'cosine' | 'squareRoot';
              /**
               * What remains at the end of the run, as a fraction of the learning rate.
               */
              end?: number;
            };
          }
        | {
            /**
             * One cycle: rises to the learning rate, then falls far below where it began, as PyTorch's OneCycleLR.
             */
            oneCycle: {
              /**
               * Part of the run in which the rate rises.
               */
              rise?: number;
              /**
               * How it rises and falls.
               */
              shape?: 'cosine' | 'linear';
              /**
               * The run begins at the learning rate divided by this.
               */
              divisor?: number;
              /**
               * And ends at what it began with, divided by this.
               */
              finalDivisor?: number;
              /**
               * Fall back to the beginning in as many steps as it rose in, and only then to the end.
               */
              threePhases?: boolean;
            };
          }
      );
  /**
   * How long to train, and in what batches.
   */
  training: {
    /**
     * How many times to go through the training split.
     */
    epochs: number;
    /**
     * Examples of one optimizer step, over all workers; "all" is the whole training split.
     */
    batchSize: number | 'all';
    /**
     * Fixed slices of each batch, whatever the number of threads: the result depends on it. `auto` goes by examples, and of windows of a text by tokens.
     */
    shards?: number | 'auto';
    /**
     * Compute each batch in so many parts, one after the other: the memory of a smaller batch, the step of this one.
     */
    accumulate?: number;
    /**
     * Lengths for batches of sequences that were filled up (data.length): each batch is computed at the first that holds its longest sequence, in training and in evaluation, or else at the full length. For each a graph is compiled. `auto` takes 8, 16, 32, ... places. Default: all batches have the full length.
     */
    buckets?: 'auto' | number[];
    /**
     * Make batches of examples of one of the `buckets`, as far as there are enough: shuffled, then sorted by bucket within 50 batches, and these shuffled. Fewer places are computed for nothing, and batches are less mixed. Default: false.
     */
    groupByLength?: boolean;
    /**
     * What is computed again for the gradient instead of being kept. `blocks`: of each block of layers only what it passes on is kept; a step takes less memory and about a third more time, and comes to the same bits. It may change when a run is resumed. Of engine onnx.
     */
    recompute?: 'none' | 'blocks';
    /**
     * Of matrix products and convolutions of training steps. `float16` is for graphics cards that have it: losses, softmax, normalizations and sums, parameters, the optimizer and evaluations stay in float32. The loss is scaled as by PyTorch's GradScaler, and a step whose gradient overflows is skipped. Of engine onnx.
     */
    precision?: 'float32' | 'float16';
    /**
     * Largest global norm of the gradient; longer ones are scaled.
     */
    clipNorm?: number;
    /**
     * Adds the kernels' absolute values, times this, to the loss.
     */
    l1?: number;
    /**
     * Adds the kernels' squares, times this, to the loss.
     */
    l2?: number;
    /**
     * Weight of each class in the training loss, by name or index (others 1); "balanced" evens out their frequency. Of several targets: by their names, { TARGET: balanced } or { TARGET: { CLASS: weight } }. The mean still divides by the number of examples, as in Keras; PyTorch divides by the sum of their weights.
     */
    classWeights?:
      | 'balanced'
      | {
          [k: string]:
            | number
            | 'balanced'
            | {
                [k: string]: number;
              };
        };
    /**
     * Metric of validation that decides which epoch is best. Without validation: the training loss.
     */
    monitor?:
      | string
      | {
          /**
           * Name of a metric of validation
           */
          metric: string;
          /**
           * Whether lower or higher is better
           */
          mode: 'min' | 'max';
        };
    /**
     * Ends the run when `monitor` stops getting better.
     */
    earlyStopping?: {
      /**
       * Epochs without a better one before the run ends
       */
      patience?: number;
      /**
       * How much better counts as better
       */
      minDelta?: number;
    };
    /**
     * End with the parameters of the best epoch instead of the last.
     */
    restoreBest?: boolean;
    /**
     * Steps between two step lines in metrics.jsonl.
     */
    logEvery?: number;
  };
  /**
   * What `evaluate` says beside the numbers.
   */
  evaluation?: {
    /**
     * How often an interval is to hold the value that the model would have on all examples of the kind.
     */
    confidence?: number;
    /**
     * Draws of the bootstrap that gives the intervals; 0 leaves intervals out.
     */
    resamples?: number;
    /**
     * How many examples to show of those that the model is most confidently wrong about, and of labels in doubt.
     */
    gallery?: number;
    /**
     * Keep the test split closed: the run ends without it, and `evaluate --unseal` opens it.
     */
    seal?: boolean;
    /**
     * Column whose values name what examples belong to, such as patients: intervals and standard errors draw whole groups. Default: data.split.group; false draws each example by itself.
     */
    group?: string | false;
    /**
     * Columns whose values tell examples apart: `evaluate` gives every metric for each value, or for bins of numbers, { age: { bins: 4 } } or { age: { edges: [30, 60] } }; a list of several for their combinations. Any column of a table, key of a module's examples or array; `class` is the true class, `folder` that of image files.
     */
    slices?: (
      | (
          | string
          | {
              [k: string]:
                | {
                    /**
                     * So many bins of as many examples each, or nearly so.
                     */
                    bins: number;
                  }
                | {
                    /**
                     * Where one bin ends and the next begins, which holds the edge.
                     *
                     * @minItems 1
                     */
                    edges: number[];
                  };
            }
        )
      | (
          | string
          | {
              [k: string]:
                | {
                    /**
                     * So many bins of as many examples each, or nearly so.
                     */
                    bins: number;
                  }
                | {
                    /**
                     * Where one bin ends and the next begins, which holds the edge.
                     *
                     * @minItems 1
                     */
                    edges: number[];
                  };
            }
        )[]
    )[];
    /**
     * Chooses on the validation split the probability above which the second of two classes is predicted, and saves it with the models. Default: 0.5.
     */
    threshold?:
      | {
          /**
           * Of the second class f1, recall (at a precision) or precision (at a recall); of both accuracy, balancedAccuracy or mcc; youden is recall minus false alarms
           */
          maximize: 'f1' | 'accuracy' | 'balancedAccuracy' | 'youden' | 'mcc';
        }
      | {
          maximize: 'recall';
          /**
           * Least part of what is predicted as the second class that must be of it
           */
          precision: number;
        }
      | {
          maximize: 'precision';
          /**
           * Least part of the second class that must be found
           */
          recall: number;
        }
      | {
          cost: {
            /**
             * What it costs to take the first class for the second
             */
            falsePositive: number;
            /**
             * What it costs to take the second class for the first
             */
            falseNegative: number;
          };
        };
    /**
     * Fits on the validation split what makes probabilities of outputs, and saves it with the models: temperature divides all logits by one number, isotonic gives each class a rising curve.
     */
    calibration?: 'temperature' | 'isotonic';
  };
  /**
   * When to write a checkpoint. One is always written on Ctrl-C and at the end.
   */
  checkpoint?: {
    /**
     * After every so many steps of the run.
     */
    everySteps?: number;
    /**
     * After every so many epochs.
     */
    everyEpochs?: number;
    /**
     * After the step during which so many minutes have passed. Default: 1 where nothing else is given.
     */
    everyMinutes?: number;
    /**
     * How many to keep; older ones are deleted.
     */
    keep?: number;
  };
  /**
   * How to train across machines. Read by `lockstep coordinator`.
   */
  cluster?: {
    /**
     * How gradients are added up: star through the coordinator, butterfly between the workers, to the same bits. mpi: by MPI itself, with transport mpi, in an order of its own. It changes the result, and makes it depend on the workers.
     */
    allReduce?: 'auto' | 'star' | 'butterfly' | 'mpi';
    /**
     * What carries gradients between machines. mpi: the MPI library that the job was started with (mpirun, srun). The bits are the same.
     */
    transport?: 'websocket' | 'mpi';
    /**
     * Of gradients on the wire, with error feedback. Anything but float32 changes the result, and makes it depend on the workers.
     */
    precision?: 'float32' | 'bfloat16' | 'float16' | 'int8';
    /**
     * Sends less than the whole gradient. It changes the result, and makes it depend on the workers. Default: none.
     */
    compression?: {
      /**
       * PowerSGD: matrices of the gradient travel as two factors of low rank, with error feedback.
       */
      powerSgd?: {
        /**
         * Columns of the factors: more are more exact, and more bytes.
         */
        rank?: number;
        /**
         * Steps of the run whose gradients travel whole, as directions change fast at first.
         */
        warmUpSteps?: number;
      };
    };
    /**
     * When workers exchange what they have learned: after each step, or after some local steps.
     */
    sync?:
      | 'step'
      | {
          /**
           * DiLoCo: replicas train by themselves, and their movements are averaged. Each keeps the state of its optimizer.
           */
          local?: {
            /**
             * Optimizer steps of a replica between two exchanges.
             */
            steps?: number;
            /**
             * Copies of the model that take steps of their own, each on its part of the shards of every global batch: as many as there are workers, or a multiple. It decides the result, who computes which does not. auto: one for each shard.
             */
            replicas?: 'auto' | number;
            /**
             * Steps of the run that are taken in step before the first round: replicas go on from where those lead.
             */
            warmUpSteps?: number;
            /**
             * Parts that the layers are dealt to in turn, of about equal bytes, and exchanged in turn: each once in `steps` steps, which are a multiple of them (Streaming DiLoCo).
             */
            parts?: number;
            /**
             * Steps that replicas take while a part is exchanged, before they go on with what came of it. Fewer than steps / parts.
             */
            overlap?: number;
            /**
             * How much a replica keeps of a part of its own when its exchange has ended; the rest is that of the run. 1 would keep all. Default: 0.5 with overlap, our choice: docs/cluster.md has what others come to.
             */
            mixing?: number;
            /**
             * Rounds what each replica moves by, with error feedback, before it is sent: blocks of 32 numbers share a power of two as scale. Sums of several replicas travel as bfloat16. It changes the result, which depends on no worker all the same. Default: float32.
             */
            quantize?: 'int8' | 'int4';
            /**
             * How the mean movement of the replicas changes the parameters.
             */
            outer?:
              | 'nesterov'
              | {
                  nesterov: {
                    /**
                     * Part of the mean movement of the replicas that a round takes.
                     */
                    learningRate?: number;
                    /**
                     * Share of the velocity that the next round keeps.
                     */
                    momentum?: number;
                  };
                };
          };
        };
    /**
     * Who has the memory of the optimizer: every worker all of it, or each a share, of which another worker or the coordinator has the second copy (ZeRO stage 1). The bits are the same.
     */
    optimizerState?: 'replicated' | 'sharded';
    /**
     * Where workers have the examples from: a copy of all, those of the next step only, or a copy of their own. auto: by size.
     */
    placement?: 'auto' | 'replicate' | 'stream' | 'local';
    /**
     * Seconds without a sign of life after which a worker is declared lost.
     */
    silence?: number;
    /**
     * Seconds that a lost worker has to come back to what it had.
     */
    grace?: number;
    /**
     * A shard that takes so many times the usual time is computed by another worker too.
     */
    stragglerFactor?: number;
  };
  /**
   * Tools of others that are told about the run. None of them changes a bit of it.
   */
  track?: {
    /**
     * Event files for TensorBoard in the run's folder, `tensorboard/`: loss, metrics, rate and gradient norm, weights and the last step's gradient as histograms after epochs (the first, the last, and one each 5 s), config and layers.
     */
    tensorboard?: boolean;
    /**
     * The run in MLflow, by the REST interface of a tracking server: config, metrics, models. What a server that is not there misses is sent later.
     */
    mlflow?: {
      /**
       * Address of the tracking server, such as `http://127.0.0.1:5000`.
       */
      uri: string;
      /**
       * The experiment that the run belongs to; made where there is none.
       */
      experiment?: string;
      /**
       * The registered model that the run's becomes a version of; made where there is none.
       */
      registeredModel?: string;
    };
    /**
     * Programs and URLs that are told what happens, as a line of JSON: by standard input (with LOCKSTEP_HOOK and LOCKSTEP_RUN in the environment), or as the body. The run neither waits for them, but at its end, nor fails by them.
     */
    hooks?: {
      /**
       * At the end of the run, also where it was stopped: a command for the system's shell, or a URL, which gets a POST.
       */
      end?: string;
      /**
       * When the loss stops being finite: a command for the system's shell, or a URL, which gets a POST.
       */
      divergence?: string;
      /**
       * When a worker is lost: a command for the system's shell, or a URL, which gets a POST.
       */
      workerLost?: string;
      /**
       * After an epoch whose model is the best so far, of several in 5 s the last: a command for the system's shell, or a URL, which gets a POST.
       */
      best?: string;
      /**
       * Seconds that each may take; then it is ended.
       */
      timeout?: number;
    };
  };
  /**
   * onnx compiles the model; tfjs runs it eagerly; auto takes onnx where it can.
   */
  engine?: 'auto' | 'onnx' | 'tfjs';
  /**
   * The TensorFlow.js backend of engine tfjs. By default the fastest that loads.
   */
  backend?: 'tensorflow' | 'wasm' | 'cpu';
}
/**
 * A target that is one of the inputs.
 */
export interface CopiedTarget {
  /**
   * The input; `features` is one without a name.
   */
  of: string;
}
/**
 * Where an array is.
 */
export interface ArrayPlace {
  /**
   * A .npy or .npz file. Default: data.file.
   */
  file?: string;
  /**
   * The array in a .npz file. Default: the only one that it has, else the one of the name of the field.
   */
  member?: string;
}
/**
 * Keys that several choices have.
 */
export interface ModelKeys {
  /**
   * Which layer gives the output that is compared with each target, by the names under data.targets. Needed where there are several targets; default: the last layer, or the outputs of the same names.
   */
  outputs?: {
    [k: string]: string;
  };
  /**
   * Start from the weights of a saved model: its folder, model.json or .safetensors file, or a run (its best model); matched by name. A relative path starts at the current folder.
   */
  weights?: string;
  /**
   * Layers that keep their fresh weights although `weights` is given, such as a new head; * stands for any letters.
   */
  reinitialize?: string[];
  /**
   * Layers whose weights stay as they are; * stands for any letters. Default: those that the model has frozen.
   */
  freeze?: string[];
}
/**
 * Keys that several choices have.
 */
export interface TargetColumnKeys {
  /**
   * As data.targetType, for this target.
   */
  type?: 'class' | 'number';
  /**
   * As data.standardizeTargets, for this target.
   */
  standardize?: boolean;
}
/**
 * Keys that several choices have.
 */
export interface ImageKeysOfDir {
  /**
   * Where its names start. Default: data.dir.
   */
  dir?: string;
}
/**
 * Keys that several choices have.
 */
export interface ImageKeysOfSize {
  /**
   * As data.size, for these.
   */
  size?: ImageSize;
}
/**
 * Keys that several choices have.
 */
export interface ImageKeysOfGreyscale {
  /**
   * As data.greyscale, for these.
   */
  greyscale?: boolean | ('bt601' | 'linear');
}
/**
 * Keys that several choices have.
 */
export interface ImageKeysOfClasses {
  /**
   * How many classes there are. Default: up to the highest value that a mask holds.
   */
  classes?: number;
  /**
   * The value that stands for each class, in their order: [0, 255] where 255 is class 1. Default: values are class indices.
   *
   * @minItems 2
   */
  values?: number[];
}
/**
 * Keys that several choices have.
 */
export interface TableKeys {
  /**
   * The column to predict; several columns of numbers are predicted together. Needed unless there are targets.
   */
  target?: string | string[];
  /**
   * Targets by name, in the place of target: a column or a list of columns of numbers each.
   */
  targets?: {
    [k: string]: TargetColumns;
  };
  /**
   * Whether targets are classes or numbers. Default: what the loss takes; where it takes both, classes if they are text, else numbers.
   */
  targetType?: 'class' | 'number';
  /**
   * Give targets that are numbers mean 0 and deviation 1, column by column, as measured on the training split in 64 bits. The loss is that of the standardized targets; mae, mse, r2 and predictions are in their own units. Default: false.
   */
  standardizeTargets?: boolean;
  /**
   * Columns to predict from. Default: all the others.
   *
   * @minItems 1
   */
  features?: string[];
  /**
   * Inputs of the model by name, in the place of features: a column or a list of columns each; { index: column } codes categories as whole numbers from 0, and one more for what training did not see.
   */
  inputs?: {
    [k: string]: InputColumns;
  };
  /**
   * Columns to leave out, such as an identifier.
   */
  exclude?: string[];
  /**
   * Columns of dates, and which numbers they become: epoch (seconds since 1970, UTC) or a list of year, month, day, weekday (Monday is 1), hour and minute. Dates in text are written as 2024-01-31 or 2024-01-31 12:30:00 (ISO 8601).
   */
  dates?: {
    [k: string]: 'epoch' | ('year' | 'month' | 'day' | 'weekday' | 'hour' | 'minute')[];
  };
  /**
   * Columns of numbers that name categories. Columns of text do anyway; each category becomes a 0/1 feature.
   */
  categorical?: string[];
  /**
   * The column of the examples' weights in the loss of training; evaluation counts each row once.
   */
  weight?: string;
  /**
   * Give numeric columns mean 0 and deviation 1, as measured on the training split. Default: true, except where the first layer is an embedding, which reads whole numbers.
   */
  standardize?: boolean;
  /**
   * Missing values: refuse them, take the mean of the training split (for a category: a category of its own), or leave the row out.
   */
  missing?: 'error' | 'mean' | 'drop';
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the examples, or a file of its own, that is held out and evaluated after every epoch.
     */
    validation?: number | string;
    /**
     * Fraction of the examples, or a file of its own, that is held out and evaluated once, at the end.
     */
    test?: number | string;
    /**
     * Column of numbers or dates: the examples with the highest are for test, those before them for validation.
     */
    order?: string;
    /**
     * Column whose values stay together: no two splits have examples of one value.
     */
    group?: string;
    /**
     * Give every split the same share of each class, or of each class of a target by its name, or of each value: column.
     */
    stratify?: boolean | string;
  };
  /**
   * Train on such a part of the training split, by the seed; smaller parts lie within larger ones.
   */
  trainingFraction?: number;
  /**
   * Fraction of the examples, or a file of its own, that is held out and evaluated after every epoch.
   */
  validation?: number | string;
  /**
   * Fraction of the examples, or a file of its own, that is held out and evaluated once, at the end.
   */
  test?: number | string;
  /**
   * Give every split the same share of each class. Needs targets that are classes.
   */
  stratify?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
/**
 * Synthetic handwritten digits, 28 x 28 x 1, ten classes, made when the run starts.
 */
export interface DigitsData {
  source: 'digits';
  /**
   * How many digits to make, all splits together.
   */
  examples?: number;
  /**
   * Names the set of digits. Apart from the seed of the run, so that all seeds train on the same set.
   */
  seed?: number;
  /**
   * Targets that are inputs, by names: { copy: { of: features } }, as autoencoders have them; they take no memory.
   */
  targets?: {
    [k: string]: CopiedTarget;
  };
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the examples that is held out and evaluated after every epoch.
     */
    validation?: number;
    /**
     * Fraction of the examples that is held out and evaluated once, at the end.
     */
    test?: number;
    /**
     * Give every split the same share of each class. Needs targets that are classes.
     */
    stratify?: boolean;
  };
  /**
   * Train on such a part of the training split, by the seed; smaller parts lie within larger ones.
   */
  trainingFraction?: number;
  /**
   * Fraction of the examples that is held out and evaluated after every epoch.
   */
  validation?: number;
  /**
   * Fraction of the examples that is held out and evaluated once, at the end.
   */
  test?: number;
  /**
   * Give every split the same share of each class. Needs targets that are classes.
   */
  stratify?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
/**
 * Images of the MNIST family (MNIST, Fashion-MNIST, EMNIST, KMNIST) in IDX files.
 */
export interface IdxData {
  source: 'idx';
  /**
   * Folder of <prefix>-images-idx3-ubyte and <prefix>-labels-idx1-ubyte files, with or without .gz; a relative path starts at the current folder.
   */
  dir: string;
  /**
   * Prefix of the training files. Default: train where there is such a pair, else the folder's only pair.
   */
  training?: string;
  /**
   * Targets that are inputs, by names: { copy: { of: features } }, as autoencoders have them; they take no memory.
   */
  targets?: {
    [k: string]: CopiedTarget;
  };
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the training files, or prefix of the files, that is held out and evaluated after every epoch.
     */
    validation?: number | string;
    /**
     * Fraction of the training files, or prefix of the files, that is held out and evaluated once, at the end.
     */
    test?: number | string;
    /**
     * Give every split the same share of each class. Needs targets that are classes.
     */
    stratify?: boolean;
  };
  /**
   * Train on such a part of the training split, by the seed; smaller parts lie within larger ones.
   */
  trainingFraction?: number;
  /**
   * Fraction of the training files, or prefix of the files, that is held out and evaluated after every epoch.
   */
  validation?: number | string;
  /**
   * Fraction of the training files, or prefix of the files, that is held out and evaluated once, at the end.
   */
  test?: number | string;
  /**
   * Give every split the same share of each class. Needs targets that are classes.
   */
  stratify?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
/**
 * Numbers written in the config.
 */
export interface ValuesData {
  source: 'values';
  /**
   * One row of numbers for each example; a plain number is a row of one.
   *
   * @minItems 1
   */
  features: (number | number[])[];
  /**
   * One row of numbers for each example, or one class index each if classes is given.
   *
   * @minItems 1
   */
  targets: (number | number[])[];
  /**
   * Makes the targets class indices, 0 to classes - 1.
   */
  classes?: number;
  /**
   * Give targets that are numbers mean 0 and deviation 1, column by column, as measured on the training split in 64 bits. The loss is that of the standardized targets; mae, mse, r2 and predictions are in their own units. Default: false.
   */
  standardizeTargets?: boolean;
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the examples that is held out and evaluated after every epoch.
     */
    validation?: number;
    /**
     * Fraction of the examples that is held out and evaluated once, at the end.
     */
    test?: number;
    /**
     * Give every split the same share of each class. Needs targets that are classes.
     */
    stratify?: boolean;
  };
  /**
   * Train on such a part of the training split, by the seed; smaller parts lie within larger ones.
   */
  trainingFraction?: number;
  /**
   * Fraction of the examples that is held out and evaluated after every epoch.
   */
  validation?: number;
  /**
   * Fraction of the examples that is held out and evaluated once, at the end.
   */
  test?: number;
  /**
   * Give every split the same share of each class. Needs targets that are classes.
   */
  stratify?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
/**
 * NumPy .npy and .npz files.
 */
export interface NpyData {
  source: 'npy';
  /**
   * A .npz file (numpy.savez, numpy.savez_compressed): features, targets and weights, or the texts under inputs and targets, are then names of its arrays in the place of files.
   */
  file?: string;
  /**
   * NumPy array whose first axis counts the examples; bytes stay bytes, else float32.
   */
  features?: string;
  /**
   * Inputs of the model by name, in the place of features: a file each, or an array of data.file, or { file, member, scale, categories, lengths, ... }.
   */
  inputs?: {
    [k: string]:
      | string
      | {
          /**
           * A .npy or .npz file. Default: data.file.
           */
          file?: string;
          /**
           * The array in a .npz file. Default: the only one that it has, else the one of the name of the field.
           */
          member?: string;
          /**
           * As data.scale, for this input.
           */
          scale?: number;
          /**
           * Makes it whole numbers from 0 to categories - 1, for which embeddings write inputDim: categories.
           */
          categories?: number;
          /**
           * NumPy array [n] of the places of each sequence. The input is then sequences of unequal length, one behind the other, [all places, ...], or a row each, [n, places, ...], whose further places are not looked at. They are filled up with 0, with a mask that leaves those places out of layers, losses and metrics.
           */
          lengths?: string | ArrayPlace;
          /**
           * In the place of lengths: NumPy array of where each sequence starts, from 0, with or without where the last one ends ([n] or [n + 1]).
           */
          offsets?: string | ArrayPlace;
          /**
           * Places that sequences are filled up to. Default: the longest, or as many as a row has.
           */
          length?: 'longest' | number;
          /**
           * Cut off what sequences have beyond length. Default: false.
           */
          truncate?: boolean;
        };
  };
  /**
   * NumPy array of as many classes or numbers; or several by name: a file each, or an array of data.file, or { file, member, type, standardize, weights }, or { of: input } for what an input holds.
   */
  targets:
    | string
    | {
        [k: string]:
          | string
          | CopiedTarget
          | {
              /**
               * A .npy or .npz file. Default: data.file.
               */
              file?: string;
              /**
               * The array in a .npz file. Default: the only one that it has, else the one of the name of the field.
               */
              member?: string;
              /**
               * As data.targetType, for this target.
               */
              type?: 'class' | 'number';
              /**
               * As data.standardizeTargets, for this target.
               */
              standardize?: boolean;
              /**
               * As data.weights, for this target.
               */
              weights?: string | ArrayPlace;
              /**
               * The input of sequences that it has a class, or numbers, for each place of; it has their mask then, and weights may be of places.
               */
              placesOf?: string;
            };
      };
  /**
   * NumPy array of the examples' weights in the training loss, [n]; or of weights of places, [n, places], which evaluation counts too: 0 leaves a place out of metrics.
   */
  weights?: string;
  /**
   * Whether targets are classes or numbers. Default: what the loss takes; where it takes both, classes if each example has one integer from 0, else numbers.
   */
  targetType?: 'class' | 'number';
  /**
   * Give targets that are numbers mean 0 and deviation 1, column by column, as measured on the training split in 64 bits. The loss is that of the standardized targets; mae, mse, r2 and predictions are in their own units. Default: false.
   */
  standardizeTargets?: boolean;
  /**
   * Factor of the features, such as 0.00392156862745098 for bytes.
   */
  scale?: number;
  /**
   * NumPy array [n] of the places of each sequence. The input is then sequences of unequal length, one behind the other, [all places, ...], or a row each, [n, places, ...], whose further places are not looked at. They are filled up with 0, with a mask that leaves those places out of layers, losses and metrics.
   */
  lengths?: string;
  /**
   * In the place of lengths: NumPy array of where each sequence starts, from 0, with or without where the last one ends ([n] or [n + 1]).
   */
  offsets?: string;
  /**
   * Places that sequences are filled up to. Default: the longest, or as many as a row has.
   */
  length?: 'longest' | number;
  /**
   * Cut off what sequences have beyond length. Default: false.
   */
  truncate?: boolean;
  /**
   * The input of sequences that it has a class, or numbers, for each place of; it has their mask then, and weights may be of places.
   */
  placesOf?: string;
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the examples, or a .npz file of its own with arrays of the same names, or a file for each array by the name of its field ({ features: x.npy, targets: y.npy }), that is held out and evaluated after every epoch.
     */
    validation?:
      | number
      | string
      | {
          [k: string]: string;
        };
    /**
     * Fraction of the examples, or a .npz file of its own with arrays of the same names, or a file for each array by the name of its field ({ features: x.npy, targets: y.npy }), that is held out and evaluated once, at the end.
     */
    test?:
      | number
      | string
      | {
          [k: string]: string;
        };
    /**
     * NumPy array of one number an example of numbers or dates: the examples with the highest are for test, those before them for validation.
     */
    order?: string;
    /**
     * NumPy array of one number an example whose values stay together: no two splits have examples of one value.
     */
    group?: string;
    /**
     * Give every split the same share of each class, or of each class of a target by its name, or of each value: numpy array of one number an example.
     */
    stratify?: boolean | string;
  };
  /**
   * Train on such a part of the training split, by the seed; smaller parts lie within larger ones.
   */
  trainingFraction?: number;
  /**
   * Fraction of the examples, or a .npz file of its own with arrays of the same names, or a file for each array by the name of its field ({ features: x.npy, targets: y.npy }), that is held out and evaluated after every epoch.
   */
  validation?:
    | number
    | string
    | {
        [k: string]: string;
      };
  /**
   * Fraction of the examples, or a .npz file of its own with arrays of the same names, or a file for each array by the name of its field ({ features: x.npy, targets: y.npy }), that is held out and evaluated once, at the end.
   */
  test?:
    | number
    | string
    | {
        [k: string]: string;
      };
  /**
   * Give every split the same share of each class. Needs targets that are classes.
   */
  stratify?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
/**
 * Image files: in one folder a class, beside their masks, or named by a table.
 */
export interface ImagesData {
  source: 'images';
  /**
   * Folder with a folder of PNG or JPEG files for each class; where targets are masks or pictures, with files at any depth; with a table, where its names start (default: the table's folder). A relative path starts at the current folder.
   */
  dir?: string;
  /**
   * A CSV, Parquet or JSON lines file with a row for each example, whose columns name its images and hold what else there is.
   */
  table?: string;
  /**
   * Inputs of the model by name: with a table { image: column }, or columns as those of source csv; without one { images: folder }, in the place of dir.
   */
  inputs?: {
    [k: string]: InputColumns | PictureColumn | PictureFolder;
  };
  /**
   * Targets by name. Masks are PNG files whose values are class indices, those of a palette too: { masks: folder, classes, values }, or with a table { mask: column }. Pictures, bytes times 1/255: { images: folder }, { image: column }, or { of: input }, as autoencoders have them. With a table also columns, as those of source csv.
   */
  targets?: {
    [k: string]:
      | TargetColumns
      | CopiedTarget
      | (ImageKeysOfDir &
          ImageKeysOfSize &
          ImageKeysOfClasses & {
            /**
             * The column of their names.
             */
            mask: string;
          })
      | (ImageKeysOfSize &
          ImageKeysOfClasses & {
            /**
             * A folder with a file for each picture, of the same name but for its ending.
             */
            masks: string;
          })
      | PictureColumn
      | PictureFolder;
  };
  /**
   * Height and width to scale images to; one number for both. Default: images must be of one size.
   */
  size?: number | [number, number];
  /**
   * Images of another shape are cropped (cover), padded with black (contain) or distorted (fill).
   */
  fit?: 'cover' | 'contain' | 'fill';
  /**
   * One channel instead of three: bt601 (or true) weighs the stored bytes as ITU-R BT.601 does, 0.299 R + 0.587 G + 0.114 B, like PIL's mode L, OpenCV and torchvision; linear is the luminance of the light, which is brighter.
   */
  greyscale?: boolean | ('bt601' | 'linear');
  /**
   * Whether the first line names the columns; else they are c1, c2, ...
   */
  header?: boolean;
  /**
   * What separates the columns.
   */
  delimiter?: string;
  /**
   * What stands before the decimals of a number.
   */
  decimal?: '.' | ',';
  /**
   * What stands between groups of three digits, such as , in 1,100; a blank means no-break spaces too.
   */
  thousands?: string;
  /**
   * Texts that stand for a missing value.
   */
  missingValues?: string[];
  /**
   * Columns of dates, and which numbers they become: epoch (seconds since 1970, UTC) or a list of year, month, day, weekday (Monday is 1), hour and minute. Dates in text are written as 2024-01-31 or 2024-01-31 12:30:00 (ISO 8601).
   */
  dates?: {
    [k: string]: 'epoch' | ('year' | 'month' | 'day' | 'weekday' | 'hour' | 'minute')[];
  };
  /**
   * Columns of numbers that name categories. Columns of text do anyway; each category becomes a 0/1 feature.
   */
  categorical?: string[];
  /**
   * The column of the examples' weights in the loss of training; evaluation counts each row once.
   */
  weight?: string;
  /**
   * Give numeric columns mean 0 and deviation 1, as measured on the training split. Default: true, except where the first layer is an embedding, which reads whole numbers.
   */
  standardize?: boolean;
  /**
   * Missing values: refuse them, take the mean of the training split (for a category: a category of its own), or leave the row out.
   */
  missing?: 'error' | 'mean' | 'drop';
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the examples, or a folder of its own (with data.table: a table), that is held out and evaluated after every epoch.
     */
    validation?: number | string;
    /**
     * Fraction of the examples, or a folder of its own (with data.table: a table), that is held out and evaluated once, at the end.
     */
    test?: number | string;
    /**
     * Column of the table of numbers or dates: the examples with the highest are for test, those before them for validation.
     */
    order?: string;
    /**
     * Column of the table whose values stay together: no two splits have examples of one value.
     */
    group?: string;
    /**
     * Give every split the same share of each class, or of each class of a target by its name, or of each value: column of the table.
     */
    stratify?: boolean | string;
  };
  /**
   * Train on such a part of the training split, by the seed; smaller parts lie within larger ones.
   */
  trainingFraction?: number;
  /**
   * Fraction of the examples, or a folder of its own (with data.table: a table), that is held out and evaluated after every epoch.
   */
  validation?: number | string;
  /**
   * Fraction of the examples, or a folder of its own (with data.table: a table), that is held out and evaluated once, at the end.
   */
  test?: number | string;
  /**
   * Give every split the same share of each class. Needs targets that are classes.
   */
  stratify?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
/**
 * Tokens of a text: the examples are windows of it, the targets the tokens that follow.
 */
export interface TextData {
  source: 'text';
  /**
   * UTF-8 text, or several files of documents; a relative path starts at the current folder.
   */
  file: string | string[];
  /**
   * What a document is: text between blank lines or separators, a whole file, or a value of JSON lines. A token for the end of the text stands behind each, what follows it in a window is not asked for, and no document is in two splits. Default: the text is one.
   */
  documents?:
    | ('blankLines' | 'files')
    | {
        /**
         * What stands between two documents.
         */
        separator: string;
      }
    | {
        /**
         * The files are JSON lines; this key of each holds a document.
         */
        column: string;
      };
  /**
   * The token behind each document, which a tokenizer.json must have. Default: <|endoftext|>.
   */
  endOfText?: string;
  /**
   * Keep the documents of a window apart (Llama 3, 2024): attention sees those places alone that are in the same document, and the positions of each start anew. For models of layers that mix places by attention only.
   */
  documentMask?: boolean;
  /**
   * What the model reads and predicts: characters, tokens that are learned from the text, or those of a file.
   */
  tokens?:
    | 'characters'
    | {
        /**
         * Byte-level byte pair encoding (Sennrich et al. 2016, as GPT-2 has it), learned from the training split: the merges of ByteLevelBPETokenizer of Hugging Face's tokenizers.
         */
        bpe: {
          /**
           * Tokens at most, the 256 bytes among them; a short text gives fewer.
           */
          vocabulary?: number;
          /**
           * Pairs of tokens that the training split has less often are not merged.
           */
          minFrequency?: number;
        };
      }
    | {
        /**
         * A tokenizer.json of Hugging Face's tokenizers: BPE, WordPiece or Unigram; a relative path starts at the current folder.
         */
        file: string;
      };
  /**
   * Bytes that are not UTF-8: refuse the file, naming the first, or read U+FFFD in their place.
   */
  invalid?: 'refuse' | 'replace';
  /**
   * Tokens that an example shows the model.
   */
  window?: number;
  /**
   * Tokens from the start of one training example to that of the next.
   */
  stride?: number;
  /**
   * Predict the token after the window, or the one after each token of it.
   */
  targets?: 'last' | 'all';
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the text (in one piece at its end, validation before test), or a file of its own, that is held out and evaluated after every epoch.
     */
    validation?: number | string;
    /**
     * Fraction of the text (in one piece at its end, validation before test), or a file of its own, that is held out and evaluated once, at the end.
     */
    test?: number | string;
  };
  /**
   * Fraction of the text (in one piece at its end, validation before test), or a file of its own, that is held out and evaluated after every epoch.
   */
  validation?: number | string;
  /**
   * Fraction of the text (in one piece at its end, validation before test), or a file of its own, that is held out and evaluated once, at the end.
   */
  test?: number | string;
  /**
   * Keep the tokenizer and the tokens of a text of 1 MB and more in the system's place for caches, so that the next run does not make them again; the bits are the same.
   */
  cache?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
/**
 * Examples that a module of yours makes.
 */
export interface ModuleData {
  source: 'module';
  /**
   * JavaScript or TypeScript file whose default export is, or is a function that returns, an iterable of { features, target, weight? } or, by names, { inputs: { name: ... }, targets: { name: ... }, weights?: { target: ... } }, sync or async; a relative path starts at the current folder.
   */
  file: string;
  /**
   * Given to the function.
   */
  options?: {
    [k: string]: unknown;
  };
  /**
   * Makes a target class indices, 0 to classes - 1: of the only target, or { target: classes }.
   */
  classes?:
    | number
    | {
        [k: string]: number;
      };
  /**
   * Makes an input whole numbers from 0 to categories - 1, for which embeddings write inputDim: categories: of the only input, or { input: categories }.
   */
  categories?:
    | number
    | {
        [k: string]: number;
      };
  /**
   * Makes an input a sequence whose first axis differs from example to example: filled up with 0 to so many places, or to the longest, with a mask that leaves those places out of layers, losses and metrics. Of the only input, or { input: length }. Targets that have as many places as an input in every example go with it.
   */
  length?:
    | ('longest' | number)
    | {
        [k: string]: 'longest' | number;
      };
  /**
   * Targets that are inputs, by names: { copy: { of: features } }, as autoencoders have them; they take no memory.
   */
  targets?: {
    [k: string]: CopiedTarget;
  };
  /**
   * Cut off what sequences have beyond data.length.
   */
  truncate?: boolean;
  /**
   * Give targets that are numbers mean 0 and deviation 1, column by column, as measured on the training split in 64 bits. The loss is that of the standardized targets; mae, mse, r2 and predictions are in their own units. Default: false.
   */
  standardizeTargets?: boolean;
  /**
   * Which examples are held out, and what decides it; in the place of validation, test and stratify.
   */
  split?: {
    /**
     * Fraction of the examples, or a module of its own, that is held out and evaluated after every epoch.
     */
    validation?: number | string;
    /**
     * Fraction of the examples, or a module of its own, that is held out and evaluated once, at the end.
     */
    test?: number | string;
    /**
     * Key of the examples that is no input of numbers or dates: the examples with the highest are for test, those before them for validation.
     */
    order?: string;
    /**
     * Key of the examples that is no input whose values stay together: no two splits have examples of one value.
     */
    group?: string;
    /**
     * Give every split the same share of each class, or of each class of a target by its name, or of each value: key of the examples that is no input.
     */
    stratify?: boolean | string;
  };
  /**
   * Train on such a part of the training split, by the seed; smaller parts lie within larger ones.
   */
  trainingFraction?: number;
  /**
   * Fraction of the examples, or a module of its own, that is held out and evaluated after every epoch.
   */
  validation?: number | string;
  /**
   * Fraction of the examples, or a module of its own, that is held out and evaluated once, at the end.
   */
  test?: number | string;
  /**
   * Give every split the same share of each class. Needs targets that are classes.
   */
  stratify?: boolean;
  /**
   * Memory that features may take, e.g. 512MB; a larger set is read from disk. Default: half of what this process may have.
   */
  memory?: string;
}
