/** What one member has to do for each segment of an all-reduce. */
import { WireError } from '../errors.js';
import { foldNodes } from './fold.js';
import type { AllReducePlan } from './plan.js';
import type { Segment } from './segments.js';
import { updatesAll } from './shares.js';
import { coordinateOf, ROOT, spanningTree } from './topology.js';
import type { TreeNode } from './tree.js';

/** A sum that a member needs, and the id of the member that it comes from: itself or a child. */
export interface Input extends TreeNode {
  readonly from: number;
}

export interface Route {
  /** Id of the member that gets the sums that are left here; undefined at the root. */
  readonly parent: number | undefined;
  /** Id of the member that sends the total; undefined at the root, and where none comes. */
  readonly source: number | undefined;
  /** Ids of those that get the total from here. */
  readonly children: readonly number[];
  readonly inputs: readonly Input[];
  /** The sums that are left once the inputs are folded, in order: for the parent, or at the root the total. */
  readonly outputs: readonly TreeNode[];
}

/**
 * @param self id of the member
 * @returns a route for each segment; segments with the same way share one
 * @throws WireError when the nodes of all members do not add up to the step, or `self` is not among them
 */
export function routesOf(
  plan: AllReducePlan,
  self: number,
  segments: readonly Pick<Segment, 'share' | 'at'>[],
): Route[] {
  checkPlan(plan, self);
  const { algorithm, members } = plan;
  if (algorithm === 'mpi') throw new Error('a sum by MPI goes along no tree');
  const routes = new Map<string, Route>();
  return segments.map(({ share, at }) => {
    // An owner that has sums is the root.
    const coordinate = share ? (coordinateOf(members, share.id, at) ?? at) : at;
    const parents = spanningTree(algorithm, members, coordinate);
    const key = `${parents.join()} ${share?.id} ${share?.second}`;
    const route = routes.get(key) ?? routeOf(plan, self, parents, share);
    routes.set(key, route);
    return route;
  });
}

function routeOf(
  { members, shards }: AllReducePlan,
  self: number,
  parents: readonly number[],
  share: Segment['share'],
): Route {
  const childrenOf = (place: number) => [...members.keys()].filter((child) => parents[child] === place);
  const outputsOf = (place: number): TreeNode[] =>
    foldNodes([...members[place].nodes, ...childrenOf(place).flatMap(outputsOf)], shards);
  const place = members.findIndex(({ id }) => id === self);
  const sources = [place, ...childrenOf(place)];
  const inputs = sources.flatMap((source) =>
    (source === place ? members[place].nodes : outputsOf(source)).map(({ low, high }) => ({
      low,
      high,
      from: members[source].id,
    })),
  );
  const source = share ? scattered(members, parents, share) : (of: number) => parents[of];
  return {
    parent: idAt(members, parents[place]),
    source: idAt(members, source(place)),
    children: [...members.keys()].filter((child) => source(child) === place).map((child) => members[child].id),
    inputs,
    outputs: outputsOf(place),
  };
}

const idAt = (members: AllReducePlan['members'], place: number): number | undefined =>
  place === ROOT ? undefined : members[place].id;

/**
 * From whom a member gets the total of a segment of a share: the root sends it to both who update that. Where one of them is the
 * coordinator, which is the first member then, it passes it on to an owner without sums, to whom there may be no other link.
 * @returns the place; `ROOT` for the root and for who gets none
 */
function scattered(
  members: AllReducePlan['members'],
  parents: readonly number[],
  { id: owner, second }: NonNullable<Segment['share']>,
): (place: number) => number {
  const root = parents.indexOf(ROOT);
  return (place) => {
    const { id, nodes } = members[place];
    if (place === root || (id !== owner && id !== second)) return ROOT;
    return second === 0 && id !== 0 && nodes.length === 0 ? 0 : root;
  };
}

export function checkPlan({ round, members, shards, shares }: AllReducePlan, self: number): void {
  const remedy = 'the coordinator must run the same version of Lockstep';
  if (!members.some(({ id }) => id === self)) {
    throw new WireError(
      `the all-reduce of round ${round} leaves out member ${self}, who was asked to take part`,
      remedy,
    );
  }
  if (shares && updatesAll(shares) && members[0].id !== 0)
    throw new WireError(`the all-reduce of round ${round} leaves out the coordinator, who is to have shares`, remedy);
  const left = foldNodes(
    members.flatMap(({ nodes }) => nodes),
    shards,
  );
  if (left.length === 1 && left[0].low === 0 && left[0].high === shards) return;
  const list = left.map(({ low, high }) => `[${low}, ${high})`).join(', ');
  throw new WireError(`the sums of round ${round} make ${list || 'nothing'}, not the shards [0, ${shards})`, remedy);
}
