/** What tfjs-core's tests say of the compiled engine: a verdict a test, and what is missing, by kernel. */
import type { Mode } from './alone.js';
import { backendNameOf, type Outcome } from './backend.js';
import type { TestResult } from './suite.js';

export interface Row extends TestResult {
  readonly outcomes: readonly Outcome[];
}

/** From the worst to the best. `lacks`: a call has no lowering, or strings and complex numbers, which no model has. */
export const verdicts = ['wrong', 'late', 'lacks', 'passes'] as const;
export type Verdict = (typeof verdicts)[number];

function verdictOf({ outcomes, failures }: Row): Verdict {
  const has = (fate: Outcome['fate']) => outcomes.some((outcome) => outcome.fate === fate);
  if (has('late')) return 'late';
  if (failures.length > 0 || has('differs')) return 'wrong';
  return has('unsupported') || has('foreign') ? 'lacks' : 'passes';
}

export interface Fault {
  readonly test: string;
  readonly mode: Mode;
  readonly verdict: Verdict;
  readonly detail: string;
}

export interface Summary {
  /** Tests that do not fail on backend `cpu`, which those are run on that fail elsewhere. */
  readonly tests: number;
  /** Those of them that call a kernel. */
  readonly calling: number;
  /** Tests by the worst verdict of all modes. */
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly byMode: Readonly<Partial<Record<Mode, Readonly<Record<Verdict, number>>>>>;
  /** Why tests are not compiled, with the number of tests. */
  readonly lacking: Readonly<Record<string, number>>;
  readonly faults: readonly Fault[];
}

const none = (): Record<Verdict, number> => ({ wrong: 0, late: 0, lacks: 0, passes: 0 });

function faultOf(row: Row, mode: Mode, verdict: Verdict): Fault {
  const found = row.outcomes.find(({ fate }) => fate === (verdict === 'late' ? 'late' : 'differs'));
  const detail = found ? `${found.kernel}: ${found.detail}` : row.failures[0];
  return { test: row.name, mode, verdict, detail: detail.slice(0, 300) };
}

/** Every kernel and option that a test needs and the engine has not, once. */
const reasonsOf = ({ outcomes }: Row): string[] => [
  ...new Set(
    outcomes.flatMap(({ fate, kernel, detail }) => {
      if (fate === 'foreign') return [`${kernel} of ${detail}`];
      return fate === 'unsupported'
        ? [detail.replace(/^the compiled engine (has no lowering for the tfjs kernel |cannot lower )/, '')]
        : [];
    }),
  ),
];

export function summarize(rows: readonly Row[], modes: readonly Mode[]): Summary {
  const unsound = rows.filter(({ backend, failures }) => backend === 'cpu' && failures.length > 0);
  const names = new Set(rows.filter(({ backend }) => backend !== 'cpu').map(({ name }) => name));
  for (const { name } of unsound) names.delete(name);
  const byTest = new Map(rows.map((row) => [`${row.backend} ${row.name}`, row]));
  const counts = none();
  const byMode = Object.fromEntries(modes.map((mode) => [mode, none()])) as Record<Mode, Record<Verdict, number>>;
  const lacking: Record<string, number> = {};
  const faults: Fault[] = [];
  for (const name of names) {
    const found = modes.flatMap((mode) => {
      const row = byTest.get(`${backendNameOf(mode)} ${name}`);
      return row && row.outcomes.length > 0 ? [{ mode, row, verdict: verdictOf(row) }] : [];
    });
    if (found.length === 0) continue;
    counts[verdicts.find((verdict) => found.some((one) => one.verdict === verdict))!]++;
    for (const { mode, row, verdict } of found) {
      byMode[mode][verdict]++;
      if (verdict === 'wrong' || verdict === 'late') faults.push(faultOf(row, mode, verdict));
    }
    for (const reason of new Set(found.flatMap(({ row }) => reasonsOf(row))))
      lacking[reason] = (lacking[reason] ?? 0) + 1;
  }
  const calling = verdicts.reduce((sum, verdict) => sum + counts[verdict], 0);
  return { tests: names.size, calling, counts, byMode, lacking, faults };
}

/** The summary as Markdown. */
export function asMarkdown({ tests, calling, counts, byMode, lacking, faults }: Summary): string {
  const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const reasons = Object.entries(lacking).sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
  return [
    `${tests} tests do not fail on backend cpu; ${calling} of them call a kernel.`,
    '',
    row(['inputs of each call', ...verdicts]),
    row(['---', ...verdicts.map(() => '---:')]),
    ...Object.entries(byMode).map(([mode, of]) => row([mode, ...verdicts.map((verdict) => of[verdict])])),
    row(['all', ...verdicts.map((verdict) => counts[verdict])]),
    '',
    row(['lacks', 'tests']),
    row(['---', '---:']),
    ...reasons.map(row),
    ...(faults.length > 0 ? ['', row(['fault', 'test', 'what']), row(['---', '---', '---'])] : []),
    ...faults.map(({ test, mode, verdict, detail }) =>
      row([`${verdict}, ${mode}`, test, detail.replaceAll('\n', ' ')]),
    ),
    '',
  ].join('\n');
}
