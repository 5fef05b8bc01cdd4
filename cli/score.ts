/** `lockstep score`: how good predictions are that were made elsewhere. */
import { Command } from 'commander';
import { scoreArraysCommand } from './score-arrays.js';
import { scoreBoxesCommand } from './score-boxes.js';
import { scoreSeriesCommand } from './score-series.js';
import { scoreTextsCommand } from './score-texts.js';

export function scoreCommand(): Command {
  return new Command('score')
    .description('Score predictions that were made elsewhere: arrays, texts, boxes in images, forecasts.')
    .addCommand(scoreArraysCommand())
    .addCommand(scoreTextsCommand())
    .addCommand(scoreBoxesCommand())
    .addCommand(scoreSeriesCommand())
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep score arrays truth.npy scores.npy --of probabilities --metrics auc,logLoss
  npx lockstep score texts references.txt translations.txt
  npx lockstep score boxes instances.json detections.json
  npx lockstep score series truths.csv forecasts.csv --history history.csv --season 12`,
    );
}
