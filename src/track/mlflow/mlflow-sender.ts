/** Sends to MLflow what the run's metrics.jsonl holds and MLflow has not: during the run, at its end, or later. */
import { openAsBlob } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, join, posix, relative, resolve, sep } from 'node:path';
import { metricsName } from '../../report/metrics-log.js';
import type { LoggedEvent } from '../logged-points.js';
import { logModel, registerModel, storePlace } from './log-model.js';
import { MlflowApi, MlflowError } from './mlflow-api.js';
import { type MlflowMetric, type MlflowParameter, mlflowMetrics } from './mlflow-entries.js';
import type { OnnxModel } from './onnx-model.js';
import { readRecord, type SentRecord, writeRecord } from './sent-record.js';

export interface MlflowTarget {
  readonly uri: string;
  readonly experiment: string;
  /** The registered model that the run's becomes a version of. */
  readonly registeredModel?: string;
}

export interface SentRun {
  readonly folder: string;
  readonly parameters: readonly MlflowParameter[];
  /** Makes ONNX of the run's model, once it has ended; undefined where ONNX cannot express it, of which it has warned. */
  readonly model: () => Promise<OnnxModel | undefined>;
}

/** How a run stands, in MLflow's words. */
export type MlflowStatus = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

/** What one request may hold. */
const mostMetrics = 1000;
const mostParameters = 100;
/** Bytes of the log that are read at once. */
const blockBytes = 1 << 20;

const nothingSent = { hasParameters: false, step: 0, epoch: 0, tested: 0, hasEnd: false };

export class MlflowSender {
  readonly #target: MlflowTarget;
  readonly #run: SentRun;
  readonly #api: MlflowApi;
  #record: SentRecord | undefined;
  /** Bytes of the log that are sent, and the step of its last line there. */
  #offset = 0;
  #last = 0;

  /** @throws ConfigError where the record of what was sent cannot be read */
  constructor(target: MlflowTarget, run: SentRun) {
    this.#target = target;
    this.#run = run;
    this.#api = new MlflowApi(target.uri, process.env);
    const record = readRecord(run.folder);
    // Another server or experiment has nothing of it.
    if (record?.uri === target.uri && record.experiment === target.experiment) this.#record = record;
  }

  /** Whether MLflow has all of the run. */
  get hasEnd(): boolean {
    return this.#record?.hasEnd === true;
  }

  /** The run goes on: it will have another end. */
  reopen(): void {
    if (this.hasEnd) this.#keep({ hasEnd: false });
  }

  /**
   * Sends what is new. It can be called again where it failed: it goes on behind what was taken.
   * @throws MlflowError where the server is not there, or refuses
   */
  async send(signal: AbortSignal): Promise<void> {
    const record = this.#record ?? (await this.#create(signal));
    if (!record.hasParameters) await this.#sendParameters(record, signal);
    await this.#sendLog(signal);
  }

  /** Tells how the run stands. @param withFiles whether its config and models are sent too: it has ended */
  async finish(status: MlflowStatus, withFiles: boolean, signal: AbortSignal): Promise<void> {
    const { runId } = this.#record!;
    const end = status === 'RUNNING' ? {} : { end_time: Date.now() };
    await this.#api.post('runs/update', { run_id: runId, status, ...end }, signal);
    if (withFiles) {
      await this.#sendFiles(signal);
      await this.#sendModel(signal);
    }
    this.#keep({ hasEnd: status === 'FINISHED' });
  }

  #keep(change: Partial<SentRecord>): void {
    this.#record = { ...this.#record!, ...change };
    writeRecord(this.#run.folder, this.#record);
  }

