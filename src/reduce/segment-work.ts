/** A segment under way in an all-reduce. */
import type { Partials } from './partials.js';
import type { AllReducePlan, WirePrecision } from './plan.js';
import type { Route } from './routes.js';
import { payloadBytes, precisionOf, type Segment } from './segments.js';
import type { TreeNode } from './tree.js';

export interface SegmentWork extends Segment {
  readonly route: Route;
  readonly precision: WirePrecision;
  /** Byte offset of the segment in the total. */
  readonly place: number;
  readonly partials: Partials;
  /** Whether all that is to be here of its total is, and all is sent that others wait for. */
  done: boolean;
}

/** An all-reduce under way. */
export interface Running {
  readonly plan: AllReducePlan;
  readonly work: readonly SegmentWork[];
  /** Segments that are not done. */
  left: number;
  readonly resolve: (squares: number) => void;
  readonly reject: (error: Error) => void;
}

/** Of the numbers of a node's sum on the wire. */
export const bytesOf = ({ floats, precision }: SegmentWork, node: TreeNode): number =>
  payloadBytes(precisionOf(precision, node), floats);

/** Who still owes how many bytes. @param shards of the plan */
export function owedBytes(
  work: readonly SegmentWork[],
  shards: number,
): { readonly id: number; readonly bytes: number }[] {
  const owed = new Map<number, number>();
  for (const segment of work) {
    const { source } = segment.route;
    const inputs = [...segment.partials.owed];
    if (inputs.length === 0 && !segment.done && source !== undefined)
      inputs.push({ from: source, low: 0, high: shards });
    for (const input of inputs) owed.set(input.from, (owed.get(input.from) ?? 0) + bytesOf(segment, input));
  }
  return [...owed].map(([id, bytes]) => ({ id, bytes }));
}
