/** What one member has to do for each segment of an all-reduce. */
import { WireError } from '../errors.js';
import { foldNodes } from './fold.js';
import type { AllReducePlan } from './plan.js';
import { ROOT, spanningTree } from './topology.js';
import type { TreeNode } from './tree.js';

/** A sum that a member needs, and the id of the member that it comes from: itself or a child. */
export interface Input extends TreeNode {
  readonly from: number;
}

export interface Route {
  /** Id of the member that gets the sums that are left here and sends the total; undefined at the root. */
  readonly parent: number | undefined;
  /** Ids of those that get the total from here. */
  readonly children: readonly number[];
  readonly inputs: readonly Input[];
  /** The sums that are left once the inputs are folded, in order: for the parent, or at the root the total. */
  readonly outputs: readonly TreeNode[];
}

/**
 * @param self id of the member
 * @returns a route for each segment; segments with the same spanning tree share one
 * @throws WireError when the nodes of all members do not add up to the step, or `self` is not among them
 */
export function routesOf(plan: AllReducePlan, self: number, segments: number): Route[] {
  checkPlan(plan, self);
  const routes = new Map<string, Route>();
  return Array.from({ length: segments }, (_, segment) => {
    const parents = spanningTree(plan.algorithm, plan.members, segment, segments);
    const key = parents.join();
    const route = routes.get(key) ?? routeOf(plan, self, parents);
    routes.set(key, route);
    return route;
  });
}

function routeOf({ members, shards }: AllReducePlan, self: number, parents: readonly number[]): Route {
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
  return {
    parent: parents[place] === ROOT ? undefined : members[parents[place]].id,
    children: childrenOf(place).map((child) => members[child].id),
    inputs,
    outputs: outputsOf(place),
  };
}

function checkPlan({ round, members, shards }: AllReducePlan, self: number): void {
  const remedy = 'the coordinator must run the same version of Lockstep';
  if (!members.some(({ id }) => id === self)) {
    throw new WireError(
      `the all-reduce of round ${round} leaves out member ${self}, who was asked to take part`,
      remedy,
    );
  }
  const left = foldNodes(
    members.flatMap(({ nodes }) => nodes),
    shards,
  );
  if (left.length === 1 && left[0].low === 0 && left[0].high === shards) return;
  const list = left.map(({ low, high }) => `[${low}, ${high})`).join(', ');
  throw new WireError(`the sums of round ${round} make ${list || 'nothing'}, not the shards [0, ${shards})`, remedy);
}
