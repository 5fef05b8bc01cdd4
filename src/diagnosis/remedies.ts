/** What this program has against what is wrong, by the names of its config: as `--set` takes them, where they are one value. */
import { join } from 'node:path';
import type { OptimizerConfig } from '../config/optimizer.js';
import type { RunConfig } from '../config/run-config.js';
import { isPlanned } from '../config/schedule.js';
import { keepTogether } from '../data/splits/keep-together.js';
import { commandLine } from '../ground/shell-words.js';
import { configName } from '../report/run-folder.js';
import type { RunFacts } from './facts.js';

/** A remedy that can be pasted behind `npx lockstep train CONFIG`. */
const set = (assignment: string, what: string): string =>
  `--set ${/[ {]/.test(assignment) ? `"${assignment}"` : assignment} ${what}`;

const short = (value: number): number => Number(value.toPrecision(2));

function optimizerOf({ optimizer }: Pick<RunConfig, 'optimizer'>) {
  const [[name, options]] = Object.entries(optimizer as OptimizerConfig);
  return { name, ...(options as { readonly learningRate: number; readonly weightDecay?: number }) };
}

/** @param factor of the learning rate */
function learningRate(config: RunConfig, factor: number, what: string): string {
  const { name, learningRate } = optimizerOf(config);
  return set(`optimizer.${name}.learningRate=${short(learningRate * factor)}`, `${what} (now ${short(learningRate)})`);
}

/** Against steps that are too large. */
export function smallerSteps({ config }: RunFacts): string[] {
  const { training, schedule } = config;
  const isConstant = 'constant' in schedule && schedule.constant.warmupSteps === 0;
  return [
    learningRate(config, 0.1, 'takes smaller steps'),
    ...(training.clipNorm === undefined ? [set('training.clipNorm=1', 'cuts off gradients that are too long')] : []),
    ...(isConstant ? [set('schedule={cosine: {warmupSteps: 100}}', 'begins and ends with small steps')] : []),
  ];
}

/** Against a model that knows its training examples by heart. */
export function regularization({ config, hasPicture }: RunFacts): string[] {
  return [
    dropout(config),
    weightDecay(config),
    ...(hasPicture && !config.augment ? [set('augment={shift: 0.1}', 'shows each picture in another place')] : []),
    'more training examples (npx lockstep train CONFIG --learning-curve 0.3,1 tells whether they help), or a smaller model',
  ];
}

function dropout({ model }: RunConfig): string {
  const layers = 'layers' in model ? model.layers : [];
  const rates = layers.flatMap((layer) => (layer.dropout && 'rate' in layer.dropout ? Number(layer.dropout.rate) : []));
  return rates.length > 0
    ? `a higher rate of dropout in the model (now ${rates.join(', ')})`
    : 'dropout: { rate: 0.3 } in the model, behind its large layers';
}

function weightDecay(config: RunConfig): string {
  const { name, learningRate, weightDecay = 0 } = optimizerOf(config);
  const what = 'keeps weights small';
  if (name === 'adamw') return set(`optimizer.adamw.weightDecay=${short(10 * weightDecay || 0.01)}`, what);
  if (name === 'adam') return set(`optimizer={adamw: {learningRate: ${short(learningRate)}, weightDecay: 0.01}}`, what);
  return set(`training.l2=${short(10 * config.training.l2 || 0.0001)}`, what);
}

/** Against epochs after the best one. */
export function earlierEnd({ config: { training } }: RunFacts): string[] {
  const { earlyStopping, restoreBest } = training;
  return [
    ...(earlyStopping ? [] : [set('training.earlyStopping={patience: 5}', 'ends a run that gets no better')]),
    ...(restoreBest ? [] : [set('training.restoreBest=true', 'ends with the parameters of the best epoch')]),
  ];
}

/** Against an end that came too early. */
export function moreEpochs({ config, folder }: RunFacts): string[] {
  const epochs = `training.epochs=${2 * config.training.epochs}`;
  const goesOn = isPlanned(config.schedule)
    ? []
    : [`${commandLine(['train', '--resume', folder, '--set', epochs])} goes on with the run`];
  return [...goesOn, set(epochs, 'trains longer from the start')];
}

/** Of a run that was stopped before its end. */
export const restOfRun = ({ folder }: RunFacts): string[] => [
  `${commandLine(['train', '--resume', folder])} goes on with the run, which was stopped before its end`,
];

/** Against a loss that falls too slowly. */
export const largerSteps = ({ config }: RunFacts): string[] => [learningRate(config, 3, 'takes larger steps')];

/** Against a model that does not even know its training examples. */
export function capacity({ config }: RunFacts): string[] {
  const { l1, l2 } = config.training;
  const { name, weightDecay = 0 } = optimizerOf(config);
  const hasDropout = 'layers' in config.model && config.model.layers.some((layer) => 'dropout' in layer);
  return [
    'more units or layers in the model',
    'inputs that say more about the target',
    ...(l1 > 0 ? [set('training.l1=0', 'holds weights down no longer')] : []),
    ...(l2 > 0 ? [set('training.l2=0', 'holds weights down no longer')] : []),
    ...(weightDecay > 0 ? [set(`optimizer.${name}.weightDecay=0`, 'holds weights down no longer')] : []),
    ...(hasDropout ? ['less dropout in the model'] : []),
  ];
}

/** Against classes that are passed over. @param target its name where there are several */
export function rareClasses({ config }: RunFacts, target: string | undefined): string[] {
  const weights = target === undefined ? 'balanced' : `{${target}: balanced}`;
  return [
    ...(config.training.classWeights ? [] : [set(`training.classWeights=${weights}`, 'lets each class count alike')]),
    'metrics that count classes alike: balancedAccuracy, f1: { average: macro }, mcc',
    'more examples of the rare classes',
  ];
}

/** Against examples in two splits. */
export function apart({ config: { data }, folder }: Pick<RunFacts, 'config' | 'folder'>): string[] {
  const together = keepTogether(data);
  return [
    `remove what comes twice before it is split (${commandLine(['doctor', 'data', join(folder, configName)])} names the first)`,
    ...(together === undefined ? [] : [`${together} keeps what belongs to one user, patient or product in one split`]),
  ];
}

/** Against not knowing how the model does on examples that are new to it. */
export function holdOut({ config: { data } }: Pick<RunFacts, 'config'>): string[] {
  const key = 'split' in data && data.split !== undefined ? 'data.split.validation' : 'data.validation';
  return [set(`${key}=0.1`, 'holds a tenth of the examples out')];
}
