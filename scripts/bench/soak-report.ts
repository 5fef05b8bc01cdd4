/** `npm run bench -- soak`: tells how a soak went. */
import type { MemoryStory } from './memory.js';
import { type SoakOptions, soak } from './soak.js';
import { machine, table } from './table.js';

/** @returns whether all was well */
export async function benchSoak(options: Omit<SoakOptions, 'tell' | 'folder'>): Promise<boolean> {
  const { workers, steps, seed } = options;
  process.stdout.write(`${machine()}\n${steps} steps, up to ${workers} workers, seed ${seed}\n\n`);
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  const { changes, seconds, sha256, memory, problems } = await soak({ ...options, tell });
  const { join, leave, die } = changes;
  process.stdout.write(
    `${seconds.toFixed(0)} s; joined later: ${join}, left: ${leave}, killed: ${die}; parameters ${sha256}\n` +
      `Resident memory in MB; growth is that of the second half, by the line of least squares\n` +
      table(['process', 'seconds', 'start', 'middle', 'end', 'growth'], memory.map(row)),
  );
  for (const problem of problems) process.stdout.write(`PROBLEM: ${problem}\n`);
  process.stdout.write(problems.length === 0 ? 'all well\n' : '');
  return problems.length === 0;
}

function row({ name, seconds, start, middle, end, growth }: MemoryStory): string[] {
  return [name, ...[seconds, start, middle, end, growth].map((value) => value.toFixed(1))];
}
