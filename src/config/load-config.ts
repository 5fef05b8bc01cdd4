/** From a config file and the command line's overrides to one validated, frozen RunConfig. */

import { basename } from 'node:path';
import { stringify } from 'yaml';
import { ConfigError } from '../errors.js';
import { deepFreeze } from '../ground/freeze.js';
import { shippedFile } from '../ground/own-version.js';
import { requireOwn } from '../ground/trust.js';
import { explainIssues } from './explain.js';
import { lossesIn, metricsIn } from './heads.js';
import { applyOverride, parseOverride } from './overrides.js';
import { refuseReservedKey } from './reserved-key.js';
import { type RunConfig, runSchema } from './run-config.js';
import { mistakesIn, readYamlFile } from './yaml-file.js';

const kind = {
  called: 'config',
  example: 'config.yaml',
  keys: `write keys such as data, model, loss and training; see ${shippedFile('configs', 'digits.yaml')}`,
};

/**
 * Reads and validates a config file.
 *
 * @param file a YAML 1.2 file
 * @param overrides `path.to.key=value`, applied in order; the value is YAML, null removes the key
 * @returns the config with every default filled in, frozen throughout
 * @throws ConfigError naming every mistake with its path, value, rule, remedy and line; or when it names a module
 *   or a command, and somebody else may have written it
 */
export function loadRunConfig(file: string, overrides: readonly string[] = []): RunConfig {
  const source = readYamlFile(file, kind);
  const changes = overrides.map(parseOverride);
  const config = changes.reduce(applyOverride, source.value);
  // An empty message marks zod's own issues: explain() words those.
  const result = runSchema.safeParse({ name: nameOf(file), ...(config as object) }, { error: () => '' });
  if (!result.success) throw mistakesIn(source, explainIssues(config, result.error.issues), changes);
  refuseReservedKey(config);
  if (namesCode(result.data) || callsProgram(result.data)) requireOwn(file, file, ConfigError);
  return deepFreeze(result.data);
}

/** Whether a run of this config imports a module. @param otherModel whether the model is made by another than its own */
export function namesCode({ model, data, loss, metrics }: RunConfig, otherModel = false): boolean {
  const isCustom = (entry: unknown) => typeof entry === 'object' && entry !== null && 'custom' in entry;
  return (
    (!otherModel && 'module' in model) ||
    data.source === 'module' ||
    [...lossesIn(loss), ...metricsIn(metrics)].some(isCustom)
  );
}

/** Whether a run of this config runs commands. */
const callsProgram = ({ track: { hooks = { timeout: 0 } } }: RunConfig): boolean =>
  Object.values(hooks).some((hook) => typeof hook === 'string' && !/^https?:\/\//i.test(hook));

/** The whole config as YAML, defaults included; loading it gives the same RunConfig. */
export function resolvedYaml(config: RunConfig): string {
  return `# The whole config of this run, defaults included.\n${stringify(config, { aliasDuplicateObjects: false })}`;
}

/** The file's name without its ending, in the letters that a run's name may have. */
function nameOf(file: string): string {
  return (
    basename(file)
      .replace(/\.ya?ml$/, '')
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9_]+/, '') || 'run'
  );
}
