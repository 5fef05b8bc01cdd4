/** What a report consists of, whatever it becomes: a page (page.ts) or Markdown (markdown-page.ts). All texts are plain. */

export interface ReportDocument {
  readonly title: string;
  /** What matters most, first. */
  readonly lead: readonly string[];
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  /** Is to be read before the rest is believed. */
  readonly isWarning?: boolean;
  readonly blocks: readonly Block[];
}

export type Block =
  | { readonly kind: 'text'; readonly text: string; readonly isNote?: boolean }
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'facts'; readonly entries: readonly (readonly [name: string, text: string])[] }
  | TableBlock
  | ChartsBlock
  | { readonly kind: 'code'; readonly text: string; readonly title?: string }
  | { readonly kind: 'gallery'; readonly examples: readonly Exhibit[] };

export interface ChartsBlock {
  readonly kind: 'charts';
  readonly charts: readonly Chart[];
  /** Tables beside it have its numbers: Markdown leaves it out. */
  readonly isIllustration?: boolean;
  /** The next table has all of them, and more exactly: none is folded beneath the charts. */
  readonly hasTable?: boolean;
}

export interface TableBlock {
  readonly kind: 'table';
  readonly caption?: string;
  /** Is folded away in a page: its numbers stand in a chart. */
  readonly isFolded?: boolean;
  readonly head: readonly TableHead[];
  readonly rows: readonly (readonly string[])[];
  /** How dark each cell is, from 0 to 1, without those of the first column. */
  readonly heat?: readonly (readonly number[])[];
}

export interface TableHead {
  readonly name: string;
  /** What it means, where the name does not say it. */
  readonly about?: string;
  /** Words, not numbers. */
  readonly isText?: boolean;
}

/** An example of the data, shown. */
export interface Exhibit {
  readonly title: string;
  /** Lines beneath. */
  readonly lines: readonly string[];
  /** A PNG file as a `data:` URI. */
  readonly picture?: string;
  readonly row?: Readonly<Record<string, string>>;
  readonly text?: string;
  /** A text in pieces, each with a share from -1 to 1: how much it speaks against something, or for it. */
  readonly marked?: readonly { readonly text: string; readonly share: number }[];
}

export type Chart = LineChart | BarChart | RangeChart | HistogramChart;

interface ChartTexts {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
}

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** Range of what was measured, or of an interval. */
  readonly low?: number;
  readonly high?: number;
}

export interface ChartLine {
  readonly name: string;
  /** Thin and dashed: nobody measured it. */
  readonly isIdeal?: boolean;
  /** Points alone, each of which is one of many. */
  readonly isScatter?: boolean;
  /** Drawn in this order. Those that are not finite are left out, and named. */
  readonly points: readonly ChartPoint[];
}

export interface LineChart extends ChartTexts {
  readonly kind: 'lines';
  readonly lines: readonly ChartLine[];
  /** Both axes are logarithmic. */
  readonly isLog?: boolean;
  /** Both axes go from 0 to 1. */
  readonly isUnit?: boolean;
  /** The y axis begins at 0. */
  readonly fromZero?: boolean;
  /** Values are shown as percent: 0.5 is 50 %. */
  readonly isPercent?: boolean;
  /** A value holds from its point to the next. */
  readonly isStep?: boolean;
  /** The x axis has marks at these alone. */
  readonly xMarks?: readonly number[];
  /** A vertical line, and what is there. */
  readonly mark?: { readonly x: number; readonly text: string };
}

export interface BarChart extends ChartTexts {
  readonly kind: 'bars';
  readonly bars: readonly string[];
  /** From the bottom up; one value for each bar. */
  readonly parts: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** How many values lie between each two edges. */
export interface HistogramChart extends ChartTexts {
  readonly kind: 'histogram';
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  /** Values that lie outside of the edges. */
  readonly below: number;
  readonly above: number;
}

/** A value and its interval for each name, one below the other. */
export interface RangeChart {
  readonly kind: 'ranges';
  readonly title: string;
  readonly xLabel: string;
  readonly ranges: readonly {
    readonly name: string;
    readonly value: number;
    readonly low?: number;
    readonly high?: number;
  }[];
}
