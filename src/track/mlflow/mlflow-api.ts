/** MLflow's tracking server by its REST interface (version 2.0): requests, and what they are refused with. */

/** A request that was not answered, or with a refusal. */
export class MlflowError extends Error {
  /** MLflow's own name for it, such as RESOURCE_DOES_NOT_EXIST; undefined where nobody answered. */
  readonly code: string | undefined;
  /** Of HTTP; undefined where nobody answered. */
  readonly status: number | undefined;

  constructor(message: string, code?: string, status?: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Milliseconds that a request may take. */
const patience = 10_000;

export class MlflowApi {
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param uri of the server. Whoever asks is named by the variables that MLflow's own client reads */
  constructor(uri: string, environment: NodeJS.ProcessEnv) {
    this.#base = uri.replace(/\/+$/, '');
    const {
      MLFLOW_TRACKING_TOKEN: token,
      MLFLOW_TRACKING_USERNAME: user,
      MLFLOW_TRACKING_PASSWORD: password,
    } = environment;
    const basic = () => `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
    const authorization = token ? `Bearer ${token}` : user ? basic() : undefined;
    this.#headers = authorization ? { authorization } : {};
  }

  get(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<unknown> {
    return this.#ask(`/api/2.0/mlflow/${path}?${new URLSearchParams(query)}`, { method: 'GET' }, signal);
  }

  post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return this.#send('POST', path, body, signal);
  }

  patch(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return this.#send('PATCH', path, body, signal);
  }

  #send(method: string, path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return this.#ask(`/api/2.0/mlflow/${path}`, { method, headers, body: JSON.stringify(body) }, signal);
  }

  /** Uploads a file to a server that keeps artifacts itself. @param path below its store */
  async put(path: string, file: Blob, signal: AbortSignal): Promise<void> {
    const place = path.split('/').map(encodeURIComponent).join('/');
    // A large model takes its time.
    const request = { method: 'PUT', body: file };
    await this.#ask(`/api/2.0/mlflow-artifacts/artifacts/${place}`, request, signal, 20 * patience);
  }

  async #ask(path: string, request: RequestInit, signal: AbortSignal, most = patience): Promise<unknown> {
    try {
      const response = await fetch(this.#base + path, {
        ...request,
        headers: { ...this.#headers, ...(request.headers as Record<string, string>) },
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(most)]),
      });
      const text = await response.text();
      if (response.ok) return text === '' ? {} : JSON.parse(text);
      throw refusal(response.status, text);
    } catch (error) {
      if (error instanceof MlflowError) throw error;
      const { message, cause } = error as Error;
      throw new MlflowError(cause instanceof Error ? cause.message : message);
    }
  }
}

function refusal(status: number, text: string): MlflowError {
  try {
    const { error_code: code, message } = JSON.parse(text) as { error_code?: string; message?: string };
    return new MlflowError(`${status} ${code ?? ''}: ${String(message).slice(0, 300)}`, code, status);
  } catch {
    return new MlflowError(`the answer was ${status}`, undefined, status);
  }
}
