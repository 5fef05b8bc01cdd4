/** Serves the page that shows runs: their list, their curves, their files, and a stream of what changes. */

import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { ConfigError } from '../errors.js';
import { Guard, type Refusal } from './guard.js';
import { pageFiles, pagePolicy } from './page-files.js';
import { RunRoutes } from './run-routes.js';

/** Connections at once; more are closed as they come. */
const mostConnections = 256;
/** Milliseconds that a connection stays open without a request: longer than between two that a page asks for curves. */
const idle = 30_000;

export interface ServeOptions {
  /** The folder that holds the runs' folders. */
  readonly folder: string;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** What whoever wants to stop a run, or to read from another machine, has to know. */
  readonly token: string;
}

export interface RunServer {
  /** Where the page is, without the token. */
  readonly url: string;
  /** Whether only this machine can connect. */
  readonly isLocal: boolean;
  close(): Promise<void>;
}

/** @throws ConfigError when it cannot listen there */
export async function serveRuns({ folder, host, port, token }: ServeOptions): Promise<RunServer> {
  const address = await addressOf(host);
  const isLocal = /^(?:127\.|::1$)/.test(address);
  const guard = new Guard({ token, isLocal, host });
  const routes = new RunRoutes(folder);
  const files = pageFiles();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const stranger = guard.refuseStranger(request);
    if (stranger) return refuse(response, stranger);
    const file = request.method === 'GET' ? files.get(pathname) : undefined;
    // The page itself tells nothing: it asks for the token.
    if (file) {
      response.setHeader('content-security-policy', pagePolicy);
      return void response.writeHead(200, { 'content-type': file.type }).end(file.content);
    }
    if (request.method === 'POST') {
      request.resume();
      if (!guard.hasToken(request)) return refuse(response, { status: 401, problem: 'the token is missing or wrong' });
      if (pathname === '/api/session') return void response.writeHead(204, { 'set-cookie': guard.cookie }).end();
      return routes.act(pathname, searchParams, response);
    }
    const reader = guard.refuseReader(request);
    if (reader) return refuse(response, reader);
    return routes.read(pathname, searchParams, request, response);
  };
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: idle },
    (request, response) => {
      answer(request, response).catch(() => fail(response));
    },
  );
  server.maxConnections = mostConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(host, port, error)));
    server.listen({ host: address, port }, resolve);
  });
  const { port: open } = server.address() as AddressInfo;
  const close = async () => {
    routes.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${open}/`, isLocal, close };
}

const headers = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

function refuse(response: ServerResponse, { status, problem }: Refusal): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ problem }));
}

/** What is wrong with one answer is no reason to end. */
function fail(response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(500).end();
}

async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch {
    throw new ConfigError(`--host ${host}: is no name or address of this machine`, 'use 127.0.0.1, or 0.0.0.0 for all');
  }
}

function cannotListen(host: string, port: number, { code, message }: NodeJS.ErrnoException): ConfigError {
  if (code === 'EADDRINUSE') {
    return new ConfigError(`--port ${port}: another program listens there already`, 'use another, or --port 0 for any');
  }
  return new ConfigError(`cannot listen on ${host}:${port} (${code ?? message})`, 'use another --host or --port');
}
