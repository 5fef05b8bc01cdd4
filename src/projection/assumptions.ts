/** What a projection takes for granted, in plain sentences. */

import { bandwidthText, bytesText, grouped, percent, timeText } from '../ground/units.js';
import type { CostModel, CostName } from './cost.js';
import type { Scenario } from './scenario.js';
import { detection, doubledAt } from './trial.js';

const names: Readonly<Record<CostName, string>> = {
  shard: 'the fixed cost of a shard',
  example: 'the cost of an example',
  contention: 'how much computing on all cores slows each down',
  update: 'the optimizer',
  memory: 'adding up in memory',
  barrier: 'the barrier of threads',
  message: 'processor time of a message',
  wake: 'the time until a message is noticed',
  byte: 'processor time of a byte that is sent',
};

export function assumptionsOf(model: CostModel, scenario: Scenario): string[] {
  const { cores, observations, assumed, bytes, spread, spreadMeasured, batch } = model;
  const { bandwidth, latency, perHost = cores, failures, stragglers, mode } = scenario;
  const examples = grouped(scenario.batch ?? (mode === 'weak' ? batch.worker : batch.step));
  const variation = percent(stragglers ?? spread);
  const origin = stragglers !== undefined ? 'as given' : spreadMeasured ? 'as measured' : 'which was not measured';
  return [
    `Costs are fitted to ${observations} measured ${observations === 1 ? 'run' : 'runs'} on ${cores} ${cores === 1 ? 'core' : 'cores'}; every worker is a core like those, with a gradient of ${bytesText(bytes)}.`,
    assumed.length > 0
      ? `Not shown by those runs, and taken to be as usual: ${assumed.map((name) => names[name]).join(', ')}.`
      : 'Those runs show every cost of the model.',
    mode === 'weak'
      ? `Each worker computes ${examples} examples of a step, so that the batch grows with the workers (weak scaling).`
      : `A step has ${examples} examples, however many workers share them (strong scaling); a share costs its fixed part and its examples.`,
    `A host has ${perHost} ${perHost === 1 ? 'worker' : 'workers'}, a core for each, and one link of ${bandwidthText(bandwidth)} each way at the same time; ${timeText(latency)} from any host to any other. Switches are never the bottleneck. Headers of packets are not counted: give the bandwidth that is left for payload.`,
    'The coordinator is one more host, which does not compute: it starts and confirms each step with every worker, and tells every member who takes part. That it has the parameters sent now and then, at the end of each epoch and for whoever joins, is not counted.',
    'Star: the sums of all workers go to the coordinator and the total comes back. Tree: each worker adds up those of two others. Butterfly: recursive halving and doubling between the workers. In both, workers of a host are processes that add up among themselves first, so that each host sends one sum. Hierarchical: the workers of a host are threads of one process, which add up in memory; hosts then play butterfly. Tree is not in the program; the others are.',
    `The slab travels in at most 16 pieces, one behind the other, fewer among many workers; the step begins for everybody at once and ends with the last.`,
    `Computing times vary by ${variation} (${origin}), independently, lognormal; work that takes ${doubledAt} times as long as usual is given to a second worker as well.`,
    failures > 0
      ? `A worker fails ${failures} times an hour. That is noticed after ${detection} s, its share is computed again and exchanged; not more than one fails in a step, and it is replaced at once.`
      : 'No worker fails.',
  ];
}
