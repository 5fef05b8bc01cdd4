/** What the course of a training says: whether it ended too early or too late, and whether its steps were too large. */
import { grouped, metricText, percent } from '../ground/units.js';
import type { Finding } from '../report/evaluation-report.js';
import type { LoggedEpoch } from '../report/run-log.js';
import type { RunFacts } from './facts.js';
import type { Losses } from './loss-rules.js';
import { earlierEnd, moreEpochs, smallerSteps } from './remedies.js';

/** Share of all that was gained that the last quarter of the epochs may still bring. */
const mostLeft = 0.05;
/** Share of what was learned that may be lost again after the best epoch. */
const mostLost = 0.05;
/** Mean change from epoch to epoch, as a share of what the best constant costs, that is more than noise. */
const leastSwing = 0.05;
/** Epochs without which nothing is said about their course. */
const fewest = 4;

export interface CourseFindings {
  readonly swinging: readonly Finding[];
  readonly tooLong: readonly Finding[];
  readonly improving: readonly Finding[];
}

export function courseFindings(facts: RunFacts, losses: Losses): CourseFindings {
  const { epochs } = facts.log;
  const swinging = tooLargeSteps(facts, losses.prior?.training ?? epochs[0]?.loss ?? Number.NaN);
  return { swinging, tooLong: tooLong(facts, losses), improving: swinging.length > 0 ? [] : tooShort(facts) };
}

/** The loss that a run is watched by: of validation, where it has one. */
const watched = ({ loss, validation }: LoggedEpoch): number => validation?.loss ?? loss;

/** The first of the epochs with the lowest loss, from 0. */
const lowest = (epochs: readonly LoggedEpoch[]): number =>
  epochs.reduce((best, epoch, i) => (watched(epoch) < watched(epochs[best]) ? i : best), 0);

function tooLargeSteps(facts: RunFacts, scale: number): Finding[] {
  const losses = facts.log.epochs.map(({ loss }) => loss);
  const [first, last] = [losses[0], losses.at(-1)!];
  const title = 'The learning rate is too high';
  if (losses.length >= 2 && last - first > leastSwing * Math.max(scale, first)) {
    const text = `The training loss rose from ${metricText(first)} in the first epoch to ${metricText(last)} in the last.`;
    return [{ title, text, remedies: smallerSteps(facts) }];
  }
  const late = losses.slice(Math.floor(losses.length / 2));
  if (late.length < 3) return [];
  const changes = late.slice(1).map((loss, i) => loss - late[i]);
  const up = changes.reduce((sum, change) => sum + Math.max(0, change), 0);
  const all = changes.reduce((sum, change) => sum + Math.abs(change), 0);
  if (!(all / changes.length > leastSwing * scale) || !(up > all / 3)) return [];
  const text =
    `The training loss goes up and down: in the second half of the epochs by ${metricText(all / changes.length)} from one to the next, ` +
    `between ${metricText(Math.min(...late))} and ${metricText(Math.max(...late))}.`;
  return [{ title, text, remedies: smallerSteps(facts) }];
}

function tooLong(facts: RunFacts, { prior }: Losses): Finding[] {
  const { config, isLast, log } = facts;
  const { epochs, end } = log;
  if (epochs.length < fewest || !epochs.every(({ validation }) => validation !== null)) return [];
  const best = lowest(epochs);
  const [at, last] = [epochs[best], epochs.at(-1)!];
  const learned = (prior?.validation ?? watched(epochs[0])) - watched(at);
  const lost = (watched(last) - watched(at)) / learned;
  const isEarly = best <= epochs.length - 1 - Math.max(2, Math.ceil(epochs.length / 10));
  // A run that stops by itself has to go past the best epoch to know.
  const isPlanned = end?.stoppedEarly && (!isLast || config.training.restoreBest);
  if (isPlanned || !isEarly || !(learned > 0) || !(lost > mostLost) || !(last.loss < at.loss)) return [];
  const which = isLast ? '; --model best evaluates the better model' : '';
  const text =
    `The loss on validation was lowest after epoch ${grouped(at.epoch)} of ${grouped(last.epoch)}, ${metricText(watched(at))}, and is ` +
    `${metricText(watched(last))} at the end, while that of training went on falling${which}.`;
  return [{ title: 'Trained too long', text, remedies: earlierEnd(facts) }];
}

function tooShort(facts: RunFacts): Finding[] {
  const { epochs, end } = facts.log;
  if (epochs.length < fewest || end?.stoppedEarly || end?.interrupted) return [];
  const quarter = Math.max(2, Math.ceil(epochs.length / 4));
  const before = epochs.slice(0, -quarter);
  const lows = [before, epochs].map((some) => watched(some[lowest(some)]));
  const gain = watched(epochs[0]) - lows[1];
  const left = (lows[0] - lows[1]) / gain;
  if (lowest(epochs) < epochs.length - 2 || !(gain > 0) || !(left > mostLeft)) return [];
  const what = epochs[0].validation ? 'validation' : 'training';
  const text =
    `The loss on ${what} was still falling at the end: the last ${grouped(quarter)} of ${grouped(epochs.length)} epochs brought ${percent(left)} of all ` +
    `that was gained since the first, down to ${metricText(lows[1])}.`;
  return [{ title: 'Still improving at the end', text, remedies: moreEpochs(facts) }];
}
