/** The curves of the runs that were chosen, one chart a quantity. */
import { useMemo, useState } from 'preact/hooks';
import type { Curve } from './api';
import { Chart, type Line } from './chart';
import { shownText } from './numbers';

const axes = ['step', 'epoch', 'examples', 'seconds'] as const;
type Axis = (typeof axes)[number];
export type StepRange = readonly [number, number];

const names: Readonly<Record<string, string>> = {
  loss: 'Loss of steps',
  learningRate: 'Learning rate',
  gradientNorm: 'Norm of the gradient',
  lossScale: 'Loss scale (float16)',
  examplesPerSecond: 'Examples a second',
};

/** Where a step lies on an axis; NaN where the run does not tell. */
function placeOf(curve: Curve, axis: Axis, step: number, time: number | null): number {
  if (axis === 'step') return step;
  if (axis === 'seconds') return time !== null && curve.started !== null ? time - curve.started : Number.NaN;
  if (axis === 'examples') return curve.batchSize === null ? Number.NaN : step * curve.batchSize;
  const [first] = curve.epochs;
  return first ? (step * first.epoch) / first.step : Number.NaN;
}

/** Exponential moving average without the pull of its beginning; what is no number stays a gap. */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  let [sum, all] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    all = weight * all + (1 - weight);
    return sum / all;
  });
}

interface Choice {
  readonly axis: Axis;
  readonly weight: number;
}

function linesOf(
  label: string,
  colour: number,
  x: number[],
  y: readonly (number | null)[],
  weight: number,
  isJoined = false,
): Line[] {
  const ascending = x.map((_, i) => i).filter((i) => Number.isFinite(x[i]) && (i === 0 || !(x[i] <= x[i - 1])));
  const [places, values] = [ascending.map((i) => x[i]), ascending.map((i) => y[i])];
  if (weight === 0) return [{ label, colour, isJoined, x: places, y: values }];
  return [
    { label: `${label} (as it is)`, colour, isFaint: true, isJoined, x: places, y: values },
    { label, colour, isJoined, x: places, y: smoothed(values, weight) },
  ];
}

interface Picture {
  readonly title: string;
  readonly lines: Line[];
  notFinite: number;
}

/** All charts of some runs, by title. */
function picturesOf(
  curves: ReadonlyMap<string, Curve>,
  colours: ReadonlyMap<string, number>,
  { axis, weight }: Choice,
) {
  const pictures = new Map<string, Picture>();
  const add = (title: string, lines: Line[], notFinite: number) => {
    const picture = pictures.get(title) ?? { title, lines: [], notFinite: 0 };
    picture.lines.push(...lines);
    picture.notFinite += notFinite;
    pictures.set(title, picture);
  };
  for (const [run, curve] of curves) {
    if (curve.rows === 0 && curve.epochs.length === 0) continue;
    const colour = colours.get(run) ?? 0;
    const places = curve.step.map((step, i) => placeOf(curve, axis, step, curve.time[i]));
    for (const [name, values] of Object.entries(curve.series)) {
      // Nobody has measured it.
      if (name !== 'loss' && values.every((value) => value === null)) continue;
      add(
        names[name] ?? name,
        linesOf(run, colour, places, values, weight, name === 'examplesPerSecond'),
        name === 'examplesPerSecond' ? 0 : (curve.notFinite[name] ?? 0),
      );
    }
    const { epochs } = curve;
    const ends = epochs.map(({ step, time }) => placeOf(curve, axis, step, time));
    if (epochs.length > 0)
      add(
        'Loss of epochs',
        linesOf(
          run,
          colour,
          ends,
          epochs.map(({ loss }) => loss),
          weight,
        ),
        0,
      );
    for (const metric of new Set(epochs.flatMap(({ validation }) => Object.keys(validation)))) {
      const values = epochs.map(({ validation }) => validation[metric] ?? null);
      add(`Validation: ${shownText(metric, 100)}`, linesOf(run, colour, ends, values, weight), 0);
    }
  }
  return [...pictures.values()];
}

export interface CurvesProps {
  readonly curves: ReadonlyMap<string, Curve>;
  readonly colours: ReadonlyMap<string, number>;
  readonly range: StepRange | undefined;
  /** Asks for other steps; undefined for all. */
  readonly look: (range: StepRange | undefined) => void;
}

/** The steps between two places of an axis, over all runs. */
function stepsIn(curves: ReadonlyMap<string, Curve>, axis: Axis, [from, to]: readonly [number, number]): StepRange {
  const steps = [...curves.values()].flatMap((curve) =>
    curve.step.filter((step, i) => {
      const place = placeOf(curve, axis, step, curve.time[i]);
      return place >= from && place <= to;
    }),
  );
  return steps.length === 0 ? [0, 1] : [Math.min(...steps), Math.max(...steps)];
}

export function Curves({ curves, colours, range, look }: CurvesProps) {
  const [axis, setAxis] = useState<Axis>('step');
  const [weight, setWeight] = useState(0);
  const [isLogX, setLogX] = useState(false);
  const [isLogY, setLogY] = useState(false);
  const pictures = useMemo(() => picturesOf(curves, colours, { axis, weight }), [curves, colours, axis, weight]);
  const seen = axis === 'step' ? range : undefined;
  const last = Math.max(1, ...[...curves.values()].map(({ step }) => step.at(-1) ?? 1));
  const zoom = (factor: number, shift: number) => {
    const [from, to] = range ?? [0, last];
    const half = Math.max(1, ((to - from) * factor) / 2);
    const middle = (from + to) / 2 + shift * (to - from);
    look([Math.max(0, Math.round(middle - half)), Math.round(middle + half)]);
  };
  return (
    <section aria-labelledby="curves">
      <h2 id="curves">Curves</h2>
      <div class="controls">
        <label>
          Over{' '}
          <select value={axis} onChange={({ currentTarget }) => setAxis(currentTarget.value as Axis)}>
            {axes.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Smoothing{' '}
          <input
            type="range"
            min="0"
            max="0.99"
            step="0.01"
            value={weight}
            onInput={({ currentTarget }) => setWeight(Number(currentTarget.value))}
          />{' '}
          <output>{weight.toFixed(2)}</output>
        </label>
        <label>
          <input type="checkbox" checked={isLogX} onChange={() => setLogX(!isLogX)} /> log x
        </label>
        <label>
          <input type="checkbox" checked={isLogY} onChange={() => setLogY(!isLogY)} /> log y
        </label>
        <fieldset aria-label="Zoom">
          <button type="button" onClick={() => zoom(0.5, 0)}>
            Zoom in
          </button>
          <button type="button" onClick={() => zoom(2, 0)}>
            Zoom out
          </button>
          <button type="button" onClick={() => zoom(1, -0.25)}>
            Earlier
          </button>
          <button type="button" onClick={() => zoom(1, 0.25)}>
            Later
          </button>
          <button type="button" onClick={() => look(undefined)} disabled={!range}>
            All
          </button>
        </fieldset>
      </div>
      {range && (
        <p class="note">
          Steps {range[0]} to {range[1]}
        </p>
      )}
      {pictures.length === 0 && <p>No steps are written down yet: choose a run, or wait for its first lines.</p>}
      <div class="charts">
        {pictures.map(({ title, lines, notFinite }) => (
          <Chart
            key={title}
            {...{ title, axis, lines, isLogX, isLogY, range: seen }}
            zoomed={(ends) => look(stepsIn(curves, axis, ends))}
            note={notFinite > 0 ? `${notFinite} values are not finite: gaps` : undefined}
          />
        ))}
      </div>
    </section>
  );
}
