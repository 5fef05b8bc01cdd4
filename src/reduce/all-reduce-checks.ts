/** What an all-reduce does not take: frames that break the protocol, and plans that cannot be followed. */
import { WireError } from '../errors.js';
import type { AllReducePlan, WirePrecision } from './plan.js';
import type { Input } from './routes.js';
import type { SlabFrame } from './slab-frame.js';
import type { TreeNode } from './tree.js';

/** A sum that this member has computed, at a byte offset. */
export interface OwnSum extends TreeNode {
  readonly offset: number;
}

/** Whether something belongs to a later all-reduce than the given one. */
export function isLater(
  of: { readonly round: number; readonly attempt: number },
  round: number,
  attempt: number,
): boolean {
  return of.round > round || (of.round === round && of.attempt > attempt);
}

/** @throws WireError when it was not computed */
export function ownSum(node: TreeNode, own: readonly OwnSum[]): OwnSum {
  const sum = own.find(({ low, high }) => low === node.low && high === node.high);
  if (sum) return sum;
  throw new WireError(
    `the plan of an all-reduce asks for a sum of ${describe(node)}, which was not computed here`,
    'the coordinator must run the same version of Lockstep',
  );
}

export function stalePlan(plan: AllReducePlan, round: number, attempt: number): WireError {
  return new WireError(
    `an all-reduce of round ${plan.round}, attempt ${plan.attempt}, was asked for after round ${round}, attempt ${attempt}`,
    'the coordinator must run the same version of Lockstep',
  );
}

/** A plan by which the library of a job is to add up, for a process that is of none. */
export const noLibrary = (): WireError =>
  new WireError(
    'the plan of an all-reduce asks for a sum by MPI, and this process is not of an MPI job',
    'the coordinator must run the same version of Lockstep',
  );

/** @throws WireError unless the numbers are as many, and as precise, as the plan says */
export function checkPayload(from: number, frame: SlabFrame, precision: WirePrecision, bytes: number): void {
  if (frame.precision !== precision) throw brokenSum(from, frame, precision, frame.precision);
  if (frame.payload.length !== bytes) throw brokenSum(from, frame, `${bytes} bytes`, `${frame.payload.length}`);
}

/**
 * @param owed what is still to come, of all `inputs`
 * @returns false for a sum that has come before
 * @throws WireError for one that was never to come
 */
export function isOwed(from: number, frame: SlabFrame, owed: readonly Input[], inputs: readonly Input[]): boolean {
  const isThis = (input: Input) => input.from === from && input.low === frame.low && input.high === frame.high;
  if (owed.some(isThis)) return true;
  if (inputs.some(isThis)) return false;
  const mine = inputs.filter((input) => input.from === from).map(describe);
  throw brokenSum(from, frame, mine.length > 0 ? `a sum of ${mine.join(', ')}` : 'no sum', 'this one');
}

/** @throws WireError when a total comes from somebody else than it should */
export function checkSource(from: number, frame: SlabFrame, source: number | undefined): void {
  if (from !== source) throw brokenSum(from, frame, `the total from ${source ?? 'nobody'}`, `it from ${from}`);
}

/** @param owed sums that are still to come @throws WireError unless it is the total, of sums that have all come */
export function checkTotal(from: number, frame: SlabFrame, shards: number, owed: number): void {
  if (frame.low !== 0 || frame.high !== shards) throw brokenSum(from, frame, `shards [0, ${shards})`, describe(frame));
  if (owed > 0) throw brokenSum(from, frame, 'the total after all sums that make it', 'it before');
}

/** @param checksum of what came; undefined where the frame has none */
export function checkChecksum(from: number, frame: SlabFrame, checksum: number | undefined): void {
  if (checksum !== frame.checksum) throw brokenSum(from, frame, `checksum ${frame.checksum}`, `${checksum}`);
}

const describe = ({ low, high }: TreeNode): string => `shards [${low}, ${high})`;

export function brokenSum(from: number, frame: SlabFrame, expected: string, actual: string): WireError {
  const { kind, segment, round, attempt } = frame;
  const what = `a ${kind} sum of ${describe(frame)}, segment ${segment}, round ${round}, attempt ${attempt}`;
  return new WireError(
    `member ${from} sent ${what}: expected ${expected}, got ${actual}`,
    'it is dropped; it must run the same version of Lockstep',
  );
}
