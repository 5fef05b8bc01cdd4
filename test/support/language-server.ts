/** The compiler's language server, as editors run it: what it says of a place in a file. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export class LanguageServer {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #received = Buffer.alloc(0);
  #requests = 0;

  private constructor(root: string) {
    // The package exports no path to its compiler except package.json, which stands beside bin/.
    const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
    const command = [join(typescript, 'bin', 'tsc'), '--lsp', '--stdio'];
    this.#process = spawn(process.execPath, command, { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#process.stdout.on('data', (bytes: Buffer) => this.#receive(bytes));
    this.#process.on('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the language server ended with ${code}`));
    });
  }

  /** @param root folder of the project */
  static async start(root: string): Promise<LanguageServer> {
    const server = new LanguageServer(root);
    const capabilities = { textDocument: { hover: { contentFormat: ['markdown'] } } };
    await server.#request('initialize', { processId: process.pid, rootUri: uriOf(root), capabilities });
    server.#notify('initialized', {});
    return server;
  }

  /** Opens a file that need not be on the disk. */
  open(file: string, text: string): void {
    this.#notify('textDocument/didOpen', {
      textDocument: { uri: uriOf(file), languageId: 'typescript', version: 1, text },
    });
  }

  /** What is shown where the pointer rests, from 0; nothing where there is nothing to say. */
  async hover(file: string, line: number, character: number): Promise<string> {
    const place = { textDocument: { uri: uriOf(file) }, position: { line, character } };
    const result = (await this.#request('textDocument/hover', place)) as { contents: { value: string } } | null;
    return result?.contents.value ?? '';
  }

  async stop(): Promise<void> {
    await this.#request('shutdown');
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#notify('exit');
    await ended;
  }

  #request(method: string, params?: unknown): Promise<unknown> {
    const id = ++this.#requests;
    this.#send({ id, method, params });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #notify(method: string, params?: unknown): void {
    this.#send({ method, params });
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#process.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #receive(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const head = this.#received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.#received.toString('latin1', 0, head))?.[1]);
      if (this.#received.length < head + 4 + length) return;
      const body = this.#received.toString('utf8', head + 4, head + 4 + length);
      this.#received = this.#received.subarray(head + 4 + length);
      this.#answer(JSON.parse(body) as Message);
    }
  }

  #answer({ id, method, result, error }: Message): void {
    // A question of the server's own, such as for settings: it has to be answered, and nothing is set.
    if (method !== undefined) {
      if (id !== undefined) this.#send({ id, result: null });
      return;
    }
    const asked = this.#waiting.get(id as number);
    this.#waiting.delete(id as number);
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result);
  }
}

const uriOf = (file: string): string => pathToFileURL(file).href;
