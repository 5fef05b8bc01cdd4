/** Plots as SVG that stands in a page: lines with ranges, and stacked bars. Colours are classes of the page (html.ts). */

export interface LinePoint {
  readonly x: number;
  readonly y: number;
  /** Range of what was measured, drawn as whiskers. */
  readonly low?: number;
  readonly high?: number;
}

export interface Line {
  readonly name: string;
  /** Drawn thin and dashed: nobody measured it. */
  readonly isIdeal?: boolean;
  readonly points: readonly LinePoint[];
}

export interface LinePlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  /** Whether both axes are logarithmic; else the y axis begins at 0. */
  readonly isLog?: boolean;
  readonly yText: (value: number) => string;
}

export interface BarPlot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly bars: readonly string[];
  /** From the bottom up; one value for each bar. */
  readonly parts: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly yText: (value: number) => string;
}

/** Pixels, scaled to the width of the page. */
const [width, height] = [560, 340];
const frame = { left: 64, right: 16, top: 16, bottom: 48 };
const inner = { width: width - frame.left - frame.right, height: height - frame.top - frame.bottom };

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export function linePlot({ title, xLabel, yLabel, lines, isLog = false, yText }: LinePlot): string {
  const points = lines.flatMap((line) => line.points);
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const most = Math.max(...points.map(({ y, high = y }) => high));
  const yTicks = isLog ? decades(Math.min(...points.map(({ y }) => y)), most) : ticks(most);
  const scale = isLog ? Math.log : (value: number) => value;
  const place = (value: number, [from, to]: readonly [number, number], length: number) =>
    to === from ? length / 2 : ((scale(value) - scale(from)) / (scale(to) - scale(from))) * length;
  const xRange = [isLog ? xs[0] : 0, xs[xs.length - 1]] as const;
  const yRange = [isLog ? yTicks[0] : 0, yTicks[yTicks.length - 1]] as const;
  const xOf = (x: number) => round(frame.left + place(x, xRange, inner.width));
  const yOf = (y: number) => round(frame.top + inner.height - place(y, yRange, inner.height));
  const drawn = lines.map((line, i) => {
    const path = line.points.map(({ x, y }, n) => `${n === 0 ? 'M' : 'L'}${xOf(x)} ${yOf(y)}`).join('');
    const style = line.isIdeal ? 'ideal' : `c${i % colours}`;
    const marks = line.isIdeal
      ? []
      : line.points.map((point) => mark(point, i, xOf, yOf, `${line.name}, ${point.x}: ${yText(point.y)}`));
    return `<g class="${style}"><path class="line" d="${path}"/>${marks.join('')}</g>`;
  });
  return figure(
    title,
    describe(lines, yText),
    [
      ...axes(
        xLabel,
        yLabel,
        yTicks.map((value) => [yOf(value), yText(value)]),
      ),
      ...xs
        .filter((_, i) => isFar(xs, i, xOf))
        .map((x) => label(xOf(x), frame.top + inner.height + 18, `${x}`, 'middle')),
      ...drawn,
    ],
    lines.map(({ name, isIdeal }, i) => [isIdeal ? 'ideal' : `c${i % colours}`, name]),
  );
}

export function barPlot({ title, xLabel, yLabel, bars, parts, yText }: BarPlot): string {
  const sums = bars.map((_, bar) => parts.reduce((sum, { values }) => sum + values[bar], 0));
  const yTicks = ticks(Math.max(...sums));
  const most = yTicks[yTicks.length - 1];
  const step = inner.width / bars.length;
  const barWidth = Math.min(90, 0.6 * step);
  const drawn = bars.flatMap((bar, n) => {
    let bottom = frame.top + inner.height;
    const x = frame.left + (n + 0.5) * step - barWidth / 2;
    return parts.map(({ name, values }, i) => {
      const size = (values[n] / most) * inner.height;
      bottom -= size;
      const tip = `<title>${escapeHtml(`${bar}, ${name}: ${yText(values[n])}`)}</title>`;
      const rect = `<rect class="c${i % colours}" x="${round(x)}" y="${round(bottom)}" width="${round(barWidth)}" height="${round(size)}">${tip}</rect>`;
      // What is not told by colour alone.
      const text =
        size >= 14
          ? label(
              x + barWidth / 2,
              bottom + size / 2 + 4,
              parts.length > 1 ? name : yText(values[n]),
              'middle',
              'inside',
            )
          : '';
      return rect + text;
    });
  });
  const described = bars
    .map((bar, n) => `${bar}: ${parts.map(({ name, values }) => `${name} ${yText(values[n])}`).join(', ')}`)
    .join('; ');
  return figure(
    title,
    described,
    [
      ...axes(
        xLabel,
        yLabel,
        yTicks.map((value) => [frame.top + inner.height - (value / most) * inner.height, yText(value)]),
      ),
      ...bars.map((bar, n) => label(frame.left + (n + 0.5) * step, frame.top + inner.height + 18, bar, 'middle')),
      ...drawn,
    ],
    parts.length > 1 ? parts.map(({ name }, i) => [`c${i % colours}`, name] as const).reverse() : [],
  );
}

