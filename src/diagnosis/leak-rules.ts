/** What was trained on is no test: examples that stand in two splits, and those that contradict each other. */
import { join } from 'node:path';
import { commandLine } from '../ground/shell-words.js';
import { grouped, metricText, plural } from '../ground/units.js';
import type { Finding } from '../report/evaluation-report.js';
import { configName } from '../report/run-folder.js';
import type { RunFacts } from './facts.js';
import { apart } from './remedies.js';

/** Share of the examples from which on contradictions are named. */
const conflicting = 0.01;

export function leakFindings(facts: RunFacts): Finding[] {
  const { repeated } = facts;
  if (!repeated) return [];
  const { shared, metrics, compared, conflicts } = repeated;
  const findings: Finding[] = [];
  if (shared.length > 0) {
    const pairs = shared.map(
      ({ of, split, rows }) =>
        `${grouped(rows.length)} of ${plural(compared[split] ?? 0, 'example')} of ${split} ${rows.length === 1 ? 'stands' : 'stand'} in ${of} too`,
    );
    const numbers = Object.entries(metrics?.without ?? {}).map(
      ([name, value]) => `${name} ${metricText(value)} (with them ${metricText(metrics!.all[name])})`,
    );
    const without = metrics ? ` Of ${metrics.split} without those of training: ${numbers.join(', ')}.` : '';
    const text = `By their inputs, ${pairs.join('; ')}.${without}`;
    findings.push({ title: 'The same examples in two splits', text, remedies: apart(facts) });
  }
  const all = Object.values(compared).reduce((sum, count) => sum + count, 0);
  if (conflicts > 0 && conflicts >= conflicting * all) {
    const text = `${grouped(conflicts)} of ${plural(all, 'example')} ${conflicts === 1 ? 'has' : 'have'} the inputs of another and a different target: no model can be right about both.`;
    const remedies = [
      `correct the targets (${commandLine(['doctor', 'data', join(facts.folder, configName)])} names the first two)`,
      'inputs that tell such examples apart',
    ];
    findings.push({ title: 'Label conflicts', text, remedies });
  }
  return findings;
}
