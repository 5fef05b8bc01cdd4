/** Sends a run to MLflow that has ended, or was killed: what its server has not got of it. */
import { join } from 'node:path';
import { loadRunConfig } from '../../src/config/load-config.js';
import { ConfigError, OutputError } from '../../src/errors.js';
import { metricsName, saysEnded } from '../../src/report/metrics-log.js';
import { configName } from '../../src/report/run-folder.js';
import { lockRun } from '../../src/report/run-lock.js';
import { MlflowError } from '../../src/track/mlflow/mlflow-api.js';
import { MlflowSender } from '../../src/track/mlflow/mlflow-sender.js';
import { sentRun } from '../prepare/trackers.js';
import { checkRun } from './resume.js';

export interface TrackResult {
  /** The server that has all of the run now. */
  readonly uri: string;
  readonly experiment: string;
  /** Whether it had it already. */
  readonly hadAll: boolean;
}

/**
 * Sends what a run's `track.mlflow` has not got of it: metrics, config and models.
 * @param folder of the run
 * @param set `path=value` of the config: a run that was not tracked can be sent by `track.mlflow.uri=...`
 * @param warn told of a model that ONNX cannot express, and is not sent
 * @throws ConfigError where there is no such run, or it names no server; RunBusyError while it is trained; OutputError
 *   where the server does not take it
 */
export async function track(
  folder: string,
  set: readonly string[] = [],
  warn: (message: string) => void = () => {},
): Promise<TrackResult> {
  checkRun(folder);
  const lock = lockRun(folder);
  try {
    const config = loadRunConfig(join(folder, configName), set);
    const { mlflow } = config.track;
    if (!mlflow) {
      throw new ConfigError(
        `${folder}: its config names no server`,
        'give one: --set track.mlflow.uri=http://127.0.0.1:5000',
      );
    }
    const sender = new MlflowSender(mlflow, sentRun(config, folder, warn));
    const hadAll = sender.hasEnd;
    const isWhole = saysEnded(join(folder, metricsName));
    const { signal } = new AbortController();
    if (!hadAll) {
      await sender.send(signal);
      await sender.finish(isWhole ? 'FINISHED' : 'KILLED', isWhole, signal);
    }
    return { uri: mlflow.uri, experiment: mlflow.experiment, hadAll };
  } catch (error) {
    if (!(error instanceof MlflowError)) throw error;
    throw new OutputError(
      `track.mlflow: ${error.message}`,
      'start the server, or name another one with --set track.mlflow.uri=..., and try again',
    );
  } finally {
    lock.release();
  }
}
