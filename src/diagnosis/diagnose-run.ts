/** What is wrong with a run, in words. Each finding follows a rule of docs/evaluation.md; where none does, nothing is said. */
import type { Finding } from '../report/evaluation-report.js';
import { classFindings } from './class-rules.js';
import { courseFindings } from './course-rules.js';
import type { RunFacts } from './facts.js';
import { leakFindings } from './leak-rules.js';
import { hasLearned, lossFindings, splitLosses } from './loss-rules.js';

/** @returns what is wrong, the worst first; nothing where no rule finds something */
export function diagnoseRun(facts: RunFacts): Finding[] {
  const losses = splitLosses(facts);
  const { swinging, tooLong, improving } = courseFindings(facts, losses);
  const course = { isImproving: improving.length > 0, isSwinging: swinging.length > 0 };
  return [
    // Before all else: numbers that follow may be too good.
    ...leakFindings(facts),
    ...lossFindings(facts, losses, course),
    ...swinging,
    ...tooLong,
    ...improving,
    // Of a model that knows nothing that is no news.
    ...(hasLearned(losses) ? classFindings(facts) : []),
  ];
}
