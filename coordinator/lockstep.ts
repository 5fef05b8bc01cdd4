/** What `import ... from 'lockstep'` gives: the functions behind the commands, their options, events and errors. */

export { defineConfig } from '../src/config/define.js';
export { type Gate, loadGate } from '../src/config/gate.js';
export type { RunConfigInput } from '../src/config/input.js';
export type { LayerInput } from '../src/config/layer-input.js';
export { loadRunConfig } from '../src/config/load-config.js';
export type { RunConfig } from '../src/config/run-config.js';
export {
  ConfigError,
  DataError,
  DivergedError,
  EngineError,
  LockstepError,
  ModelError,
  OutputError,
  RefusedError,
  UnsupportedModelError,
  WireError,
} from '../src/errors.js';
export type { Verdict } from '../src/evaluate/differences.js';
export type { GateLine } from '../src/evaluate/gate-lines.js';
export type { OutputKind, PredictedArrays } from '../src/evaluate/kept-arrays.js';
export type { ExampleFunction, ModelFunction, Tf } from '../src/model/user-tf.js';
export { reportHtml, reportMarkdown } from '../src/report/evaluation-document.js';
export type { EvaluationReport } from '../src/report/evaluation-report.js';
export type { EndEvent, EpochEvent, Metrics, Reporter, RunEvent, StartEvent, StepEvent } from '../src/report/events.js';
export {
  type BoxMetrics,
  type BoxScores,
  type ClassScore,
  type ScoreBoxesOptions,
  scoreBoxes,
} from '../src/scores/boxes.js';
export type { CocoDetection, CocoTruths } from '../src/scores/coco-files.js';
export type { ScoreInterval } from '../src/scores/score-interval.js';
export {
  type ForecastSeries,
  type SeriesScore,
  type SeriesScoreOptions,
  type SeriesScores,
  scoreSeries,
} from '../src/scores/series.js';
export type { TextScoreOptions } from '../src/scores/text-options.js';
export type {
  Score,
  ScoreDifference,
  TextScore,
  TextScoreListeners,
  TextScores,
  TextVisit,
} from '../src/scores/text-scores.js';
export { type ScoreTextsOptions, scoreTexts, type Texts } from '../src/scores/texts.js';
export { type MetricsOptions, type ServedMetrics, serveMetrics } from '../src/track/openmetrics/serve.js';
export type { Channel, ChannelEvents, OpenChannel, Transport } from '../src/wire/transport.js';
export { type CalibrateOptions, type CalibrationResult, calibrate } from './inference/calibrate-model.js';
export { type CheckResult, check } from './inference/check.js';
export { type ComparedModel, type CompareOptions, type ComparisonResult, compare } from './inference/compare-models.js';
export { type ContinueOptions, continueText } from './inference/continue-text.js';
export { type EvaluationResult, evaluate } from './inference/evaluate.js';
export type { EvaluateOptions } from './inference/evaluated-data.js';
export { explain } from './inference/explain.js';
export type {
  ExplainedInput,
  ExplainedPart,
  ExplainMethod,
  ExplainOptions,
  Explanation,
  Explanations,
} from './inference/explanation.js';
export { type ExportOptions, type ExportResult, exportModel } from './inference/export.js';
export type { InputValues } from './inference/given-rows.js';
export { type ImportanceOptions, type ImportanceResult, importance } from './inference/importance.js';
export { evaluationReport } from './inference/make-report.js';
export type { NamedInputs } from './inference/named-inputs.js';
export {
  type PredictedTarget,
  type PredictedValue,
  type Prediction,
  type Predictions,
  type PredictOptions,
  predict,
} from './inference/predict.js';
export { type ArrayScoreOptions, type ArrayScores, scoreArrays } from './inference/score-arrays.js';
export { type ResumeOptions, resume, type TrainOptions, train } from './local/train.js';
export {
  type CoordinateOptions,
  type CoordinateResumeOptions,
  coordinate,
  resumeCoordinating,
} from './world/coordinate.js';
