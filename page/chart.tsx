/** One chart of lines over a common axis. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { shortNumber, shownText, tickTexts } from './numbers';

export interface Line {
  readonly label: string;
  /** Number of its colour, and whether it is what smoothing leaves behind. */
  readonly colour: number;
  readonly isFaint?: boolean;
  /** Whether a gap means that nobody measured, not that there is no value. */
  readonly isJoined?: boolean;
  /** Ascending. */
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

export interface ChartProps {
  readonly title: string;
  readonly axis: string;
  readonly lines: readonly Line[];
  readonly isLogX: boolean;
  readonly isLogY: boolean;
  readonly range: readonly [number, number] | undefined;
  /** Told the range that was dragged over. */
  readonly zoomed: (range: readonly [number, number]) => void;
  readonly note?: string;
}

const dashes = [[], [6, 4], [2, 3]];
const colours = 6;
/** Pixels. */
const height = 240;
const leastAxis = 62;

const colourOf = (number: number, name = 'c'): string =>
  getComputedStyle(document.documentElement)
    .getPropertyValue(`--${name}${number % colours}`)
    .trim();
const variable = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** What a scale of logarithms cannot show is left out; where that is all, it is an ordinary one. */
function shown({ lines, isLogX, isLogY }: ChartProps) {
  const hasY = isLogY && lines.some(({ y }) => y.some((value) => value !== null && value > 0));
  const kept = lines.map(({ x, y }) => {
    const rows = x.map((_, i) => i).filter((i) => Number.isFinite(x[i]) && (!isLogX || x[i] > 0));
    return [rows.map((i) => x[i]), rows.map((i) => (hasY && y[i] !== null && y[i]! <= 0 ? null : y[i]))] as [
      number[],
      (number | null)[],
    ];
  });
  const data = kept.length === 1 ? kept[0] : uPlot.join(kept);
  return { data: data as uPlot.AlignedData, hasY };
}

/** What the legend has: the value where the pointer is, and the last one where it is nowhere. */
function valueOrLast({ data }: uPlot, value: number | null, series: number, place: number | null): string {
  const values = data[series] as (number | null | undefined)[] | undefined;
  return shortNumber(place === null ? values?.findLast((one) => one !== null && one !== undefined) : value);
}

/** Pixels that the Y axis takes: as wide as its widest text, so that none is cut off, and the same in most charts. */
function widthOf({ ctx, axes }: uPlot, texts: string[] | null, place: number): number {
  const { font, ticks, gap = 0 } = axes[place];
  ctx.font = font![0];
  const widest = Math.max(0, ...(texts ?? []).map((text) => ctx.measureText(text).width / devicePixelRatio));
  return Math.max(leastAxis, Math.ceil(widest + (ticks?.size ?? 0) + gap));
}

