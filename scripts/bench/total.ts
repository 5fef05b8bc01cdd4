/** `npm run bench`: the sections of the benchmark, measured together and shown as one table. */
import { loadavg } from 'node:os';
import { clusterSection } from './cluster.js';
import { engineSection } from './engine.js';
import { limitsSection } from './limits.js';
import type { BenchResult } from './result.js';
import { playRounds } from './rounds.js';
import { figure, isMet, type Row, rowTable, scores } from './rows.js';
import { scalingSection } from './scaling.js';
import type { Section, Subject } from './section.js';
import { startupSection } from './startup.js';
import { machine, machineName } from './table.js';
import { textModelNames } from './text-workloads.js';
import { findPeers, type Peer, type Python } from './torch.js';
import { transformersSection } from './transformers.js';
import { modelNames } from './workloads.js';

/** In the order of the table. */
export const sections: readonly Section[] = [
  engineSection,
  clusterSection,
  scalingSection,
  limitsSection,
  startupSection,
  transformersSection,
];

/** In the order in which they are measured. */
const subjects: readonly Subject[] = [...modelNames, ...textModelNames, 'machine'];

export interface BenchOptions {
  readonly sections: readonly Section[];
  /** Instead of those of each section. */
  readonly models?: readonly Subject[];
  /** How often each program is measured. */
  readonly pairs: number;
  readonly seconds: number;
  readonly pythons: readonly Python[];
  /** Whether this only shows that it runs. */
  readonly quick: boolean;
}

/**
 * Prints tables; returns what is in them, and every measurement.
 * @throws MeasurementError
 */
export async function bench(options: BenchOptions): Promise<BenchResult & { readonly measured: object }> {
  const { pairs, seconds, quick } = options;
  const at = new Date().toISOString();
  const [load] = loadavg();
  const peers = findPeers(options.pythons);
  process.stdout.write(`${machine()}\n${pairs} rounds of ${seconds} s a measurement\n\n`);
  const sectionOptions = { seconds, peers };
  const covered = (section: Section): Subject[] =>
    subjects.filter((subject) => subject === 'machine' || (options.models ?? section.models).includes(subject));
  // Model by model, so that whatever is compared is measured within a minute.
  const probes = subjects.flatMap((subject) =>
    options.sections.flatMap((section) =>
      covered(section).includes(subject) ? section.probes(subject, sectionOptions) : [],
    ),
  );
  const measured = await playRounds(pairs, probes);
  const rows: Row[] = options.sections.flatMap((section) =>
    covered(section)
      .flatMap((subject) => section.rows(subject, sectionOptions, measured))
      .map((row) => ({ section: section.name, ...row })),
  );
  const details = options.sections.flatMap(
    (section) => section.details?.(covered(section), sectionOptions, measured) ?? [],
  );
  process.stdout.write([`${heading(peers, rows)}${rowTable(rows)}`, ...details].join('\n'));
  const { version } = process;
  return { at, machine: machineName(), node: version, load, pairs, seconds, quick, rows: rows.map(judged), measured };
}

const judged = (row: Row) => ({
  ...row,
  value: figure(row.ours),
  ratio: row.peer && figure(scores(row)),
  met: isMet(row),
});

/** Which software the peers are, and whether they are what they should be. */
function heading(peers: readonly Peer[], rows: readonly Row[]): string {
  const lines = peers.flatMap(({ name, python }) => {
    const software = rows.find(({ peer }) => peer?.name === name)?.peer?.software;
    if (software === undefined) return [];
    const slow = software.includes('reference BLAS')
      ? [
          'It runs on the reference BLAS, which makes it many times slower than it should be: do not quote the ratios,',
          'install OpenBLAS first (Debian: apt-get install libopenblas0-pthread).',
        ]
      : [];
    return [`${name}: ${software} (${python})`, ...slow];
  });
  return lines.map((line) => `${line}\n`).join('');
}