/** Number of classes c0, c1, … that the page gives colours. */
const colours = 8;

const round = (value: number): string => `${Math.round(10 * value) / 10}`;

function label(x: number | string, y: number, text: string, anchor: 'middle' | 'end', style = 'tick'): string {
  return `<text class="${style}" x="${typeof x === 'number' ? round(x) : x}" y="${round(y)}" text-anchor="${anchor}">${escapeHtml(text)}</text>`;
}

/** A shape of its own for each line, with its range. */
function mark(
  { x, y, low, high }: LinePoint,
  line: number,
  xOf: (x: number) => string,
  yOf: (y: number) => string,
  tip: string,
): string {
  const [cx, cy] = [Number(xOf(x)), Number(yOf(y))];
  const shapes = [
    `<circle cx="${cx}" cy="${cy}" r="4"/>`,
    `<rect x="${cx - 4}" y="${cy - 4}" width="8" height="8"/>`,
    `<path d="M${cx} ${cy - 5}l5 9h-10z"/>`,
    `<path d="M${cx} ${cy - 5}l5 5l-5 5l-5-5z"/>`,
  ];
  const whisker =
    low === undefined || high === undefined ? '' : `<path class="line" d="M${cx} ${yOf(low)}V${yOf(high)}"/>`;
  return `<g><title>${escapeHtml(tip)}</title>${whisker}${shapes[line % shapes.length]}</g>`;
}

function axes(
  xLabel: string,
  yLabel: string,
  marks: readonly (readonly [y: number | string, text: string])[],
): string[] {
  const [right, bottom] = [frame.left + inner.width, frame.top + inner.height];
  return [
    ...marks.map(
      ([y, text]) =>
        `<path class="grid" d="M${frame.left} ${Number(y)}H${right}"/>${label(frame.left - 8, Number(y) + 4, text, 'end')}`,
    ),
    `<path class="axis" d="M${frame.left} ${frame.top}V${bottom}H${right}"/>`,
    label(frame.left + inner.width / 2, height - 8, xLabel, 'middle', 'name'),
    `<text class="name" transform="translate(14 ${frame.top + inner.height / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(yLabel)}</text>`,
  ];
}

function figure(
  title: string,
  about: string,
  drawn: readonly string[],
  legend: readonly (readonly [style: string, name: string])[],
): string {
  const keys = legend.map(([style, name]) => `<li><i class="${style}"></i>${escapeHtml(name)}</li>`).join('');
  return [
    `<figure><figcaption>${escapeHtml(title)}</figcaption>`,
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(`${title}. ${about}`)}">`,
    ...drawn,
    `</svg>${keys === '' ? '' : `<ul class="legend">${keys}</ul>`}</figure>`,
  ].join('\n');
}

const describe = (lines: readonly Line[], text: (value: number) => string): string =>
  lines
    .filter(({ isIdeal }) => !isIdeal)
    .map(({ name, points }) => `${name}: ${points.map(({ x, y }) => `${x} ${text(y)}`).join(', ')}`)
    .join('; ');

/** From 0 to `most` or above in four to eight steps of 1, 2 or 5 times a power of ten. */
function ticks(most: number): number[] {
  const rough = (most > 0 ? most : 1) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const count = Math.ceil(most / step - 1e-9) || 1;
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/** Powers of ten around a range. */
function decades(least: number, most: number): number[] {
  const [from, to] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  return Array.from({ length: Math.max(2, to - from + 1) }, (_, i) => 10 ** (from + i));
}

/** Whether a number on the x axis has room beside those before it. */
function isFar(xs: readonly number[], i: number, xOf: (x: number) => string): boolean {
  return i === 0 || Number(xOf(xs[i])) - Number(xOf(xs[i - 1])) > 16;
}
