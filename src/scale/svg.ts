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
    const style = line.isIdeal ? 'ideal' : lineColour(i);
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
      ...roomy(xs, xOf).map((x) => label(xOf(x), frame.top + inner.height + 18, `${x}`, 'middle')),
      ...drawn,
    ],
    lines.map(({ name, isIdeal }, i) => ({
      name,
      style: isIdeal ? 'ideal' : lineColour(i),
      mark: isIdeal ? undefined : i,
    })),
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
      const words = parts.length > 1 ? name : yText(values[n]);
      const text =
        size >= 14 && barWidth >= letter * words.length
          ? label(x + barWidth / 2, bottom + size / 2 + 4, words, 'middle', 'inside')
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
    parts.length > 1 ? parts.map(({ name }, i) => ({ name, style: `c${i % colours}`, mark: undefined })).reverse() : [],
  );
}

/** Pixels of a letter. */
const letter = 7;

/** Colours for lines: those of the page that are seen on white and on black. */
const lineColours = [7, 5, 2, 4, 1, 0];
const lineColour = (line: number): string => `c${lineColours[line % lineColours.length]}`;

/** Number of classes c0, c1, … that the page gives colours. */
const colours = 8;

const round = (value: number): string => `${Math.round(10 * value) / 10}`;

function label(x: number | string, y: number, text: string, anchor: 'middle' | 'end', style = 'tick'): string {
  return `<text class="${style}" x="${typeof x === 'number' ? round(x) : x}" y="${round(y)}" text-anchor="${anchor}">${escapeHtml(text)}</text>`;
}

/** A point of a line, with its range. */
function mark(
  { x, y, low, high }: LinePoint,
  line: number,
  xOf: (x: number) => string,
  yOf: (y: number) => string,
  tip: string,
): string {
  const [cx, cy] = [Number(xOf(x)), Number(yOf(y))];
  const whisker =
    low === undefined || high === undefined ? '' : `<path class="line" d="M${cx} ${yOf(low)}V${yOf(high)}"/>`;
  return `<g><title>${escapeHtml(tip)}</title>${whisker}${shape(cx, cy, line)}</g>`;
}

/** One of its own for each line. */
function shape(cx: number, cy: number, line: number): string {
  const shapes = [
    `<circle cx="${cx}" cy="${cy}" r="4"/>`,
    `<rect x="${cx - 4}" y="${cy - 4}" width="8" height="8"/>`,
    `<path d="M${cx} ${cy - 5}l5 9h-10z"/>`,
    `<path d="M${cx} ${cy - 5}l5 5l-5 5l-5-5z"/>`,
  ];
  return shapes[line % shapes.length];
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
  legend: readonly { readonly name: string; readonly style: string; readonly mark: number | undefined }[],
): string {
  const sign = (style: string, line: number | undefined) =>
    line === undefined
      ? `<i class="${style}"></i>`
      : `<svg class="key" viewBox="0 0 12 12" aria-hidden="true"><g class="${style}">${shape(6, 6, line)}</g></svg>`;
  const keys = legend.map(({ style, name, mark: line }) => `<li>${sign(style, line)}${escapeHtml(name)}</li>`).join('');
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

/** Numbers of the x axis that have room beside those before them. */
function roomy(xs: readonly number[], xOf: (x: number) => string): number[] {
  const kept: number[] = [];
  for (const x of xs) {
    const last = kept.at(-1);
    if (last === undefined || Number(xOf(x)) - Number(xOf(last)) > letter * `${x}`.length + letter) kept.push(x);
  }
  return kept;
}
