/** A web server on loopback that serves a few files, with ranges and versions, and fails when told to. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

/** Answers one request in its own way. */
export type Fault = (response: ServerResponse, content: Buffer, request: IncomingMessage) => void;

export interface FileServer {
  /** Ends with a slash. */
  readonly url: string;
  readonly host: string;
  /** By path, without the slash. */
  readonly files: Map<string, Buffer>;
  /** For the next requests, one each, in order. */
  readonly faults: Fault[];
  /** What was asked so far. */
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** Ends the connections that are open. */
  drop(): void;
  close(): Promise<void>;
}

/** Is closed when the test has ended. */
export async function fileServer(files: Record<string, Buffer>): Promise<FileServer> {
  const contents = new Map(Object.entries(files));
  const faults: Fault[] = [];
  const requests: FileServer['requests'] = [];
  const server = createServer((request, response) => {
    const path = request.url!.slice(1);
    requests.push({ path, headers: request.headers });
    const content = contents.get(path);
    const fault = faults.shift();
    if (fault) fault(response, content ?? Buffer.alloc(0), request);
    else if (content) serve(request, response, content);
    else response.writeHead(404).end('no such file');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  open.push(close);
  return {
    url: `http://${host}/`,
    host,
    files: contents,
    faults,
    requests,
    drop: () => server.closeAllConnections(),
    close,
  };
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** Of these tests' files: their length and first byte. */
export function etagOf(content: Buffer): string {
  return `"${content.length}-${content[0]}"`;
}

function serve({ headers }: IncomingMessage, response: ServerResponse, content: Buffer): void {
  const etag = etagOf(content);
  const [, start] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? [];
  const sameVersion = headers['if-range'] === undefined || headers['if-range'] === etag;
  if (start === undefined || !sameVersion) {
    response.writeHead(200, { etag, 'content-length': content.length }).end(content);
  } else if (Number(start) >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
  } else {
    const part = content.subarray(Number(start));
    const range = `bytes ${start}-${content.length - 1}/${content.length}`;
    response.writeHead(206, { etag, 'content-length': part.length, 'content-range': range }).end(part);
  }
}

/** Promises the file from byte `from` on, sends `length` bytes of it and nothing more. */
export function stallAfter(length: number, from = 0): Fault {
  return (response, content) => {
    const range = { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` };
    const headers = { etag: etagOf(content), 'content-length': content.length - from };
    response.writeHead(from > 0 ? 206 : 200, { ...headers, ...(from > 0 && range) });
    response.write(content.subarray(from, from + length));
  };
}

export function answerWith(status: number, headers: Record<string, string> = {}, body = ''): Fault {
  return (response) => {
    response.writeHead(status, headers).end(body);
  };
}
