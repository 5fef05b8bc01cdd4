/** What there is to say of a run over a world at its end besides its table of workers: for a terminal and for the page. */
import { grouped, plural, sizeText } from '../ground/units.js';
import type { SummaryEvent } from './world-events.js';

/** Sentences, those alone that say something of this run. */
export function summaryNotes(event: SummaryEvent): string[] {
  const { hosts, rank, local, precision } = event;
  if (event.steps === 0) return ['no step was taken'];
  const notes: string[] = [
    `${sizeText(event.bytesPerStep)} of gradients crossed the network in a step; ${sizeText(event.fewestBytesPerStep)} is the least`,
  ];
  if (hosts > 1) {
    notes.push(`${grouped(hosts)} hosts: ${sizeText(event.bytesBetweenHosts)} of that went from one to another`);
  }
  if (event.optimizerState === 'sharded') notes.push(shardedNote(event.workers));
  if (!event.reproducible) notes.push('not bit-reproducible: machines with different arithmetic took part');
  const crossed = (as: string) =>
    notes.push(`gradients crossed the network as ${as}: the result depends on the workers`);
  if (precision !== 'float32') crossed(precision);
  if (rank !== null) crossed(`factors of rank ${grouped(rank)}`);
  if (event.sums === 'mpi') notes.push('gradients were added up by MPI itself: the result depends on the workers');
  if (local) notes.push(localNote(local));
  return notes;
}

/** The coordinator comes first, with room for the state of all. */
function shardedNote([{ optimizerBytes: all }, ...workers]: SummaryEvent['workers']): string {
  const most = Math.max(0, ...workers.map(({ optimizerBytes }) => optimizerBytes));
  if (most === 0)
    return "sums went through the coordinator, which had all of the optimizer's state: cluster.allReduce: butterfly shares out that of small models too";
  return `a worker had ${sizeText(most)} of the optimizer's state at most, of ${sizeText(all)} in all`;
}

function localNote({ replicas, steps, parts, overlap, quantize }: NonNullable<SummaryEvent['local']>): string {
  const inTurn = parts > 1 ? `, ${plural(parts, 'part')} in turn` : '';
  const beside = overlap > 0 ? `, ${grouped(overlap)} beside an exchange` : '';
  const rounded = quantize ? `, rounded to ${quantize}` : '';
  const rounds = `${plural(replicas, 'replica')} took ${plural(steps, 'local step')} a round`;
  return `${rounds}${inTurn}${beside}${rounded}: the result is not that of training in step`;
}
