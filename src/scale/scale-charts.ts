/** The charts of a report of `lockstep scale`. */
import type { Chart, ChartLine, LineChart } from '../report/document.js';
import type { Comparison } from './compare.js';
import { phaseSplitNames, type ScalePoint } from './record.js';
import { workersText } from './scale-text.js';

/** A chart over the number of workers. */
const overWorkers = (
  title: string,
  yLabel: string,
  lines: readonly ChartLine[],
  more: Partial<LineChart> = {},
): LineChart => ({
  ...{ kind: 'lines', title, xLabel: 'workers', yLabel, fromZero: true, lines },
  xMarks: [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b),
  ...more,
});

/** What every point would be at if more workers cost nothing. */
const ideal = (workers: readonly number[], y: (workers: number) => number): ChartLine => ({
  ...{ name: 'ideal', isIdeal: true },
  points: workers.map((x) => ({ x, y: y(x) })),
});

/** @param points of a mode, the fewest workers first */
export function pointCharts(points: readonly ScalePoint[]): Chart[] {
  return [...speedCharts(points), ...barCharts(points), stepChart(points)];
}

function speedCharts(points: readonly ScalePoint[]): Chart[] {
  const [base] = points;
  const rate = base.examplesPerSecond.median;
  const counts = points.map(({ workers }) => workers);
  const measured = (over: (point: ScalePoint) => number): ChartLine => ({
    name: 'measured',
    points: points.map((point) => {
      const { median, min, max } = point.examplesPerSecond;
      const by = over(point);
      return { x: point.workers, y: median / by, low: min / by, high: max / by };
    }),
  });
  return [
    overWorkers('Speed-up, with the slowest and fastest repeat', `times ${workersText(base.workers)}`, [
      measured(() => rate),
      ideal(counts, (workers) => workers / base.workers),
    ]),
    overWorkers(
      'Efficiency',
      'part of the ideal',
      [measured(({ workers }) => (rate * workers) / base.workers), ideal(counts, () => 1)],
      { isPercent: true },
    ),
  ];
}

/** Where time goes, and what it costs where that is known. */
function barCharts(points: readonly ScalePoint[]): Chart[] {
  const shared = { kind: 'bars', xLabel: 'workers', bars: points.map(({ workers }) => `${workers}`) } as const;
  const split: Chart = {
    ...{ ...shared, title: "Where a step's time goes", yLabel: 'milliseconds' },
    parts: phaseSplitNames.map((name) => ({ name, values: points.map((point) => point.split[name]) })),
  };
  if (points.some(({ cpuSecondsPerExample }) => cpuSecondsPerExample === null)) return [split];
  const cost: Chart = {
    ...{ ...shared, title: 'Cost of 1,000 examples', yLabel: 'seconds of processor time' },
    parts: [{ name: 'cost', values: points.map((point) => 1000 * point.cpuSecondsPerExample!) }],
  };
  return [split, cost];
}

function stepChart(points: readonly ScalePoint[]): Chart {
  const lines = (['p50', 'p90', 'p99'] as const).map((name) => ({
    name,
    points: points.map(({ workers, step }) => ({ x: workers, y: step[name] })),
  }));
  return overWorkers('Time of a step: half, nine of ten, 99 of 100', 'milliseconds', lines);
}

export function comparisonCharts({ rows }: Comparison): Chart[] {
  const counts = [...new Set(rows.map(({ workers }) => workers))].sort((a, b) => a - b);
  const lines = [...new Set(rows.map(({ mode }) => mode))].map((name) => ({
    name,
    points: rows.filter(({ mode }) => mode === name).map(({ workers, throughput }) => ({ x: workers, y: throughput })),
  }));
  const asBefore = { ...ideal(counts, () => 1), name: 'as before' };
  return [overWorkers('Examples/s now over before', 'ratio', [...lines, asBefore])];
}

/** @param rows by number of workers */
export function projectionChart(
  rows: readonly { readonly workers: number; readonly reduction: string; readonly speedup: number }[],
): Chart {
  const counts = [...new Set(rows.map(({ workers }) => workers))];
  const lines = [...new Set(rows.map(({ reduction }) => reduction))].map((name) => ({
    name,
    points: rows
      .filter(({ reduction }) => reduction === name)
      .map(({ workers, speedup }) => ({ x: workers, y: speedup })),
  }));
  const all = [...lines, ideal(counts, (workers) => workers)];
  return overWorkers('Projected speed-up over one worker', 'times one worker', all, { isLog: true, fromZero: false });
}
