/** OpenMetrics over HTTP, for Prometheus to scrape: `GET /metrics`, and nothing else. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { ConfigError } from '../../errors.js';
import type { Reporter } from '../../report/events.js';
import { MetricsExporter } from './metrics-exporter.js';

/** Where metrics are served. */
export interface MetricsOptions {
  /** 0 for any. */
  readonly port: number;
  /** Address to listen on; default 127.0.0.1. Whoever reaches it can read the metrics. */
  readonly host?: string;
}

/** Metrics that are served until they are closed. */
export interface ServedMetrics {
  /** Where they are. */
  readonly url: string;
  /** What a run is to tell its events to. */
  readonly report: Reporter;
  close(): Promise<void>;
}

/** A scraper needs one; what comes beyond these is closed at once. */
const mostConnections = 32;
/** Milliseconds that a request may take to arrive. */
const patience = 5000;

/**
 * Serves the metrics of one run, from before it starts until they are closed.
 * @throws ConfigError when it cannot listen there
 */
export async function serveMetrics({ port, host = '127.0.0.1' }: MetricsOptions): Promise<ServedMetrics> {
  const metrics = new MetricsExporter(await import('prom-client'));
  const answer = answering(metrics, isLoopback(host));
  const server = createServer({ requestTimeout: patience, headersTimeout: patience, keepAliveTimeout: 65_000 }, answer);
  server.maxConnections = mostConnections;
  // A run that fails before it is closed must not hang on it.
  server.unref();
  server.on('connection', (socket) => socket.unref().setTimeout(120_000, () => socket.destroy()));
  server.listen(port, host);
  await once(server, 'listening').catch((error: Error) => {
    throw new ConfigError(
      `--metrics-port ${port}: cannot listen on ${host} (${error.message})`,
      'use another port, or 0 for any that is free',
    );
  });
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return {
    url: `http://${name}:${(server.address() as AddressInfo).port}/metrics`,
    report: metrics.report,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

/** A page of another origin, whose name leads to this machine, is told nothing. */
function isOwnName({ headers: { host = '' } }: IncomingMessage): boolean {
  return isLoopback(host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
}

function answering(metrics: MetricsExporter, isLocal: boolean): RequestListener {
  return async (request, response) => {
    const refuse = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    if (isLocal && !isOwnName(request)) return refuse(403, 'ask by the address of this machine');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'GET alone');
    if (request.url !== '/metrics') return refuse(404, 'there is /metrics alone');
    const text = await metrics.print();
    response.writeHead(200, { 'content-type': metrics.contentType });
    return response.end(request.method === 'HEAD' ? undefined : text);
  };
}
