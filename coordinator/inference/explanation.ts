/** What is asked of an explanation, and what it says. */
import type { Measure } from './explained-target.js';
import type { ModelChoice } from './locate.js';

/** Integrated gradients, the difference that it makes to have the baseline's part in the place of one, or the slope at the input. */
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
  /** Whether each picture's heat map comes with its explanation. */
  readonly heatMaps?: boolean;
  /** Whether files in that folder may be replaced. */
  readonly force?: boolean;
  /** Folder where names of images in a table start; default: that of the table's file. */
  readonly dir?: string;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
}

/** A column, a word or a number, and what it adds. */
export interface ExplainedPart {
  /** Of the column; the place of a word or number, from 1. */
  readonly name: string;
  /** What the example has there. */
  readonly value: string | number;
  /** What it adds to the number that is explained. */
  readonly attribution: number;
}

/** What one input of the model adds. */
export interface ExplainedInput {
  /** Its name; `input` where it has none. */
  readonly input: string;
  /** Of all but pictures, in their order. */
  readonly parts?: readonly ExplainedPart[];
  /** Rows of a picture's pixels. */
  readonly height?: number;
  /** Pixels of a row. */
  readonly width?: number;
  /** What each pixel adds, row by row. */
  readonly attributions?: readonly number[];
  /** The heat map that was written of it. */
  readonly file?: string;
  /** The heat map itself, a PNG file as a `data:` URI, where it is asked for. */
  readonly heatMap?: string;
  /** Whether the parts are the tokens or characters of a text, with the spaces before them. */
  readonly isText?: true;
}

/** Why the model says what it says of one example. */
export interface Explanation {
  /** Of the input, from 1. */
  readonly row: number;
  /** File of the input, where each is a file. */
  readonly name?: string;
  /** The target, where it has a name. */
  readonly target?: string;
  /** Which of its places, from 1, where it has some. */
  readonly place?: number;
  /** Name of the class or number that is explained. */
  readonly of: string;
  /** What it is measured as: a logit, where the model gives logits. */
  readonly measure: Measure;
  /** What the model gives for the example. */
  readonly value: number;
  /** What it gives for the baseline. */
  readonly baselineValue: number;
  /** Of integrated gradients: their sum less (value - baselineValue), which more steps make smaller. */
  readonly residual?: number;
  /** In the order of the model's. */
  readonly inputs: readonly ExplainedInput[];
}

/** The explanations of all inputs. */
export interface Explanations {
  /** The folder or file of the model. */
  readonly model: string;
  /** How they were made. */
  readonly method: ExplainMethod;
  /** What the inputs are compared with: a name, or a file. */
  readonly baseline: string;
  /** One for each row of the input, in its order; read and computed while they are asked for. */
  readonly rows: AsyncIterable<Explanation>;
}
