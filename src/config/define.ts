/** Configs written in code: the same rules as for files. */
import { ConfigError } from '../errors.js';
import { deepFreeze } from '../ground/freeze.js';
import { explainIssues } from './explain.js';
import type { RunConfigInput } from './input.js';
import { refuseReservedKey } from './reserved-key.js';
import { type RunConfig, runSchema } from './run-config.js';

/**
 * Checks a config and fills in every default.
 *
 * @param config left as it is; a config that was defined before comes out the same
 * @returns frozen throughout
 * @throws ConfigError naming every mistake with its path, value, rule and remedy
 */
export function defineConfig(config: RunConfigInput): RunConfig {
  // An empty message marks zod's own issues: explain() words those.
  const result = runSchema.safeParse(config, { error: () => '' });
  if (result.success) {
    refuseReservedKey(config);
    return deepFreeze(result.data);
  }
  const mistakes = explainIssues(config, result.error.issues);
  if (mistakes.length === 1) throw new ConfigError(mistakes[0].problem, mistakes[0].remedy);
  const list = mistakes.map(({ problem, remedy }) => `\n  ${problem}: ${remedy}`).join('');
  throw new ConfigError(`the config has ${mistakes.length} mistakes`, `correct each of them${list}`);
}
