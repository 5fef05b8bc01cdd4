/** An ONNX model as MLflow keeps models: a folder with a file MLmodel that says how to load it. */
import { stringify } from 'yaml';

/** What goes into a model or comes out of it, without the axis of the batch. */
export interface ModelPort {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A trained model as a file, with what is to be told of it. All its inputs and outputs are float32. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** Examples of a batch; any number where there is none. */
  readonly batch: number | undefined;
  readonly inputs: readonly ModelPort[];
  /** Undefined where some are of another type. */
  readonly outputs: readonly ModelPort[] | undefined;
}

const modelFile = 'model.onnx';
const requirements = ['mlflow', 'onnx', 'onnxruntime'];

/**
 * Files of the folder by their names, as `mlflow.onnx.save_model` of MLflow 3 writes them: flavors `onnx` and `python_function`.
 * @param ids of the run, and of the logged model where the server knows such
 */
export function onnxModelFiles(
  model: OnnxModel,
  ids: { readonly run: string; readonly model: string | undefined },
): ReadonlyMap<string, Uint8Array | string> {
  const env = { conda: 'conda.yaml', virtualenv: 'python_env.yaml' };
  const described = {
    run_id: ids.run,
    model_id: ids.model ?? null,
    utc_time_created: new Date().toISOString().replace('T', ' ').replace('Z', '000'),
    flavors: {
      onnx: { data: modelFile, providers: ['CPUExecutionProvider'] },
      python_function: { loader_module: 'mlflow.onnx', data: modelFile, env },
    },
    model_size_bytes: model.bytes.length,
    signature: {
      inputs: schema(model.inputs, model.batch),
      ...(model.outputs && { outputs: schema(model.outputs, model.batch) }),
    },
  };
  const conda = {
    name: 'mlflow-env',
    channels: ['conda-forge'],
    dependencies: ['python', 'pip', { pip: requirements }],
  };
  return new Map<string, Uint8Array | string>([
    [modelFile, model.bytes],
    ['requirements.txt', `${requirements.join('\n')}\n`],
    [env.conda, stringify(conda)],
    [env.virtualenv, stringify({ python: '3.11', dependencies: ['-r requirements.txt'] })],
    // Last: it says that the others are there.
    ['MLmodel', stringify(described)],
  ]);
}

/** One alone has no name: it takes arrays and tables as they are, where those with names want them by name. */
function schema(ports: readonly ModelPort[], batch = -1): string {
  return JSON.stringify(
    ports.map(({ name, shape }) => ({
      type: 'tensor',
      'tensor-spec': { dtype: 'float32', shape: [batch, ...shape] },
      ...(ports.length > 1 && { name }),
    })),
  );
}
