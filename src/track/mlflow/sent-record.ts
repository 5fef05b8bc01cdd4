/** What MLflow has of a run already, kept in the run's folder: what is missed is sent later, and nothing twice. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../errors.js';
import { writeFileAtomically } from '../../ground/atomic-file.js';
import { readJsonFile } from '../../ground/json-file.js';

const schema = z.strictObject({
  uri: z.string(),
  experiment: z.string(),
  /** MLflow's name of the run, and the place of its files. */
  runId: z.string(),
  artifactUri: z.string(),
  hasParameters: z.boolean(),
  /** The last step and the last epoch whose metrics it has. */
  step: z.int().min(0),
  epoch: z.int().min(0),
  /** The step whose model was tested last, of the tests that it has. */
  tested: z.int().min(0),
  /** Where it has the model, as it was after a step. */
  model: z
    .strictObject({ id: z.string().optional(), uri: z.string(), step: z.int().min(0), isRegistered: z.boolean() })
    .optional(),
  /** Whether it has the end of the run, with its files. */
  hasEnd: z.boolean(),
});

export type SentRecord = z.output<typeof schema>;

const recordFile = (folder: string): string => join(folder, 'mlflow.json');

/** @returns undefined where nothing was sent yet. @throws ConfigError when the file is not one of ours */
export function readRecord(folder: string): SentRecord | undefined {
  const file = recordFile(folder);
  if (!existsSync(file)) return undefined;
  return readJsonFile(file, schema, {
    Failure: ConfigError,
    what: 'what was sent to MLflow',
    remedy: 'delete it: the run is sent anew then, beside what is there',
  });
}

/** @throws OutputError when it cannot be written */
export function writeRecord(folder: string, record: SentRecord): void {
  writeFileAtomically(recordFile(folder), `${JSON.stringify(record, null, 2)}\n`);
}
