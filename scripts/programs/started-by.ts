/** Processes of Linux, by who has started them. */
import { readFileSync } from 'node:fs';

/** The processes that one has started, those that these have started, and so on. */
export function startedBy(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return children.flatMap((child) => [child, ...startedBy(child)]);
}
