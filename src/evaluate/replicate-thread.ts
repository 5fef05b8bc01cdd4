/** What Piscina runs in each thread of a bootstrap. */
import { ReplicateMaker, type ReplicateWork } from './replicate-maker.js';

export default function makeAll(work: ReplicateWork): void {
  const maker = new ReplicateMaker(work);
  while (maker.makeNext());
}
