/**
 * `node dist/scripts/kernel-tests.js [--modes inputs,constants,turned] [--without WORD] [--json FILE]`: runs tfjs-core's own tests with every kernel
 * call compiled alone, but those with WORD in their names, and prints what passes, by kernel. FILE gets the summary.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { modes } from './kernels/alone.js';
import { backendNameOf, type Outcome, observe, registerCompiledBackends } from './kernels/backend.js';
import { loadSuite } from './kernels/suite.js';
import { asMarkdown, summarize } from './kernels/verdicts.js';

const { values } = parseArgs({
  options: { json: { type: 'string' }, without: { type: 'string' }, modes: { type: 'string', default: modes.join() } },
});
const chosen = modes.filter((mode) => values.modes.split(',').includes(mode));
registerCompiledBackends(chosen);
/** Of each test, in their order. */
const outcomes: Outcome[][] = [];
observe((outcome) => outcomes.at(-1)?.push(outcome));
const run = await loadSuite(['cpu', ...chosen.map(backendNameOf)], () => outcomes.push([]));
const isLeftOut = (name: string) => values.without !== undefined && name.includes(values.without);
const onCompiled = await run((name, backend) => backend !== 'cpu' && !isLeftOut(name));
// What fails there may be no fault of ours: backend cpu tells.
const failing = new Set(onCompiled.filter(({ failures }) => failures.length > 0).map(({ nameOfAll }) => nameOfAll));
const onCpu = await run((name, backend) => backend === 'cpu' && failing.has(name));
const results = [...onCompiled, ...onCpu];
const summary = summarize(
  results.map((result) => ({ ...result, outcomes: outcomes[result.place] })),
  chosen,
);
if (values.json) writeFileSync(values.json, JSON.stringify(summary, null, 1));
process.stdout.write(asMarkdown(summary));
