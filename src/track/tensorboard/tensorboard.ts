/**
 * A run for TensorBoard: an event file with scalars at steps and epochs, histograms of weights and gradients at epochs, the config as text and
 * as hyper-parameters, and the layers as a graph.
 */
import type { EndEvent, EpochEvent, RunEvent, StepEvent } from '../../report/events.js';
import type { PatientOptions } from '../../report/patient-file.js';
import { loggedPoints } from '../logged-points.js';
import type { TaggedTensor, Tracker } from '../tracker.js';
import { distributionOf } from './distribution.js';
import {
  codeBlock,
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
import { EventFile } from './event-file.js';

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
  options: PatientOptions,
): Tracker {
  const file = new EventFile(folder, step, options);
  const { name, yaml, settings, layers } = described;
  const time = (at: number) => ({ seconds: Date.now() / 1000, step: at });
  if (file.isFirst) {
    file.append(graphEvent(Date.now() / 1000, layers));
    const settled = sessionSettings(name, Date.now() / 1000, settings);
    file.append(summaryEvent(time(0), [markdown('config', codeBlock(yaml)), settled]));
  }
  let last = step;
  const report = (event: RunEvent) => {
    if (event.event === 'step' || event.event === 'epoch') last = event.step;
    if (event.event === 'step') file.append(summaryEvent(time(last), scalarsOf(event)));
    else if (event.event === 'epoch') file.append(summaryEvent(time(last), ofEpoch(event)));
    else if (event.event === 'end') file.append(endEvent(time(last), ofEnd(event)));
  };
  return {
    report,
    tensors: (at, tensors) => file.append(summaryEvent(time(at), tensors.flatMap(ofTensor))),
    close: () => file.close(),
  };
}

const scalarsOf = (event: StepEvent | EpochEvent | EndEvent): SummaryValue[] =>
  loggedPoints({ ...event }).flatMap(([name, value]) => (typeof value === 'number' ? [scalar(name, value)] : []));

const ofEpoch = (event: EpochEvent): SummaryValue[] => [scalar('epoch/number', event.epoch), ...scalarsOf(event)];

const ofEnd = (event: EndEvent): SummaryValue[] => [
  ...scalarsOf(event),
  sessionEnd(Date.now() / 1000, !event.interrupted && event.model !== ''),
];

function ofTensor({ tag, values, scale }: TaggedTensor): SummaryValue[] {
  const found = distributionOf(values, scale);
  return found ? [histogram(tag, found)] : [];
}
