/** `lockstep score series`: forecasts of time series. */
import { Command } from 'commander';
import { ConfigError } from '../src/errors.js';
import { grouped, metricText, percent, plural } from '../src/ground/units.js';
import { tableLines } from '../src/report/aligned.js';
import { jsonLine } from '../src/report/json.js';
import { terminalColumns, wrapLines } from '../src/report/wrap.js';
import type { SeriesScores } from '../src/scores/series.js';
import { type BootstrapFlags, bootstrapFlags, bootstrapOf, rangeText } from './bootstrap-flags.js';
import { wholeFlag } from './flag-numbers.js';
import { namedFiles } from './named-files.js';
import { reportMistakes } from './outcome.js';
import { repeatable } from './shared-options.js';

interface SeriesFlags extends BootstrapFlags {
  readonly history?: string;
  readonly season?: string;
  readonly series?: string;
  readonly truth?: string;
  readonly prediction?: string;
  readonly quantile?: readonly string[];
}

export function scoreSeriesCommand(): Command {
  const command = new Command('series')
    .description('MASE, sMAPE and quantile losses of forecasts.')
    .argument('<truths>', 'a CSV, Parquet or JSON lines file of what came, a row for each step, in the order of time')
    .argument('<predictions>', 'one of what was forecast, with the same rows')
    .option('--history <file>', 'what the forecaster had seen, up to the first truth; MASE needs it')
    .option(
      '--season <n>',
      'steps of a season, such as 12 for months; MASE compares with the value of a season ago (default: 1)',
    )
    .option('--series <column>', 'says which series a row is of (default: all are of one)')
    .option('--truth <column>', 'the numbers of truths and history (default: the only column that it can be)')
    .option('--prediction <column>', 'the numbers of predictions (default: the only column that it can be)')
    .addOption(
      repeatable(
        '--quantile <q=column>',
        'a column of predictions that is the forecast of a quantile, such as --quantile 0.9=p90',
      ),
    );
  return bootstrapFlags(command)
    .addHelpText(
      'after',
      `
Each metric is the mean over the series of what each comes to; intervals come from draws of series, where there are ten or more.
Rows of both files belong together by their place, and columns that both have, such as dates, must say the same.

Examples:
  npx lockstep score series truths.csv forecasts.csv --history history.csv --season 12
  npx lockstep score series truths.csv forecasts.csv --series shop --truth sales --prediction mean --quantile 0.9=p90

Exit codes: 0 done, 2 bad input.`,
    )
    .action(runScoreSeries);
}

function runScoreSeries(truths: string, predictions: string, flags: SeriesFlags): Promise<void> {
  return reportMistakes(flags.json, async (warn) => {
    const options = { season: wholeFlag('--season', flags.season, 1), ...bootstrapOf(flags) };
    const { history, series, truth, prediction } = flags;
    if (flags.season !== undefined && history === undefined) {
      throw new ConfigError(`--season ${flags.season}: there is no history`, 'give --history, or leave out --season');
    }
    const quantiles = namedFiles('--quantile', flags.quantile ?? [], { form: 'q=column', example: '0.9=p90' });
    for (const q of Object.keys(quantiles)) {
      if (Number(q) > 0 && Number(q) < 1) continue;
      throw new ConfigError(`--quantile ${q}=${quantiles[q]}: ${q} is not between 0 and 1`, 'write it as 0.9=p90');
    }
    const { readSeries } = await import('../src/scores/series-files.js');
    const { scoreSeries } = await import('../src/scores/series.js');
    const files = { truths, predictions, history, series, truth, prediction, quantiles };
    const found = scoreSeries(await readSeries(files, warn), options);
    const columns = terminalColumns(process.stdout);
    process.stdout.write(
      flags.json
        ? jsonLine({ event: 'scores', ...found })
        : wrapLines(text(found, options.confidence ?? 0.95, columns), columns),
    );
  });
}

function text({ series, points, scores }: SeriesScores, confidence: number, columns: number): string {
  const entries = Object.entries(scores);
  const isSure = entries.some(([, { interval }]) => interval);
  const rows = entries.map(([name, { value, interval }]) => [name, metricText(value), rangeText(interval)]);
  const table = [['', 'score', `${percent(confidence)} interval`], ...rows];
  return [
    `${grouped(series)} series, ${plural(points, 'value')}`,
    ...tableLines(isSure ? table : table.map((row) => row.slice(0, 2)), columns),
    ...entries.flatMap(([name, { note }]) => (note === undefined ? [] : `note: ${name}: ${note}`)),
    '',
  ].join('\n');
}
