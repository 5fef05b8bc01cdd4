/**
 * The report of an evaluation as plain data: what `lockstep evaluate --json` prints, and what becomes a page or Markdown. Whoever
 * finds something out adds a section of their own; a section that is not there is not shown.
 */
import type { SplitName } from '../data/examples.js';
import type { Importance } from '../evaluate/permutation-importance.js';
import type { PredictionResiduals } from '../evaluate/prediction-residuals.js';
import type { MetricCurve, MetricFigure } from '../metrics/metric.js';
import type { Looks } from './looks.js';

/** Numbers by the names of metrics; null or NaN where one is no number. */
export type ReportMetrics = Readonly<Record<string, number | null>>;

/** Where the true value of a metric lies, with the confidence of the report. */
export interface MetricInterval {
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
  readonly method: 'wilson' | 'bootstrap';
}

export type MetricIntervals = Readonly<Record<string, MetricInterval>>;

/** An evaluation with all that is known of it. */
export interface EvaluationReport extends ReportSections {
  /** The folder or file of the model that was evaluated. */
  readonly model: string;
  /** null where other data were evaluated. */
  readonly split: SplitName | null;
  /** One line about the data. */
  readonly data: string;
  /** How many examples were evaluated. */
  readonly examples: number;
  /** `loss` first, then the metrics of the config. */
  readonly metrics: ReportMetrics;
}

/** What may be missing. */
export interface ReportSections {
  /** What the data are; all of them are read for it. */
  readonly card?: DataCard;
  /** Of the intervals, such as 0.95. */
  readonly confidence?: number;
  readonly intervals?: MetricIntervals;
  /** How large a difference of two models each metric can show. */
  readonly detectable?: Readonly<Record<string, number>>;
  /** Why a metric is no number, by its name. */
  readonly notes?: Readonly<Record<string, string>>;
  /** Metrics that are tables or curves. */
  readonly figures?: Readonly<Record<string, MetricFigure>>;
  /** What is legitimate but suspicious, a line each. */
  readonly warnings?: readonly string[];
  readonly training?: TrainingCourse;
  readonly learningCurve?: readonly LearningCurvePoint[];
  readonly slices?: readonly SliceReport[];
  readonly calibration?: readonly CalibrationReport[];
  /** Of targets that are numbers. */
  readonly residuals?: readonly PredictionResiduals[];
  readonly diagnosis?: readonly Finding[];
  readonly gallery?: readonly GalleryReport[];
  readonly importance?: readonly Importance[];
  /** Of a model whose input has no columns: why it says what it says of some examples. */
  readonly explanations?: readonly ExplainedExample[];
  /** How often a split was looked at since the run ended. */
  readonly looks?: Looks;
  readonly repeat?: Repetition;
}

/** What the data are. */
export interface DataCard {
  /** SHA-256 of the values of every field, and of the splits. */
  readonly sha256: string;
  /** Examples of each split; of other data that are evaluated as a whole, of `all`. */
  readonly splits: readonly SplitCard[];
  readonly targets: readonly TargetCard[];
}

export interface SplitCard {
  readonly split: SplitName | 'all';
  readonly examples: number;
  /** Is a test split that nobody may look at: its size is all that is known. */
  readonly sealed?: true;
}

/** How the values of a target are spread over the splits that are not sealed, in the order of the card's splits. */
export interface TargetCard {
  readonly target: string;
  /** `places` where an example has several, such as words or pixels. */
  readonly of: 'examples' | 'places';
  /** Of classes: how many of each there are. */
  readonly classes?: { readonly names: readonly string[]; readonly counts: readonly (readonly number[])[] };
  /** Of numbers; null where a split has none. */
  readonly numbers?: readonly (NumberSpread | null)[];
  /** Why there is neither. */
  readonly note?: string;
}

export interface NumberSpread {
  readonly mean: number;
  readonly standardDeviation: number;
  readonly least: number;
  readonly most: number;
}

