/**
 * A run for TensorBoard: an event file with scalars at steps and epochs, histograms of the weights at epochs, the config as text and
 * as hyper-parameters, and the layers as a graph.
 */
import type { EndEvent, EpochEvent, Metrics, RunEvent, StepEvent } from '../../report/events.js';
import type { NamedWeights, Tracker } from '../tracker.js';
import { distributionOf } from './distribution.js';
import {
  endEvent,
  type GraphNode,
  graphEvent,
  type HyperParameter,
  histogram,
  markdown,
  type SummaryValue,
  scalar,
  sessionEnd,
  sessionSettings,
  summaryEvent,
} from './event.js';
import { EventFile, type EventFileOptions } from './event-file.js';

export interface DescribedRun {
  /** The run's folder, by its name. */
  readonly name: string;
  /** The whole config, as YAML. */
  readonly yaml: string;
  /** Its values by their paths. */
  readonly settings: ReadonlyMap<string, HyperParameter>;
  readonly layers: readonly GraphNode[];
}

/**
 * @param folder that receives the event file
 * @param step how far the run is: what earlier files say of later steps is left out, for they will be taken again
 * @throws Error of node:fs where nothing can be written there
 */
export function tensorboardTracker(
  folder: string,
  step: number,
  described: DescribedRun,
  options: EventFileOptions,
): Tracker {
  const file = new EventFile(folder, step, options);
  const { name, yaml, settings, layers } = described;
  const time = (at: number) => ({ seconds: Date.now() / 1000, step: at });
  if (file.isFirst) {
    file.append(graphEvent(Date.now() / 1000, layers));
    const settled = sessionSettings(name, Date.now() / 1000, settings);
    file.append(summaryEvent(time(0), [markdown('config', indented(yaml)), settled]));
  }
  let last = step;
  const report = (event: RunEvent) => {
    if (event.event === 'step' || event.event === 'epoch') last = event.step;
    if (event.event === 'step') file.append(summaryEvent(time(last), ofStep(event)));
    else if (event.event === 'epoch') file.append(summaryEvent(time(last), ofEpoch(event)));
    else if (event.event === 'end') file.append(endEvent(time(last), ofEnd(event)));
  };
  return {
    report,
    weights: (at, weights) => file.append(summaryEvent(time(at), weights.flatMap(ofWeights))),
    close: () => file.close(),
  };
}

/** Four spaces make lines a block of code in Markdown, whatever they hold. */
const indented = (yaml: string): string => yaml.replaceAll(/^/gm, '    ');

const ofStep = ({
  loss,
  learningRate,
  gradientNorm,
  examplesPerSecond,
  tokensPerSecond,
}: StepEvent): SummaryValue[] => [
  scalar('step/loss', loss),
  scalar('step/learningRate', learningRate),
  scalar('step/gradientNorm', gradientNorm),
  ...ofSpeed('step', examplesPerSecond, tokensPerSecond),
];

/** Before the second step there is none. */
function ofSpeed(place: string, examples: number, tokens: number | undefined): SummaryValue[] {
  if (Number.isNaN(examples)) return [];
  const byExamples = scalar(`${place}/examplesPerSecond`, examples);
  return tokens === undefined ? [byExamples] : [byExamples, scalar(`${place}/tokensPerSecond`, tokens)];
}

const ofMetrics = (split: string, metrics: Metrics | null): SummaryValue[] =>
  Object.entries(metrics ?? {}).map(([name, value]) => scalar(`${split}/${name}`, value));

const ofEpoch = ({
  epoch,
  loss,
  validation,
  seconds,
  examplesPerSecond,
  tokensPerSecond,
}: EpochEvent): SummaryValue[] => [
  scalar('epoch/number', epoch),
  scalar('epoch/loss', loss),
  scalar('epoch/seconds', seconds),
  ...ofSpeed('epoch', examplesPerSecond, tokensPerSecond),
  ...ofMetrics('validation', validation),
];

const ofEnd = ({ test, interrupted, model }: EndEvent): SummaryValue[] => [
  ...(interrupted ? [] : ofMetrics('test', test)),
  sessionEnd(Date.now() / 1000, !interrupted && model !== ''),
];

function ofWeights({ name, values }: NamedWeights): SummaryValue[] {
  const found = distributionOf(values);
  return found ? [histogram(`weights/${name}`, found)] : [];
}
