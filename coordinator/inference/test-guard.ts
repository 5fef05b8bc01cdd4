/** The test split of a run is opened once, at its end; a sealed one by those alone who say so. Looks after that are counted. */
import { dirname, join } from 'node:path';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { RunConfig } from '../../src/config/run-config.js';
import type { Splits } from '../../src/data/examples.js';
import { ConfigError } from '../../src/errors.js';
import { countLook, type Looks, looksAt } from '../../src/report/looks.js';
import { configName } from '../../src/report/run-folder.js';
import { type LocatedModel, runAround } from './locate.js';

/** What decides, of the options of an evaluation. */
interface TestRequest {
  readonly split?: keyof Splits;
  readonly unseal?: boolean;
  /** Given where other data are evaluated. */
  readonly data?: unknown;
  readonly config?: string;
  readonly overrides?: readonly string[];
  readonly warn?: (message: string) => void;
}

export interface TestGuard {
  /** Whether the test split stays closed. */
  readonly isClosed: boolean;
  /** The split that was asked for; `unseal` by itself asks for test. */
  readonly split?: keyof Splits;
  /** To be called when a split has been evaluated, before anybody sees it. @returns undefined for a model that is in no run */
  looked(split: keyof Splits | null): Looks | undefined;
}

/**
 * @param config that the model is evaluated by
 * @throws ConfigError when the test split of a sealed run is asked for without a word that opens it
 */
export function guardTest(located: LocatedModel, config: RunConfig, options: TestRequest): TestGuard {
  const { split, data, unseal = false, warn = () => {} } = options;
  const run = located.config === undefined ? runAround(located.path) : dirname(located.config);
  if (unseal) checkUnseal(options);
  const before = run === undefined ? undefined : looksAt(run);
  const isSealed = !before?.isOpened && (config.evaluation.seal || (run !== undefined && isRunSealed(run, options)));
  if (unseal && !isSealed && !before?.isOpened) warn('--unseal: the test split is not sealed');
  const isClosed = isSealed && !unseal;
  if (isClosed && split === 'test') {
    throw new ConfigError(
      `--split test: the test split of ${run ?? located.path} is sealed`,
      'open it for good with --unseal, or use --split validation',
    );
  }
  return {
    isClosed,
    split: split ?? (unseal && data === undefined ? 'test' : undefined),
    looked(seen) {
      if (run === undefined) return undefined;
      const { isOpened: _, ...looks } = seen === 'test' ? countLook(run, isSealed, warn) : before!;
      return looks;
    },
  };
}

/** As the run's own config says: other values, or another config, do not open it. */
function isRunSealed(run: string, { config, overrides = [] }: TestRequest): boolean {
  if (config === undefined && overrides.length === 0) return false;
  return loadRunConfig(join(run, configName), []).evaluation.seal;
}

function checkUnseal({ split, data }: TestRequest): void {
  if (data !== undefined)
    throw new ConfigError('--unseal opens the test split, and --data names other data', 'leave one of them out');
  if (split === undefined || split === 'test') return;
  throw new ConfigError(
    `--unseal opens the test split, and --split ${split} names another`,
    `leave --unseal out, or use --split test`,
  );
}
