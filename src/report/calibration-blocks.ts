/** How far probabilities can be taken at their word, as blocks of a report. */
import { plainNames } from '../config/plain-names.js';
import { metricText, percent } from '../ground/units.js';
import type { Block, ChartLine } from './document.js';
import type { CalibrationReport, ProbabilityReading } from './evaluation-report.js';
import { diagonal } from './figure-blocks.js';
import { intervalText, valueText } from './report-text.js';

const nameOf = ({ isCalibrated }: ProbabilityReading): string =>
  isCalibrated ? 'calibrated' : 'as the model gives them';

export function calibrationBlocks({ target, fitted, readings }: CalibrationReport, confidence: number): Block[] {
  const [{ curve }] = readings;
  const lines = readings.map(
    (reading): ChartLine => ({
      name: nameOf(reading),
      points: reading.curve.x.values.map((x, i) => ({ x, y: reading.curve.y.values[i] })),
    }),
  );
  return [
    ...(target === plainNames.target ? [] : [{ kind: 'heading' as const, text: target }]),
    { kind: 'text', text: fittedText(fitted) },
    {
      kind: 'charts',
      charts: [
        {
          ...{ kind: 'lines', title: 'reliability', xLabel: curve.x.name, yLabel: curve.y.name, isUnit: true },
          lines: [...lines, diagonal('right as often as is said')],
        },
      ],
    },
    {
      kind: 'table',
      head: [
        { name: 'probabilities', isText: true },
        { name: 'calibration error', about: 'mean distance of a probability from how often it is right' },
        {
          name: `${percent(confidence)} interval`,
          about: 'begins at 0 where a calibrated model may well show as much; what noise adds is taken off',
        },
      ],
      rows: readings.map((reading) => [nameOf(reading), valueText(reading.error), intervalText(reading.interval)]),
    },
  ];
}

function fittedText(fitted: CalibrationReport['fitted']): string {
  if (!fitted)
    return 'Nothing was fitted: the likeliest class is predicted. lockstep calibrate fits a threshold and a calibration.';
  const { method, temperature, threshold } = fitted;
  const words = [
    ...(method === undefined ? [] : [temperature === undefined ? method : `${method} ${metricText(temperature)}`]),
    ...(threshold === undefined
      ? []
      : [`threshold ${metricText(threshold)}, above which the second class is predicted`]),
  ];
  return `Fitted on the validation split, saved with the model and used for all numbers here: ${words.join('; ')}.`;
}