  async #create(signal: AbortSignal): Promise<SentRecord> {
    const tags = [
      { key: 'mlflow.source.name', value: 'lockstep' },
      { key: 'lockstep.folder', value: resolve(this.#run.folder) },
    ];
    const body = {
      experiment_id: await this.#experiment(signal),
      run_name: basename(this.#run.folder),
      start_time: Date.now(),
      tags,
    };
    const { run } = (await this.#api.post('runs/create', body, signal)) as {
      run: { info: { run_id: string; artifact_uri: string } };
    };
    const { run_id: runId, artifact_uri: artifactUri } = run.info;
    const { uri, experiment } = this.#target;
    this.#record = { uri, experiment, runId, artifactUri, ...nothingSent };
    this.#keep({});
    return this.#record;
  }

  async #experiment(signal: AbortSignal): Promise<string> {
    const name = this.#target.experiment;
    const find = async () => {
      const found = await this.#api.get('experiments/get-by-name', { experiment_name: name }, signal);
      return (found as { experiment: { experiment_id: string } }).experiment.experiment_id;
    };
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof MlflowError) || error.code !== 'RESOURCE_DOES_NOT_EXIST') throw error;
    }
    try {
      const made = await this.#api.post('experiments/create', { name }, signal);
      return (made as { experiment_id: string }).experiment_id;
    } catch (error) {
      // Another run has made it meanwhile.
      if (error instanceof MlflowError && error.code === 'RESOURCE_ALREADY_EXISTS') return find();
      throw error;
    }
  }

  /** Once: what a resumed run has changed since, MLflow would refuse. */
  async #sendParameters({ runId }: SentRecord, signal: AbortSignal): Promise<void> {
    const { parameters } = this.#run;
    for (let i = 0; i < parameters.length; i += mostParameters) {
      const params = parameters.slice(i, i + mostParameters);
      await this.#api.post('runs/log-batch', { run_id: runId, params }, signal);
    }
    this.#keep({ hasParameters: true });
  }

  async #sendLog(signal: AbortSignal): Promise<void> {
    const file = await open(join(this.#run.folder, metricsName));
    try {
      const block = Buffer.alloc(blockBytes);
      for (;;) {
        const { bytesRead } = await file.read(block, 0, blockBytes, this.#offset);
        const end = block.subarray(0, bytesRead).lastIndexOf('\n') + 1;
        if (end === 0) return;
        await this.#sendLines(block.toString('utf8', 0, end).trimEnd().split('\n'), signal);
        this.#offset += end;
      }
    } finally {
      await file.close();
    }
  }

  /** Those of steps and epochs that it has not got; a run that is taken up again takes some of them again, to the same numbers. */
  async #sendLines(lines: readonly string[], signal: AbortSignal): Promise<void> {
    let batch: MlflowMetric[] = [];
    let { step, epoch, tested } = this.#record!;
    const post = async () => {
      if (batch.length > 0) {
        await this.#api.post('runs/log-batch', { run_id: this.#record!.runId, metrics: batch }, signal);
        this.#keep({ step, epoch, tested });
      }
      batch = [];
    };
    for (const text of lines) {
      const line = JSON.parse(text) as LoggedEvent;
      this.#last = line.step ?? this.#last;
      if (line.event === 'step' && line.step! <= step) continue;
      if (line.event === 'epoch' && (line.epoch as number) <= epoch) continue;
      if (line.event === 'end' && this.#last <= tested) continue;
      const metrics = mlflowMetrics(line, this.#last, Date.now());
      if (batch.length + metrics.length > mostMetrics) await post();
      batch.push(...metrics.slice(0, mostMetrics));
      if (line.event === 'step') step = line.step!;
      if (line.event === 'epoch') epoch = line.epoch as number;
      if (line.event === 'end' && line.interrupted !== true) tested = this.#last;
    }
    await post();
  }

  /** Config and models, to a server that keeps files itself. @throws MlflowError where it does not */
  async #sendFiles(signal: AbortSignal): Promise<void> {
    const { artifactUri } = this.#record!;
    const place = storePlace(artifactUri);
    const { folder } = this.#run;
    const files = ['config.yaml'];
    for (const name of ['model', 'best']) {
      const entries = await readdir(join(folder, name), { recursive: true, withFileTypes: true }).catch(() => []);
      for (const entry of entries) {
        if (entry.isFile()) files.push(relative(folder, join(entry.parentPath, entry.name)));
      }
    }
    for (const file of files) {
      await this.#api.put(posix.join(place, file.replaceAll(sep, '/')), await openAsBlob(join(folder, file)), signal);
    }
  }
  /** Once for each end: on the server it is another one each time. @throws MlflowError where the server refuses it */
  async #sendModel(signal: AbortSignal): Promise<void> {
    const { runId, artifactUri } = this.#record!;
    const { registeredModel } = this.#target;
    const step = this.#last;
    if (this.#record!.model?.step !== step) {
      const model = await this.#run.model();
      if (!model) return;
      const place = { runId, artifactUri, experimentId: await this.#experiment(signal), step };
      const name = basename(this.#run.folder).replace(/[^\w -]/g, '_');
      const logged = await logModel(this.#api, model, place, name, signal);
      this.#keep({ model: { ...logged, step, isRegistered: false } });
    }
    const logged = this.#record!.model!;
    if (registeredModel === undefined || logged.isRegistered) return;
    await registerModel(this.#api, logged, runId, registeredModel, signal);
    this.#keep({ model: { ...logged, isRegistered: true } });
  }
}
