/** A segment under way in an all-reduce. */
import type { Partials } from './partials.js';
import type { WirePrecision } from './plan.js';
import type { Route } from './routes.js';
import { payloadBytes, type Segment } from './segments.js';

export interface SegmentWork extends Segment {
  readonly route: Route;
  readonly precision: WirePrecision;
  /** Byte offset of the segment in the total. */
  readonly place: number;
  readonly partials: Partials;
  /** Whether all that is to be here of its total is, and all is sent that others wait for. */
  done: boolean;
}

/** Of its numbers on the wire. */
export const bytesOf = ({ floats, precision }: SegmentWork): number => payloadBytes(precision, floats);

/** Who still owes how many bytes. */
export function owedBytes(work: readonly SegmentWork[]): { readonly id: number; readonly bytes: number }[] {
  const owed = new Map<number, number>();
  for (const segment of work) {
    const { source } = segment.route;
    const bytes = bytesOf(segment);
    const from = segment.partials.owed.map((input) => input.from);
    if (from.length === 0 && !segment.done && source !== undefined) from.push(source);
    for (const id of from) owed.set(id, (owed.get(id) ?? 0) + bytes);
  }
  return [...owed].map(([id, bytes]) => ({ id, bytes }));
}
