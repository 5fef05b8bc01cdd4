/** A server that takes what a run sends to MLflow, and keeps nothing. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StandIn {
  readonly uri: string;
  /** How many requests have come. */
  readonly requests: () => number;
  readonly close: () => void;
}

const run = { info: { run_id: 'r1', artifact_uri: 'mlflow-artifacts:/1/r1/artifacts' } };

export async function standInForMlflow(): Promise<StandIn> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    request.resume();
    const url = request.url ?? '';
    const isUnknown = url.includes('get-by-name') || url.includes('logged-models');
    if (isUnknown) response.writeHead(404).end('{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"}');
    else if (url.endsWith('experiments/create')) response.end('{"experiment_id":"1"}');
    else response.end(url.endsWith('runs/create') ? JSON.stringify({ run }) : '{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests, close };
}
