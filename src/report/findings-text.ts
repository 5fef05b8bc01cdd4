/** What was found out about a run, for people. */
import type { Finding } from './evaluation-report.js';

export function findingsText(findings: readonly Finding[]): string {
  if (findings.length === 0) return '\ndiagnosis: nothing wrong was found\n';
  const each = findings.map(({ title, text, remedies }) =>
    [`\ndiagnosis: ${title}`, `  ${text}`, ...remedies.map((remedy) => `  - ${remedy}`), ''].join('\n'),
  );
  return each.join('');
}
