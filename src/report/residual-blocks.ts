/** Residuals of targets that are numbers, as blocks of a report. */
import { plainNames } from '../config/plain-names.js';
import { type PredictionResiduals, type ResidualBin, residualShares } from '../evaluate/prediction-residuals.js';
import { grouped, metricText, numberText, percent } from '../ground/units.js';
import { chartTable } from './chart-table.js';
import type { Block, Chart, HistogramChart, TableBlock } from './document.js';
import { nameText } from './report-text.js';

/** Bins of the histogram fit. */
const mostRows = 40;

export function residualBlocks(residuals: PredictionResiduals): Block[] {
  const { target, output, count, notFinite, mean, standardDeviation, histogram } = residuals;
  const named = target === plainNames.target ? [] : [nameText(target)];
  const title = [...named, ...(output === undefined ? [] : [`output ${nameText(output)}`])].join(', ');
  const heading = title === '' ? [] : [{ kind: 'heading' as const, text: title }];
  const left = notFinite === 0 ? '' : ` Left out: ${grouped(notFinite)}, of which no finite number was predicted.`;
  if (count === 0) return [...heading, { kind: 'text', text: `No prediction is a finite number.${left}` }];
  const sizes: HistogramChart = {
    ...{ kind: 'histogram', title: 'distribution of the residuals', xLabel: 'residual', yLabel: 'how many' },
    ...histogram,
  };
  return [
    ...heading,
    {
      kind: 'text',
      text: `A residual is the truth less the prediction. Of ${grouped(count)} the mean is ${metricText(mean)}, the standard deviation ${metricText(standardDeviation)}.${left}`,
    },
    { kind: 'charts', isIllustration: true, hasTable: true, charts: [byPrediction(residuals), sizes] },
    {
      kind: 'text',
      isNote: true,
      text: 'Where the middle is far from 0, predictions are off to one side; where the ranges widen, errors grow with what is predicted.',
    },
    quantileTable(residuals.byPrediction),
    { ...chartTable(sizes, mostRows), caption: sizes.title, isFolded: true },
  ];
}

function byPrediction({ byPrediction: bins, points, count }: PredictionResiduals): Chart {
  const [first, last] = [bins[0].low, bins[bins.length - 1].high];
  const [lowest, middle, highest] = [0.05, 0.5, 0.95].map((share) => residualShares.indexOf(share));
  const shown = points.length < count ? `${grouped(points.length)} of ${grouped(count)}` : `all ${grouped(count)}`;
  return {
    ...{ kind: 'lines', title: 'residuals by prediction', xLabel: 'predicted', yLabel: 'residual' },
    lines: [
      {
        name: `${shown}, evenly spread over the predictions`,
        isScatter: true,
        points: points.map(({ predicted: x, residual: y }) => ({ x, y })),
      },
      {
        name: 'middle, and the range of 90 %, of those around it',
        points: bins.map(({ middle: x, quantiles }) => ({
          ...{ x, y: quantiles[middle], low: quantiles[lowest], high: quantiles[highest] },
        })),
      },
      { name: 'no error', isIdeal: true, points: [first, last].map((x) => ({ x, y: 0 })) },
    ],
  };
}

const quantileTable = (bins: readonly ResidualBin[]): TableBlock => ({
  kind: 'table',
  caption: 'residuals by prediction: what part of them is below',
  head: [
    { name: 'predicted', isText: true },
    { name: 'how many' },
    ...residualShares.map((share) => ({ name: share === 0.5 ? 'middle' : percent(share) })),
  ],
  rows: bins.map(({ low, high, count, quantiles }) => [
    low === high ? numberText(low, 5) : `${numberText(low, 5)} to ${numberText(high, 5)}`,
    grouped(count),
    ...quantiles.map((value) => numberText(value, 4)),
  ]),
});