/** How the training went, as metrics.jsonl has it. */
export interface TrainingCourse {
  readonly epochs: readonly {
    readonly epoch: number;
    /** Training examples seen since the start of the run; 0 where their number is not known. */
    readonly examples: number;
    /** Mean loss of the training examples over the epoch, with regularization. */
    readonly loss: number;
    readonly validation: ReportMetrics | null;
  }[];
  /** The best epoch by `training.monitor`, from 1; null where the run does not say. */
  readonly best: number | null;
}

/** What training on a part of the training split comes to. */
export interface LearningCurvePoint {
  /** Training examples. */
  readonly size: number;
  readonly metrics: ReportMetrics;
  readonly intervals: MetricIntervals;
}

/** Metrics by the values of a column, or by its bins: the worst first. */
export interface SliceReport {
  readonly column: string;
  readonly confidence: number;
  readonly groups: readonly {
    readonly value: string;
    readonly examples: number;
    readonly metrics: ReportMetrics;
    readonly intervals: MetricIntervals;
    /** What to keep in mind, as that it is too small to say. */
    readonly note?: string;
  }[];
  /** Largest differences between two groups. */
  readonly gaps: readonly {
    readonly metric: string;
    readonly gap: number;
    readonly low: number;
    readonly high: number;
    /** Values of the groups. */
    readonly least: string;
    readonly most: string;
  }[];
}

/** How far the probabilities of a target can be taken at their word, on the examples that were evaluated. */
export interface CalibrationReport {
  readonly target: string;
  /** What was fitted on the validation split and saved with the model: how classes are read. */
  readonly fitted?: {
    /** The probability above which the second of two classes is predicted. */
    readonly threshold?: number;
    readonly method?: 'temperature' | 'isotonic';
    readonly temperature?: number;
  };
  /** As the model gives them, then, where a calibration was fitted, as it makes them. */
  readonly readings: readonly ProbabilityReading[];
}

export interface ProbabilityReading {
  readonly isCalibrated: boolean;
  /** The calibration error, and where the true one lies. */
  readonly error: number;
  readonly interval?: MetricInterval;
  /** How often bins of probability are right. */
  readonly curve: MetricCurve;
}

/** What was found out about the run, and what can be done. */
export interface Finding {
  readonly title: string;
  readonly text: string;
  readonly remedies: readonly string[];
}

/** Examples to look at, such as those that are most confidently wrong. */
export interface GalleryReport {
  readonly title: string;
  readonly examples: readonly {
    /** Its number in the data, from 0. */
    readonly example: number;
    readonly truth: string;
    readonly predicted: string;
    readonly confidence?: number;
    readonly loss?: number;
    /** A PNG file as a `data:` URI. */
    readonly picture?: string;
    /** Cells by the names of columns. */
    readonly row?: Readonly<Record<string, string>>;
    readonly text?: string;
  }[];
}

/** Why a model says what it says of an example. */
export interface ExplainedExample {
  readonly title: string;
  /** What is explained, and what it comes to. */
  readonly text: string;
  /** Heat maps, each a PNG file as a `data:` URI. */
  readonly pictures?: readonly string[];
  /** Columns or numbers, and what each adds. */
  readonly parts?: readonly AddedPart[];
  /** Tokens or characters in their order, and what each adds; of several inputs with the name of each. */
  readonly texts?: readonly { readonly input?: string; readonly parts: readonly AddedPart[] }[];
}

/** A part of an example, and what it adds. */
export interface AddedPart {
  readonly name: string;
  readonly value: string | number;
  readonly attribution: number;
}

/** How to come to the same numbers. */
export interface Repetition {
  /** Command lines, in order. */
  readonly commands: readonly string[];
  /** Why they may not give the same bits. */
  readonly note?: string;
  /** The resolved config as YAML. */
  readonly config: string;
  readonly seed: number;
  /** Of the model's parameters, in hex. */
  readonly parameters: string;
  /** Versions by the name of what has them. */
  readonly versions: Readonly<Record<string, string>>;
}
