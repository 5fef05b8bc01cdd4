/** A line of a benchmark's table: what was measured, of ours and of a peer, and what it should come to. */
import { median } from './measurement.js';
import { table, whole } from './table.js';

/** Whether more is better, and how a figure is shown. */
const units = {
  'ex/s': { more: true, show: (value: number) => (value < 100 ? value.toFixed(1) : whole(value)) },
  'GFLOP/s': { more: true, show: (value: number) => value.toFixed(1) },
  'GB/s': { more: true, show: (value: number) => value.toFixed(1) },
  ms: { more: false, show: (value: number) => value.toFixed(2) },
  s: { more: false, show: (value: number) => value.toFixed(2) },
  MB: { more: false, show: whole },
  kB: { more: false, show: (value: number) => value.toFixed(1) },
  'steps/s': { more: true, show: (value: number) => value.toFixed(2) },
};
export type Unit = keyof typeof units;
export const unitNames = Object.keys(units) as Unit[];

export const moreIsBetter = (unit: Unit): boolean => units[unit].more;

export interface Row {
  /** The subcommand that measures it. */
  readonly section: string;
  readonly what: string;
  readonly unit: Unit;
  /** One figure a round. */
  readonly ours: readonly number[];
  readonly peer?: {
    readonly name: string;
    /** Program, version and library. */
    readonly software: string;
    /** One figure a round, measured next to ours. */
    readonly values: readonly number[];
  };
  /** Of ours over the peer's, or of ours where there is no peer: at least where more is better, otherwise at most. */
  readonly target?: number;
}

export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function figure(values: readonly number[]): Figure {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** What a row is judged by: ratios to the peer, round by round, or our own figures. */
export function scores({ ours, peer }: Pick<Row, 'ours' | 'peer'>): readonly number[] {
  return peer ? ours.map((one, i) => one / peer.values[i]) : ours;
}

/** Whether the target is met; undefined without one. */
export function isMet(row: Row): boolean | undefined {
  if (row.target === undefined) return undefined;
  const score = median(scores(row));
  return moreIsBetter(row.unit) ? score >= row.target : score <= row.target;
}

export function rowTable(rows: readonly Row[]): string {
  const head = ['benchmark', 'what', 'unit', 'ours', 'peer', 'its', 'ratio', 'min-max', 'target'];
  return table(head, rows.map(cells), 2);
}

function cells(row: Row): string[] {
  const { section, what, unit, ours, peer, target } = row;
  const show = (values: readonly number[]) => units[unit].show(median(values));
  const { median: ratio, min, max } = figure(scores(row));
  const short = (value: number) => (value < 100 ? value.toFixed(2) : whole(value));
  const versus = peer
    ? [peer.name, show(peer.values), short(ratio), `${short(min)}-${short(max)}`]
    : ['-', '-', '-', '-'];
  const goal =
    target === undefined ? '' : `${moreIsBetter(unit) ? '>=' : '<='} ${target} ${isMet(row) ? 'met' : 'MISSED'}`;
  return [section, what, unit, show(ours), ...versus, goal];
}
