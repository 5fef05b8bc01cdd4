/** Gives MLflow a run's model: as a logged model, and as a version of a registered one where that is asked for. */
import { posix } from 'node:path';
import { type MlflowApi, MlflowError } from './mlflow-api.js';
import { type OnnxModel, onnxModelFiles } from './onnx-model.js';

export interface ModelPlace {
  readonly runId: string;
  readonly experimentId: string;
  /** Of the run's files. */
  readonly artifactUri: string;
  /** Steps of the run. */
  readonly step: number;
}

/** What the server has of it. */
export interface LoggedModel {
  readonly id?: string;
  readonly uri: string;
}

/** Where a server that keeps files itself has them. @throws MlflowError where it does not keep them itself */
export function storePlace(artifactUri: string): string {
  const place = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(artifactUri)?.[1];
  if (place !== undefined) return place;
  throw new MlflowError(`files are kept at ${artifactUri}, and not by the server: serve them (--serve-artifacts)`);
}

/**
 * Uploads the model; to a server before MLflow 3, which knows no logged models, as the folder `onnx` of the run's files.
 * @throws MlflowError where it is refused
 */
export async function logModel(
  api: MlflowApi,
  model: OnnxModel,
  { runId, experimentId, artifactUri, step }: ModelPlace,
  name: string,
  signal: AbortSignal,
): Promise<LoggedModel> {
  const logged = await create(api, { experiment_id: experimentId, name, source_run_id: runId }, signal);
  const folder = logged ? storePlace(logged.artifact_uri) : posix.join(storePlace(artifactUri), 'onnx');
  for (const [file, content] of onnxModelFiles(model, { run: runId, model: logged?.model_id })) {
    await api.put(posix.join(folder, file), new Blob([content]), signal);
  }
  if (!logged) return { uri: `${artifactUri}/onnx` };
  const id = logged.model_id;
  await api.patch(`logged-models/${id}`, { model_id: id, status: 'LOGGED_MODEL_READY' }, signal);
  await api.post('runs/outputs', { run_id: runId, models: [{ model_id: id, step }] }, signal);
  return { id, uri: `models:/${id}` };
}

async function create(
  api: MlflowApi,
  body: object,
  signal: AbortSignal,
): Promise<{ readonly model_id: string; readonly artifact_uri: string } | undefined> {
  try {
    const { model } = (await api.post('logged-models', body, signal)) as {
      model: { info: { model_id: string; artifact_uri: string } };
    };
    return model.info;
  } catch (error) {
    if (error instanceof MlflowError && error.status === 404 && error.code === undefined) return undefined;
    throw error;
  }
}

/** @throws MlflowError where it is refused */
export async function registerModel(
  api: MlflowApi,
  { id, uri }: LoggedModel,
  runId: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await api.post('registered-models/create', { name }, signal);
  } catch (error) {
    if (!(error instanceof MlflowError) || error.code !== 'RESOURCE_ALREADY_EXISTS') throw error;
  }
  await api.post('model-versions/create', { name, source: uri, run_id: runId, ...(id && { model_id: id }) }, signal);
}