function optionsOf({ lines, axis, isLogX, zoomed }: ChartProps, width: number, hasY: boolean): uPlot.Options {
  const [text, rule] = [variable('--soft'), variable('--rule')];
  const axisOf = (label?: string): uPlot.Axis => ({
    stroke: text,
    grid: { stroke: rule, width: 1 },
    ticks: { stroke: rule },
    ...(label && { label }),
  });
  return {
    ...{ width, height, legend: { live: lines.length < 7 } },
    cursor: { sync: { key: 'curves' }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: false, distr: isLogX ? 3 : 1 }, y: { distr: hasY ? 3 : 1 } },
    axes: [
      axisOf(axis),
      {
        ...axisOf(),
        size: widthOf,
        values: (_, values, _axis, _space, between) => tickTexts(values, hasY ? 0 : between),
      },
    ],
    series: [
      { label: axis, value: valueOrLast },
      ...lines.map(({ label, colour, isFaint, isJoined, y }) => ({
        label: shownText(label, 60),
        spanGaps: isJoined ?? false,
        stroke: `${colourOf(colour)}${isFaint ? '50' : ''}`,
        width: isFaint ? 1 : 2,
        dash: dashes[Math.floor(colour / colours) % dashes.length],
        points: { show: y.length < 30 },
        value: valueOrLast,
      })),
    ],
    hooks: {
      setSelect: [
        (chart) => {
          if (chart.select.width < 4) return;
          const ends = [chart.select.left, chart.select.left + chart.select.width];
          zoomed(ends.map((place) => chart.posToVal(place, 'x')) as [number, number]);
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** What a chart says to who does not see it. */
function told({ title, lines, axis }: ChartProps): string {
  const said = lines
    .filter(({ isFaint }) => !isFaint)
    .map(({ label: name, x, y }) => {
      const label = shownText(name, 60);
      const values = y.filter((value) => value !== null);
      if (values.length === 0) return `${label}: no values`;
      const [least, most] = [Math.min(...values), Math.max(...values)];
      return `${label}: ${shortNumber(values.at(-1))} at ${axis} ${shortNumber(x.at(-1))}, between ${shortNumber(least)} and ${shortNumber(most)}`;
    });
  return `${title} by ${axis}. ${said.join('; ')}`;
}

/** Whoever looks at charts draws them: what nobody sees waits, and is drawn when it comes into sight, or is printed. */
class Plot {
  readonly #place: HTMLDivElement;
  #plot: uPlot | undefined;
  #shape = '';
  #isSeen = false;
  /** What is to be drawn. */
  #wanted: { readonly props: ChartProps; readonly shape: string };
  #isStale = true;
  readonly #ends: () => void;

  constructor(place: HTMLDivElement, props: ChartProps, shape: string) {
    this.#place = place;
    this.#wanted = { props, shape };
    const seen = (entries: readonly IntersectionObserverEntry[]) => {
      this.#isSeen = entries.at(-1)!.isIntersecting;
      if (this.#isSeen && this.#isStale) this.#draw();
    };
    // Charts that are about to come are drawn by then.
    const sight = new IntersectionObserver(seen, { rootMargin: `${height}px` });
    sight.observe(place);
    const size = new ResizeObserver(() => {
      const width = place.clientWidth;
      if (width > 0 && width !== this.#plot?.width) this.#plot?.setSize({ width, height });
    });
    size.observe(place);
    const whole = () => this.#isStale && this.#draw();
    addEventListener('beforeprint', whole);
    // Colours are those of light or dark: they are read anew.
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const again = () => {
      this.#shape = '';
      this.show(this.#wanted.props, this.#wanted.shape);
    };
    scheme.addEventListener('change', again);
    this.#ends = () => {
      sight.disconnect();
      size.disconnect();
      removeEventListener('beforeprint', whole);
      scheme.removeEventListener('change', again);
      this.#plot?.destroy();
    };
  }

  /** @param shape what has to be the same for a chart to go on with other numbers */
  show(props: ChartProps, shape: string): void {
    this.#wanted = { props, shape };
    this.#isStale = true;
    if (this.#isSeen) this.#draw();
  }

  close(): void {
    this.#ends();
  }

  #draw(): void {
    const { props, shape } = this.#wanted;
    this.#isStale = false;
    const { data, hasY } = shown(props);
    const made = `${shape}${hasY}`;
    if (this.#plot === undefined || this.#shape !== made) {
      this.#plot?.destroy();
      this.#plot = new uPlot(optionsOf(props, this.#place.clientWidth, hasY), data, this.#place);
      this.#shape = made;
    } else this.#plot.setData(data, true);
    const { range } = props;
    if (range) this.#plot.setScale('x', { min: range[0], max: range[1] });
  }
}

export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const { lines, axis, isLogX, isLogY, range, title, note } = props;
  const shape = JSON.stringify([
    axis,
    isLogX,
    isLogY,
    lines.map(({ label, colour, isFaint, y }) => [label, colour, isFaint, y.length < 30]),
  ]);
  useEffect(() => {
    plot.current = new Plot(place.current!, props, shape);
    return () => plot.current?.close();
  }, []);
  useEffect(() => plot.current?.show(props, shape), [lines, shape, range]);
  return (
    <figure class="chart" data-title={title} data-points={lines[0]?.y.length ?? 0}>
      <figcaption>{title}</figcaption>
      <div ref={place} class="plot" role="img" aria-label={told(props)} />
      {note && <p class="note">{note}</p>}
    </figure>
  );
}
