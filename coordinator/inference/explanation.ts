/** What is asked of an explanation, and what it says. */
import type { Measure } from './explained-target.js';
import type { ModelChoice } from './locate.js';

export type ExplainMethod = 'integratedGradients' | 'occlusion' | 'gradient';

/** What is to be explained, and how. */
export interface ExplainOptions {
  /** Which model of the run: `best` by validation, `final`, or one at a path; default: the best, where there is one. */
  readonly model?: ModelChoice;
  /** Module whose default export makes the model; default: that of the run's config. */
  readonly module?: string;
  /** Default: integratedGradients. */
  readonly method?: ExplainMethod;
  /** A class, a number or a target by its name, or both (`liked=yes`); default: of classes the likeliest, of numbers the first. */
  readonly target?: string;
  /** Of a model that tells a class for each of several places: which, from 1. */
  readonly place?: number;
  /** Of integrated gradients: points at which the slope is taken; default 64. */
  readonly steps?: number;
  /**
   * What the example is compared with: `zeros` in the model's own units, which of standardized columns are their means in training
   * (default); `mean` of a picture's colours, of columns and of the vectors of ids; `white`; or a file with an example.
   */
  readonly baseline?: string;
  /** Of the occlusion of pictures: pixels of a window's side; default: an eighth of the shorter side. They are half a window apart. */
  readonly window?: number;
  /** Folder to write a PNG file to for each picture: red pixels speak for the answer, blue ones against it. */
  readonly images?: string;
  /** Whether files in that folder may be replaced. */
  readonly force?: boolean;
  /** Folder where names of images in a table start; default: that of the table's file. */
  readonly dir?: string;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

/** A column, a word or a number, and what it adds. */
export interface ExplainedPart {
  readonly name: string;
  /** What the example has there. */
  readonly value: string | number;
  readonly attribution: number;
}

/** What one input of the model adds. */
export interface ExplainedInput {
  readonly input: string;
  /** Of all but pictures, in their order. */
  readonly parts?: readonly ExplainedPart[];
  /** Of a picture: its size, what each pixel adds, row-major, and the file that was written of it. */
  readonly height?: number;
  readonly width?: number;
  readonly attributions?: readonly number[];
  readonly file?: string;
}

/** Why the model says what it says of one example. */
export interface Explanation {
  /** Of the input, from 1. */
  readonly row: number;
  /** File of the input, where each is a file. */
  readonly name?: string;
  /** The target, where it has a name, and which of its places, from 1, where it has some. */
  readonly target?: string;
  readonly place?: number;
  /** Name of the class or number that is explained. */
  readonly of: string;
  /** What it is measured as: a logit, where the model gives logits. */
  readonly measure: Measure;
  /** Of the example, and of the baseline. */
  readonly value: number;
  readonly baselineValue: number;
  /** Of integrated gradients: their sum less (value - baselineValue), which more steps make smaller. */
  readonly residual?: number;
  readonly inputs: readonly ExplainedInput[];
}

export interface Explanations {
  /** The folder or file of the model. */
  readonly model: string;
  readonly method: ExplainMethod;
  readonly baseline: string;
  /** One for each row of the input, in its order; read and computed while they are asked for. */
  readonly rows: AsyncIterable<Explanation>;
}
